# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Turn torchvision's VGG-16 weights into a checkpoint of dcnf's trunk; PyTorch is not needed."""
from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.errors import CommandParser, run_command  # noqa: E402 - no installed package

_ABOUT = """\
Write the convolutions of torchvision's VGG-16 as a MindSpore checkpoint of `--method dcnf --trunk vgg16`. The
classifier is left out. SOURCE is a state dict: .safetensors, or .pth as torch.save(model.state_dict(), ...)
writes it. Nothing of SOURCE is executed, and PyTorch is not needed."""
_EXAMPLE = """\
example:
  python scripts/convert_vgg.py vgg16-397923af.pth vgg16.ckpt
  python train.py --method dcnf --preset paper --pre_trained dcnf.unary.trunk=vgg16.ckpt"""


def main(argv: list[str]) -> None:
    """Parse the arguments and convert."""
    parser = CommandParser("python scripts/convert_vgg.py", _ABOUT, _EXAMPLE)
    parser.add_argument("source", type=Path, help="torchvision's weights, .pth or .safetensors")
    parser.add_argument("target", type=Path, help="the checkpoint to write, .ckpt")
    args = parser.parse_args(argv)

    from src.dcnf.net import Vgg16Trunk
    from src.training.torchvision_weights import convert

    print(convert(args.source, args.target, Vgg16Trunk(), "VGG-16", "classifier."))


if __name__ == "__main__":
    sys.exit(run_command(main))
