# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Turn torchvision's ResNet-50 weights into a checkpoint of the encoder; PyTorch is not needed."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.errors import UserError, run_command  # noqa: E402 - the repository is no installed package

if TYPE_CHECKING:
    import numpy as np

    from src.layers.resnet import ResNet50

_ABOUT = """\
Write the weights of torchvision's ResNet-50 as a MindSpore checkpoint of the encoder. The classifier (fc.*)
is left out. SOURCE is a state dict: .safetensors, or .pth as torch.save(model.state_dict(), ...) writes it.
Nothing of SOURCE is executed, and PyTorch is not needed."""
_EXAMPLE = """\
example:
  python scripts/convert_resnet.py resnet50-0676ba61.pth resnet50.ckpt"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UserError(f"{message} (see --help)")


def set_weights(encoder: ResNet50, state: Mapping[str, np.ndarray]) -> list[str]:
    """Set an encoder's parameters to those of a torchvision state dict.

    Returns:
        the names of the classifier's tensors, which have no place in the encoder.

    Raises:
        UserError: a tensor is missing, unknown or of another shape; then the encoder is unchanged.
    """
    from mindspore import Tensor

    from src.layers.resnet import torchvision_name

    parameters = {torchvision_name(p.name): p for p in encoder.get_parameters()}
    classifier = [name for name in state if name.startswith("fc.")]
    missing = [name for name in parameters if name not in state]
    unknown = [name for name in state
               if name not in (*parameters, *classifier) and not name.endswith(".num_batches_tracked")]
    if missing or unknown:
        found = [f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
                 for names, what in ((missing, "tensors missing"), (unknown, "unknown")) if names]
        raise UserError(f"it is no ResNet-50 of torchvision: {', '.join(found)}")
    for name, parameter in parameters.items():
        if state[name].shape != parameter.shape:
            raise UserError(f"it is no ResNet-50 of torchvision: {name} is {state[name].shape}, not "
                            f"{parameter.shape}")
        if state[name].dtype.kind != "f":
            raise UserError(f"{name} is {state[name].dtype}, not floating point")
    for name, parameter in parameters.items():
        parameter.set_data(Tensor(state[name], parameter.dtype))
    return classifier


def main(argv: list[str]) -> None:
    """Parse the arguments and convert."""
    parser = _Parser("python scripts/convert_resnet.py", description=_ABOUT, epilog=_EXAMPLE,
                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("source", type=Path, help="torchvision's weights, .pth or .safetensors")
    parser.add_argument("target", type=Path, help="the checkpoint to write, .ckpt")
    args = parser.parse_args(argv)
    if args.target.suffix != ".ckpt":
        raise UserError(f"{args.target} must end in .ckpt")

    from src.layers.resnet import ResNet50
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
