# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth: depth from each view of a stereo pair, trained with lidar and with each other."""
