# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The networks' pictures: what is drawn is what the networks do, and the committed files are up to date."""
from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, nn, ops

from scripts.draw_networks import draw_networks, main, network_blocks
from src.config import load_settings
from src.drawing.blocks import CONV, INPUT, OUTPUT, Block, blocks_of
from src.drawing.layout import lay_out
from src.drawing.trace import trace
from src.errors import run_command
from src.method import build_method

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
NETS = {
    "convResnet": ("denoise", ["--method", "ddrnet"]),
    "base": ("denoise", ["--method", "ddrnet", "--dnnet", "base"]),
    "unet": ("denoise", ["--method", "ddrnet", "--dnnet", "unet"]),
    "hypercolumn": ("refine", ["--method", "ddrnet"]),
    "residual hypercolumn": ("refine", ["--method", "ddrnet", "--residual_refine", "true"]),
    "modelzoo": ("coarse", ["--method", "depthnet"]),
    "eigen": ("coarse", ["--method", "depthnet", "--coarse_net", "eigen", "--fc_width", "64"]),
    "fine": ("fine", ["--method", "depthnet"]),
}


class Inner(nn.Cell):
    """x + conv(x), by keyword."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, has_bias=True)

    def construct(self, x):
        return ops.add(input=x, other=self.conv(x))


class Toy(nn.Cell):
    """A shared layer, a skip, a sum of three, steps before and behind layers, two results."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, stride=2)
        self.inner = Inner()
        self.again = nn.Conv2d(4, 4, 1)
        self.shift = Parameter(ms.Tensor(np.ones((1, 4, 1, 1), np.float32)), name="shift")
        self.last = nn.Conv2d(8, 1, 1)
        self.down = nn.MaxPool2d(2, 2)

    def construct(self, a, b):
        x = ops.relu(self.first(ops.concat((a, b), 1) * 2.0))
        y = self.inner(x)
        z = self.again(ops.tanh(self.again(y))) + x + y
        return ops.sigmoid(self.last(ops.concat([z, x], 1))), self.down(z + self.shift)


def toy_blocks() -> list[Block]:
    zeros = ms.Tensor(np.zeros((1, 1, 16, 24), np.float32))
    return blocks_of(trace(Toy(), (("a", zeros), ("b", zeros))))


def blocks_and_count(net: str) -> tuple[list[Block], int]:
    """Return a net's blocks and, from the net, its number of parameters."""
    model, argv = NETS[net]
    method = build_method(load_settings("draw_networks", "", argv))
    network = method.build_networks()[model]
    return network_blocks(method, model, network), sum(p.size for p in network.get_parameters())


def label(block: Block) -> str:
    return block.name or ", ".join(block.texts) or block.kind


def test_the_blocks_of_a_small_net_are_its_calls():
    blocks = toy_blocks()
    numbers = {block: i for i, block in enumerate(blocks)}
    found = [(label(block), sorted(numbers[source] for source in block.inputs)) for block in blocks]
    assert found == [("a", []), ("b", []), ("concat, \N{MULTIPLICATION SIGN} 2", [0, 1]), ("first", [2]),
                     ("inner.conv", [3]), ("add", [3, 4]), ("again", [5]), ("again", [6]), ("add", [3, 5, 7]),
                     ("concat", [3, 8]), ("last", [9]), ("down", [8]), ("output", [10]), ("output", [11])]
    named = {block.name: block for block in blocks}
    assert named["first"].texts == ["conv 3\N{MULTIPLICATION SIGN}3, stride 2", "ReLU"]
    assert named["last"].texts == ["conv 1\N{MULTIPLICATION SIGN}1", "sigmoid"]
    assert named["down"].texts == ["+ shift", "max pool 2\N{MULTIPLICATION SIGN}2"]
    assert named["down"].parameters == 4
    assert [block.shape for block in blocks[-2:]] == [(1, 8, 12), (4, 4, 6)]
    assert [(block.parameters, block.shares) for block in blocks if block.name == "again"] == [
        (16, False), (0, True)]
    assert sum(block.parameters for block in blocks) == sum(p.size for p in Toy().get_parameters())


def test_tracing_leaves_mindspore_as_it_was():
    before = ops.relu, nn.Cell.__call__
    toy_blocks()
    with pytest.raises(ValueError, match="on purpose"):
        trace(Failing(), [("a", ms.Tensor(np.zeros((1, 1, 8, 8), np.float32)))])
    assert (ops.relu, nn.Cell.__call__) == before


class Failing(nn.Cell):
    def construct(self, a):
        raise ValueError("on purpose")


@pytest.mark.parametrize("net", NETS)
def test_all_of_a_net_is_drawn(net):
    blocks, count = blocks_and_count(net)
    assert sum(block.parameters for block in blocks) == count
    read = {source for block in blocks for source in block.inputs}
    assert {block for block in blocks if block not in read} == {b for b in blocks if b.kind == OUTPUT}
    assert all(bool(block.inputs) == (block.kind != INPUT) for block in blocks)
    check_layout(blocks)


def check_layout(blocks: list[Block]) -> None:
    """No two boxes overlap, no arrow runs through a box, and arrows of different blocks do not coincide."""
    layout = lay_out(blocks, 2.0, dict.fromkeys(blocks, 0.4))
    edges = {(block, box.x - box.width / 2, box.x + box.width / 2, box.y - box.height / 2,
              box.y + box.height / 2) for block, box in layout.boxes.items()}
    for (_, l0, r0, t0, b0), (_, l1, r1, t1, b1) in itertools.combinations(edges, 2):
        assert r0 < l1 or r1 < l0 or b0 < t1 or b1 < t0
    pieces = []
    for (source, target), points in layout.arrows.items():
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            assert x0 == x1 or y0 == y1
            low, high = (min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))
            for block, left, right, top, bottom in edges - {e for e in edges if e[0] in (source, target)}:
                hit = low[0] < right and high[0] > left and low[1] < bottom and high[1] > top
                assert not hit, f"{label(source)} -> {label(target)} runs through {label(block)}"
            pieces.append((source, target, low, high))
    for (s0, t0, low0, high0), (s1, t1, low1, high1) in itertools.combinations(pieces, 2):
        shared = [min(high0[i], high1[i]) - max(low0[i], low1[i]) for i in (0, 1)]
        crossing = max(shared) <= 1e-9 or min(shared) < 0
        assert s0 is s1 or crossing, f"{label(s0)} -> {label(t0)} coincides with {label(s1)} -> {label(t1)}"


def test_convresnet_is_drawn_as_published():
    blocks, _ = blocks_and_count("convResnet")
    convolutions = [block for block in blocks if block.kind == CONV]
    assert [(block.name, *block.shape) for block in convolutions] == [
        ("cnv0", 32, 64, 64), ("cnv_down0", 64, 32, 32), ("cnv_down1", 128, 16, 16),
        *((f"res{i}.conv{j}", 128, 16, 16) for i in (0, 1) for j in (1, 2)),
        ("cnv_up0", 64, 32, 32), ("cnv_up1", 32, 64, 64), ("cnv_final", 1, 64, 64)]
    assert "transposed" in convolutions[-2].texts[0] and "transposed" not in convolutions[-1].texts[0]
    joins = [[label(source) for source in block.inputs] for block in blocks if block.texts == ["concat"]]
    assert joins == [["cnv_down1", "add"], ["cnv_down0", "cnv_up0"], ["cnv0", "cnv_up1"]]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> list[Path]:
    method = build_method(load_settings("draw_networks", "", ["--method", "ddrnet"]))
    return draw_networks(method, tmp_path_factory.mktemp("drawn"))


def test_the_committed_pictures_are_up_to_date(fresh):
    assert [path.name for path in fresh] == ["ddrnet_denoise.svg", "ddrnet_refine.svg"]
    for path in fresh:
        assert path.read_bytes() == (IMAGES / path.name).read_bytes(), (
            "python scripts/draw_networks.py --method ddrnet --output_dir docs/images makes it anew")
        assert path.stat().st_size < 100_000


@pytest.mark.slow
def test_the_committed_picture_of_mergedepth_is_up_to_date(tmp_path):
    method = build_method(load_settings("draw_networks", "", ["--method", "mergedepth", "--shared_weights"]))
    (path,) = draw_networks(method, tmp_path)
    assert path.read_bytes() == (IMAGES / path.name).read_bytes(), (
        "python scripts/draw_networks.py --method mergedepth --shared_weights --output_dir docs/images")


def test_the_committed_picture_of_dcnf_is_up_to_date(tmp_path):
    """The CRF is compiled inside, and not all inputs are maps."""
    (path,) = draw_networks(build_method(load_settings("draw_networks", "", ["--method", "dcnf"])), tmp_path)
    assert path.read_bytes() == (IMAGES / path.name).read_bytes(), (
        "python scripts/draw_networks.py --method dcnf --output_dir docs/images makes it anew")
    texts = ["".join(text.itertext()).strip()
             for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert {"image", "pool", "similarity", "crf", "depth", "unary"} <= set(texts)


def test_the_papers_trunk_of_dcnf_is_drawn(tmp_path):
    argv = ["--method", "dcnf", "--trunk", "vgg16", "--max_superpixels", "4", "--num_superpixels", "4"]
    assert run_command(main, [*argv, "--image_height", "32", "--image_width", "32", "--output_dir",
                              str(tmp_path)]) == 0
    assert "unary.trunk.features.28" in (tmp_path / "dcnf_dcnf.svg").read_text()


@pytest.mark.parametrize("index, net", [(0, "convResnet"), (1, "hypercolumn")])
def test_the_numbers_in_the_picture_sum_up(fresh, index, net):
    texts = ["".join(text.itertext()).strip()
             for text in ElementTree.parse(fresh[index]).iter("{http://www.w3.org/2000/svg}text")]
    blocks, count = blocks_and_count(net)
    assert f"{count:,} parameters" in texts[0]
    assert sum(int(text.replace(",", "")) for text in texts if re.fullmatch("[0-9,]+", text)) == count
    assert {block.name for block in blocks} - {""} <= set(texts)
    assert {"1 \N{MULTIPLICATION SIGN} H \N{MULTIPLICATION SIGN} W", "full size", "1/4 size"} <= set(texts)


def test_the_command_writes_png_files(tmp_path, capsys):
    argv = ["--method", "ddrnet", "--dnnet", "base", "--dtnet", "None", "--format", "png"]
    assert run_command(main, [*argv, "--output_dir", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert capsys.readouterr().out == f"{path}\n" and path.name == "ddrnet_denoise.png"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("argv, said", [
    (["--format", "gif"], "svg"), (["--dnnet", "base"], "unknown setting"),
    (["--method", "ddrnet", "--dnnet", "resnet"], "convResnet")])
def test_mistakes_are_told_in_a_line(tmp_path, capsys, argv, said):
    assert run_command(main, [*argv, "--output_dir", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line and not list(tmp_path.iterdir())


def test_a_missing_matplotlib_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run_command(main, ["--method", "ddrnet", "--output_dir", str(tmp_path)]) == 2
    assert "pip install -r requirements-dev.txt" in capsys.readouterr().err
