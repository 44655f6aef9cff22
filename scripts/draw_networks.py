# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Draw a method's networks: `python scripts/draw_networks.py --method ddrnet --output_dir docs/images`."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.config import load_settings  # noqa: E402 - the repository is no installed package
from src.errors import UserError, run_command  # noqa: E402
from src.files import atomic_path  # noqa: E402
from src.graph import DTYPES  # noqa: E402
from src.method import Method, build_method  # noqa: E402

if TYPE_CHECKING:
    from mindspore import nn

    from src.drawing.blocks import Block

_DESCRIPTION = """Draw the networks that the settings name into <output_dir>/<method>_<model>.svg, from the
networks themselves: each runs once, and what it calls is drawn.

  python scripts/draw_networks.py --method ddrnet --output_dir docs/images
  python scripts/draw_networks.py --method ddrnet --dnnet unet --format png
  python scripts/draw_networks.py --coarse_net eigen

--format svg|png is an option of this command alone; all others are the package's settings:"""
_FORMATS = ("svg", "png")
_SMALLEST = 64  # height and width of free dimensions; larger where the networks' stride is


class _FormatParser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UserError(message)


def main(argv: list[str]) -> None:
    """Parse the settings and draw."""
    parser = _FormatParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--format", choices=_FORMATS, default="svg")
    own, rest = parser.parse_known_args(argv)
    settings = load_settings("scripts/draw_networks", _DESCRIPTION, rest)
    try:
        import matplotlib  # noqa: F401 - asked for before anything is computed
    except ModuleNotFoundError:
        raise UserError("drawing needs matplotlib: pip install -r requirements-dev.txt") from None
    for path in draw_networks(build_method(settings), Path(settings.output_dir), own.format):
        print(path)


def draw_networks(method: Method, folder: Path, suffix: str = "svg") -> list[Path]:
    """Draw each network of a method's graph; return the files."""
    from src.drawing.picture import draw
    from src.training.device import set_up_device

    set_up_device(method.settings.replace(device_target="CPU"))
    networks = method.build_networks()
    paths = []
    for name, model in method.graph.networks.items():
        network = networks[name]
        count = sum(parameter.size for parameter in network.get_parameters())
        title = f"{method.name}: {name} ({type(network).__name__}), {count:,} parameters"
        paths.append(folder / f"{method.name}_{name}.{suffix}")
        with atomic_path(paths[-1]) as temporary:
            draw(title, network_blocks(method, model.name, network), size_text(method), temporary)
    return paths


def _example_sizes(method: Method) -> dict[str, int]:
    """Return small sizes of the free dimensions that the networks can take."""
    names = {dim for spec in method.graph.inputs for dim in spec.shape if isinstance(dim, str)}
    steps = {name: method.size_step.get(name, 1) for name in sorted(names)}
    return {name: step * -(-_SMALLEST // step) for name, step in steps.items()}


def network_blocks(method: Method, model_name: str, network: nn.Cell) -> list[Block]:
    """Run a network once at its smallest size and return its blocks, the results named as in the graph."""
    import mindspore as ms

    from src.drawing.blocks import OUTPUT, blocks_of
    from src.drawing.trace import trace

    graph = method.graph.bind(_example_sizes(method))
    model = graph.model(model_name)
    inputs = [(spec.name, ms.Tensor(np.zeros((1, *spec.shape), DTYPES[spec.dtype])))
              for spec in graph.input_specs(model)]
    blocks = blocks_of(trace(network, inputs))
    for block, spec in zip([block for block in blocks if block.kind == OUTPUT], model.outputs):
        block.name = spec.name
    return blocks


def size_text(method: Method) -> Callable[[int, int], str]:
    """Return the function that names a map's size: "H/2 x W/2" of free dimensions, else the numbers."""
    sizes = _example_sizes(method)
    dims = method.graph.inputs[0].shape[-2:]

    def text(height: int, width: int) -> str:
        named = (_fraction(dim, sizes, value) for dim, value in zip(dims, (height, width)))
        return " \N{MULTIPLICATION SIGN} ".join(named)
    return text


def _fraction(dim: int | str, sizes: Mapping[str, int], value: int) -> str:
    """Return a size as a part of a free dimension where it is one."""
    if dim not in sizes or sizes[dim] % value:
        return str(value)
    return dim if value == sizes[dim] else f"{dim}/{sizes[dim] // value}"


if __name__ == "__main__":
    sys.exit(run_command(main))
