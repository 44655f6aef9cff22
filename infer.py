# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth of your own pictures: `python infer.py pictures/ Model/ONNX/FinalFineNet.onnx`."""
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from src.config import load_settings
from src.deploy.outputs import VideoWriter, color_limits, color_picture, write_outputs
from src.deploy.pictures import camera_of, find_files, frame_kind, is_video, read_frames, video_rate
from src.deploy.runtimes import graph_of, open_runners
from src.errors import run_command
from src.files import write_json
from src.graph import Graph
from src.method import Method, Sample, build_method
from src.prediction import Runners, predict, read_samples

_DESCRIPTION = """Predict metric depth for a picture, a folder, a list file or a video.

MODEL is the folder of a training (--train_url), of checkpoints or of exported files, or one .onnx, .mindir or
.ckpt file, whose own depth it gives; the models that it builds on are found beside it. Writes <name>.npy
(float32 metres), <name>_depth.png (16 bit, --png_scale units a metre), <name>_color.png with a scale in
metres, and on demand <name>_normal.png and <name>.ply; a video gives <name>_depth.mp4. 0 means no reading.
index.json names the files and what they hold.

Where a sample consists of several files, INPUT is A,B: the files of one sample, or a folder for each kind of
file, in which the files of a sample have the same name; or a list file with one sample a line. Models that
give a map for each of several pictures write <name>_<net>.npy and so on.

  python infer.py photo.jpg Model                                 checkpoints of ./Model/Ckpt or ONNX files
  python infer.py pictures/ Model/ONNX/FinalFineNet.onnx --output_dir depth
  python infer.py photo.jpg Model --save npy,color,ply --fov_deg 70
  python infer.py clip.mp4 Model/ONNX/FinalFineNet.onnx
  python infer.py left.png,right.png Model                        a stereo pair (mergedepth)
  python infer.py image_02/data,image_03/data Model               all pairs of two folders
  python infer.py left.png Model/ONNX/FinalLeftNet.onnx           one view alone
  python infer.py depth/,colour/,mask/ Model                      frames of a depth camera (ddrnet)"""
_POSITIONALS = {"input": "picture, folder, list file (.txt, .csv) or video; A,B for several files a sample",
                "model": "folder of a training, or an .onnx, .mindir or .ckpt file"}


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


def main(argv: list[str]) -> None:
    """Parse the settings, predict, write."""
    settings = load_settings("infer", _DESCRIPTION, argv, _POSITIONALS, trained_in="model")
    method = build_method(settings)
    graph = graph_of(method, settings.model)
    source = Path(settings.input)
    infer = _infer_video if is_video(source) and source.is_file() else _infer_files
    entries = list(infer(method, graph, settings.input))
    index = {"method": method.name, "unit": "m", "depth": method.depth_kind, "png_scale": settings.png_scale,
             "model": settings.model, "samples": entries, "settings": settings.plain()}
    write_json(Path(settings.output_dir) / "index.json", index)
    print(f"{len(entries)} depth maps ({method.depth_kind} in metres) written to {settings.output_dir}")


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
    camera = camera_of(method.settings, found.sample, own_file)
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
                      disable=not sys.stderr.isatty()):
        yield _write(method, graph, found, files[found.sample.name])


def _infer_video(method: Method, graph: Graph, given: str) -> Iterator[dict]:
    """Write the depth video; the colour scale is the first frame's unless given: it does not flicker."""
    settings, path = method.settings, Path(given)
    kind = frame_kind(method, graph)
    runners = open_runners(method, graph, settings.model)
    target = Path(settings.output_dir) / f"{path.stem}_depth.mp4"
    frames = tqdm(_maps(method, graph, runners, read_frames(method, kind, path)), unit="frame",
                  disable=not sys.stderr.isatty())
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


if __name__ == "__main__":
    sys.exit(run_command(main))
