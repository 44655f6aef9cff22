# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Train a depth method: `python train.py --method depthnet --data_url ~/NYU`."""
import sys

from src.config import load_settings
from src.errors import run_command
from src.method import build_method

_DESCRIPTION = """Train the stages of a depth method.

Writes under --train_url: Ckpt/Final<Net>.ckpt, Ckpt/Best<Net>.ckpt, Ckpt/last.ckpt (for --resume), \
config.yaml,
metrics.jsonl, train.log, summary/ (TensorBoard) and images/.

  python train.py --data_url ~/NYU                              the ModelZoo's DepthNet
  python train.py --data_url ~/NYU --preset cpu --max_steps 300 a smaller net, minutes on a laptop
  python train.py --data_list pairs.txt --depth_scale 1000      your own pairs
  python train.py --data_url ~/NYU --resume                     continue exactly where a run stopped"""


def main(argv: list[str]) -> None:
    """Parse the settings and train."""
    settings = load_settings("train", _DESCRIPTION, argv)
    method = build_method(settings)
    from src.training.trainer import train  # MindSpore is imported once the settings are known to be right

    train(method)


if __name__ == "__main__":
    sys.exit(run_command(main))
