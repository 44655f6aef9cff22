# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet: coarse and fine nets of Eigen, Puhrsch and Fergus (2014)."""
