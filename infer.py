# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth of your own pictures: `python infer.py pictures/ Model/ONNX/FinalFineNet.onnx`."""
import sys
from pathlib import Path

from src.config import load_settings
from src.deploy.inference import infer
from src.errors import run_command
from src.files import write_json
from src.method import build_method

_DESCRIPTION = """Predict metric depth for a picture, a folder, a list file or a video.

MODEL is the folder of a training (--train_url), of checkpoints or of exported files, or one .onnx, .mindir,
.tflite or .ckpt file, whose own depth it gives; the models that it builds on are found beside it. Writes
<name>.npy (float32 metres), <name>_depth.png (16 bit, --png_scale units a metre), <name>_color.png with a
scale in metres, and on demand <name>_normal.png and <name>.ply; a video gives <name>_depth.mp4. 0 means no
reading. index.json names the files and what they hold.

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
                "model": "folder of a training, or an .onnx, .mindir, .tflite or .ckpt file"}


def main(argv: list[str]) -> None:
    """Parse the settings, predict, write."""
    settings = load_settings("infer", _DESCRIPTION, argv, _POSITIONALS, trained_in="model")
    method = build_method(settings)
    entries = infer(method)
    index = {"method": method.name, "unit": "m", "depth": method.depth_kind, "png_scale": settings.png_scale,
             "model": settings.model, "samples": entries, "settings": settings.plain()}
    write_json(Path(settings.output_dir) / "index.json", index)
    print(f"{len(entries)} depth maps ({method.depth_kind} in metres) written to {settings.output_dir}")


if __name__ == "__main__":
    sys.exit(run_command(main))
