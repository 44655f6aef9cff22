# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Cameras, back-projection, normals, warping, the sphere of a panorama and point clouds."""
