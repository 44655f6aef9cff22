# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Turn torchvision's ResNet-50 weights into a checkpoint of the encoder; PyTorch is not needed."""
from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.errors import CommandParser, UserError, run_command  # noqa: E402 - no installed package

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
    if args.target.suffix != ".ckpt":
        raise UserError(f"{args.target} must end in .ckpt")

    from src.layers.resnet import ResNet50, set_weights
    from src.training.checkpoints import save_network
    from src.training.torch_files import read_state_dict

    state = read_state_dict(args.source)
    encoder = ResNet50()
    try:
        classifier = set_weights(encoder, state)
    except UserError as error:
        raise UserError(f"{args.source} cannot be converted: {error}") from None
    save_network(encoder, args.target, prefix="")
    left_out = f"; {', '.join(classifier)} left out (the classifier)" if classifier else ""
    print(f"{args.target}: {len(list(encoder.get_parameters()))} parameters{left_out}")


if __name__ == "__main__":
    sys.exit(run_command(main))
