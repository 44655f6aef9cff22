# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth of equirectangular panoramas; after Lim Chao's pano depth, whose code is not public."""
