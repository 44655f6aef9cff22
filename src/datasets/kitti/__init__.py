# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""KITTI raw: calibration, velodyne scans, stereo frames with sparse ground truth, frame lists."""
