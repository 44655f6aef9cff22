# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Turn torchvision's ResNet-50 weights into a checkpoint of the encoder; PyTorch is not needed."""
from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.errors import CommandParser, run_command  # noqa: E402 - no installed package

_ABOUT = """\
Write the weights of torchvision's ResNet-50 as a MindSpore checkpoint of the encoder. The classifier (fc.*)
is left out. SOURCE is a state dict: .safetensors, or .pth as torch.save(model.state_dict(), ...) writes it.
Nothing of SOURCE is executed, and PyTorch is not needed."""
_EXAMPLE = """\
example:
  python scripts/convert_resnet.py resnet50-0676ba61.pth resnet50.ckpt"""


def main(argv: list[str]) -> None:
    """Parse the arguments and convert."""
    parser = CommandParser("python scripts/convert_resnet.py", _ABOUT, _EXAMPLE)
    parser.add_argument("source", type=Path, help="torchvision's weights, .pth or .safetensors")
    parser.add_argument("target", type=Path, help="the checkpoint to write, .ckpt")
    args = parser.parse_args(argv)

    from src.layers.resnet import ResNet50
    from src.training.torchvision_weights import convert

    print(convert(args.source, args.target, ResNet50(), "ResNet-50", "fc."))


if __name__ == "__main__":
    sys.exit(run_command(main))
