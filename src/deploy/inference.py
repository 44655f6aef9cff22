# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Predict the depth of a user's own pictures or of a video, and write it: what infer.py does."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from src.deploy.outputs import VideoWriter, color_limits, color_picture, write_outputs
from src.deploy.pictures import camera_of, find_files, frame_kind, is_video, read_frames, video_rate
from src.deploy.runtimes import graph_of, open_runners
from src.graph import Graph
from src.method import Method, Sample
from src.prediction import Runners, predict, read_samples


class _Files:
    """The samples behind a list of files, read when indexed."""

    def __init__(self, method: Method, rows: list):
        self.method = method
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        name, files = self.rows[index]
        return self.method.prepare(name, files)


class _Map(NamedTuple):
    """One result of one sample.

    Attributes:
        result: as the graph names it.
        sample: with the picture of the result's own view.
        depth_m: (H, W) metres, at that picture's size.
        seen: (H, W) bool, where the network has looked.
    """

    result: str
    sample: Sample
    depth_m: np.ndarray
    seen: np.ndarray


def infer(method: Method) -> list[dict]:
    """Predict depth for `input` with `model`, and write it to `output_dir` (the method's settings).

    Returns:
        an entry of index.json for each map, or for the video: the names of its files and what they hold.

    Raises:
        UserError: the pictures, the video or the models cannot be used.
    """
    settings = method.settings
    graph, source = graph_of(method, settings.model), Path(settings.input)
    write = _infer_video if is_video(source) and source.is_file() else _infer_files
    return list(write(method, graph, settings.input))


def _maps(method: Method, graph: Graph, runners: Runners, samples: Iterator[Sample]) -> Iterator[_Map]:
    """Yield every result of every sample."""
    for sample, maps in predict(method, graph, runners, samples):
        for result, map_m in maps.items():
            view = dataclasses.replace(sample, rgb=method.view_of(result, sample)[0])
            yield _Map(result, view, *method.to_full(map_m, view))


def _write(method: Method, graph: Graph, found: _Map, files: Mapping[str, Path]) -> dict:
    """Write the files of one map; return its entry in index.json."""
    name, net = found.sample.name, method.net_of(found.result)
    own_file = files.get(method.files_of(method.graph.upto((found.result,)))[0])
    camera = camera_of(method.settings, found.sample, own_file) if method.needs_camera else None
    camera = camera and method.camera_of(found.result, camera)
    stem = name if len(graph.results) == 1 else f"{name}_{net}"
    written = write_outputs(method, found.sample, stem, found.depth_m, found.seen, camera)
    return {"name": name, "net": net, **written}


def _infer_files(method: Method, graph: Graph, given: str) -> Iterator[dict]:
    """Write the maps of every sample that `given` names."""
    rows = find_files(method, graph, given)
    runners = open_runners(method, graph, method.settings.model)
    files = dict(rows)
    maps = _maps(method, graph, runners, read_samples(method, _Files(method, rows)))
    for found in tqdm(maps, total=len(rows) * len(graph.results), unit="map",
                      disable=None):
        yield _write(method, graph, found, files[found.sample.name])


def _infer_video(method: Method, graph: Graph, given: str) -> Iterator[dict]:
    """Write the depth video; the colour scale is the first frame's unless given: it does not flicker."""
    settings, path = method.settings, Path(given)
    kind = frame_kind(method, graph)
    runners = open_runners(method, graph, settings.model)
    target = Path(settings.output_dir) / f"{path.stem}_depth.mp4"
    frames = tqdm(_maps(method, graph, runners, read_frames(method, kind, path)), unit="frame",
                  disable=None)
    with VideoWriter(target, video_rate(path)) as video:
        for number, found in enumerate(frames):
            if number == 0:
                low, high = color_limits(found.depth_m, found.seen, settings)
                settings = settings.replace(min_depth_m=low, far_depth_m=high)
            video.add(color_picture(found.depth_m, found.seen, settings))
            if method.settings.given("save"):  # files for every frame on demand only
                yield _write(method, graph, found, {})
    yield {"name": path.stem, "net": method.net_of(graph.results[0]), "files": [target.name],
           "frames": number + 1}
