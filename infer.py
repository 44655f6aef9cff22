# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth of your own pictures: `python infer.py pictures/ Model/ONNX/FinalFineNet.onnx`."""
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from src.config import load_settings
from src.deploy.outputs import VideoWriter, color_limits, color_picture, write_outputs
from src.deploy.pictures import camera_of, find_files, is_video, read_frames, video_rate
from src.deploy.runtimes import open_runners
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

  python infer.py photo.jpg Model                                 checkpoints of ./Model/Ckpt or ONNX files
  python infer.py pictures/ Model/ONNX/FinalFineNet.onnx --output_dir depth
  python infer.py photo.jpg Model --save npy,color,ply --fov_deg 70
  python infer.py clip.mp4 Model/ONNX/FinalFineNet.onnx"""
_POSITIONALS = {"input": "picture, folder, list file (.txt, .csv) or video",
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


def main(argv: list[str]) -> None:
    """Parse the settings, predict, write."""
    settings = load_settings("infer", _DESCRIPTION, argv, _POSITIONALS, trained_in="model")
    method = build_method(settings)
    source = Path(settings.input)
    if is_video(source) and source.is_file():
        graph, runners = open_runners(method, settings.model)
        entries = list(_infer_video(method, graph, runners, source))
    else:
        rows = find_files(method, settings.input)
        graph, runners = open_runners(method, settings.model)
        entries = list(_infer_files(method, graph, runners, rows))
    index = {"method": method.name, "unit": "m", "depth": method.depth_kind, "png_scale": settings.png_scale,
             "model": settings.model, "samples": entries, "settings": settings.plain()}
    write_json(Path(settings.output_dir) / "index.json", index)
    print(f"{len(entries)} depth maps ({method.depth_kind} in metres) written to {settings.output_dir}")


def _maps(method: Method, graph: Graph, runners: Runners, samples: Iterator[Sample]) -> Iterator[tuple]:
    """Yield (sample, full-size depth, seen) of the graph's only result."""
    for sample, maps in predict(method, graph, runners, samples):
        depth_m, seen = method.to_full(maps[graph.results[0]], sample)
        yield sample, depth_m, seen


def _infer_files(method: Method, graph: Graph, runners: Runners, rows: list) -> Iterator[dict]:
    samples = read_samples(method, _Files(method, rows))
    bar = tqdm(_maps(method, graph, runners, samples), total=len(rows), unit="image",
               disable=not sys.stderr.isatty())
    for (_, files), (sample, depth_m, seen) in zip(rows, bar):
        camera = camera_of(method.settings, sample, Path(files[0]))
        yield write_outputs(method, sample, depth_m, seen, camera)


def _infer_video(method: Method, graph: Graph, runners: Runners, path: Path) -> Iterator[dict]:
    """Write the depth video; the colour scale is the first frame's unless given: it does not flicker."""
    settings = method.settings
    target = Path(settings.output_dir) / f"{path.stem}_depth.mp4"
    frames = tqdm(_maps(method, graph, runners, read_frames(method, path)), unit="frame",
                  disable=not sys.stderr.isatty())
    with VideoWriter(target, video_rate(path)) as video:
        for number, (sample, depth_m, seen) in enumerate(frames):
            if number == 0:
                low, high = color_limits(depth_m, seen, settings)
                settings = settings.replace(min_depth_m=low, far_depth_m=high)
            video.add(color_picture(depth_m, seen, settings))
            if settings.given("save"):  # files for every frame on demand only
                camera = camera_of(settings, sample, None)
                yield write_outputs(method, sample, depth_m, seen, camera)
    yield {"name": path.stem, "files": [target.name], "frames": number + 1}


if __name__ == "__main__":
    sys.exit(run_command(main))
