# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic scenes with exact depth, written in the layouts of real data sets.

The modules, from the bottom: `camera` (rays), `shapes` (exact intersections), `textures`, `scene` (the
record), `rooms` and `furniture` (random scenes), `render` (rays in, colour and distance out), `views`
(camera poses), `sensor` (photograph and Kinect), `layout_nyu` (files), `generate` (worker processes and the
output folder), `__main__` (command line). Rendering knows no layout: a layout is one more writer that
brings its own rays. Close-ups, for `layout_ddrnet`, are `objects` (exact shapes with relief), `still_life`
(random groups and views of them) and `lighting` (harmonic light). Outdoors, for `layout_kitti`, are `streets`
(random scenes and drives through them), `street_objects`, `street_textures`, `lidar` (scans) and `kitti_rig`
(cameras and calibration files). Panoramas, for `layout_panorama`, are `interiors` (divided rooms, places for
a tripod) and `mesh` (.obj files).
"""
