# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet: denoise and refine the depth maps of consumer cameras (Yan et al., ECCV 2018)."""
