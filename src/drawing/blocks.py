# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The blocks of a network's picture: its steps, with activations and the like inside their convolution's."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mindspore import nn

from src.drawing.trace import Step

# Kinds of blocks. Only those that change values one by one go into another block.
INPUT, CONV, DENSE, RESAMPLE, JOIN, POINTWISE, OUTPUT = (
    "input", "conv", "dense", "resample", "join", "pointwise", "output")
_LAYERS = (CONV, DENSE, RESAMPLE)
_FUNCTIONS = {"relu": "ReLU", "radd": "add", "rmul": "mul"}
_TIMES, _MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
_SIGNS = {"add": "+", "sub": _MINUS, "mul": _TIMES, "truediv": "/"}


@dataclass(eq=False)
class Block:
    """One block.

    Attributes:
        kind: one of the above.
        name: path of the cell in the network; empty for functions.
        texts: what it does, in order.
        inputs: the blocks that it takes from.
        shape: of its result, without batch dimension.
        parameters: how many it brings; those that an earlier block has brought do not count again.
        shares: it uses parameters of an earlier block.
    """

    kind: str
    name: str
    texts: list[str]
    inputs: list[Block] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    parameters: int = 0
    shares: bool = False


def blocks_of(steps: Sequence[Step]) -> list[Block]:
    """Return the blocks that a network's steps make, in order."""
    made: dict[Step, Block] = {}
    counted: set[int] = set()
    for step in steps:
        kind, text = _description(step)
        new = {id(parameter): parameter.size for parameter in step.parameters if id(parameter) not in counted}
        made[step] = Block(kind, step.name, [text] if text else [], [made[source] for source in step.inputs],
                           step.shape, sum(new.values()), shares=len(new) < len(step.parameters))
        counted |= set(new)
    blocks = list(made.values())
    for block in list(blocks):
        if block.kind == POINTWISE:
            _merge_pointwise(block, blocks)
        elif block.texts == ["add"]:
            _merge_sums(block, blocks)
    return blocks


def consumers(block: Block, blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks that take from `block`."""
    return [other for other in blocks if block in other.inputs]


def _merge_pointwise(block: Block, blocks: list[Block]) -> None:
    """Move a pointwise step into the block before it or, where others take from that one, behind it.

    What shapes a tensor for the next layer (a reshape, a pad) goes to that one first.
    """
    (before,) = block.inputs
    after = consumers(block, blocks)
    backward = before.kind != INPUT and consumers(before, blocks) == [block]
    forward = len(after) == 1 and after[0].kind in (*_LAYERS, POINTWISE) and len(after[0].inputs) == 1
    if forward and (not backward or block.shape != before.shape):
        (into,) = after
        into.texts[:0] = block.texts
        into.inputs = [before]
    elif backward:
        into = before
        into.texts += block.texts
        into.shape = block.shape
        for other in after:
            other.inputs = [into if source is block else source for source in other.inputs]
    else:
        return
    into.parameters += block.parameters
    into.shares |= block.shares
    blocks.remove(block)


def _merge_sums(block: Block, blocks: list[Block]) -> None:
    """Make a + b + c one sum of three."""
    for inner in list(block.inputs):
        if inner.texts == ["add"] and consumers(inner, blocks) == [block]:
            place = block.inputs.index(inner)
            block.inputs[place:place + 1] = inner.inputs
            blocks.remove(inner)


def _description(step: Step) -> tuple[str, str]:
    """Return a step's kind and what it does in a few words."""
    if step.call in (INPUT, OUTPUT):
        return step.call, ""
    if isinstance(step.call, str):
        return _function(step)
    weight = max((parameter.ndim for parameter in step.parameters), default=0)
    if weight == 4:
        return CONV, _convolution(step)
    if weight == 2:
        return DENSE, "dense"
    if isinstance(step.call, nn.MaxPool2d):
        return RESAMPLE, f"max pool {step.call.kernel_size}{_TIMES}{step.call.kernel_size}"
    name = type(step.call).__name__
    enlarged = _enlarged(step)
    if enlarged > 1:
        what = {"BilinearUpsample": "bilinear", "NearestUpsample": "nearest"}.get(name, name)
        return RESAMPLE, f"{what} {_TIMES}{enlarged:.2g}"
    if enlarged < 1:
        return RESAMPLE, name
    if len(step.inputs) > 1:
        return JOIN, name
    return POINTWISE, "pad" if isinstance(step.call, nn.Pad) else name


def _function(step: Step) -> tuple[str, str]:
    name = _FUNCTIONS.get(step.call, step.call)
    if len(step.inputs) > 1:
        return JOIN, name
    if name == "concat":
        return POINTWISE, ""  # of one tensor: nothing happens
    operands = [f"{number:g}" for number in step.constants] + [held.name for held in step.parameters]
    if name in _SIGNS and len(operands) == 1:
        return POINTWISE, f"{_SIGNS[name]} {operands[0]}"
    if name == "clamp" and len(step.constants) == 2:
        low, high = (f"{limit:g}".replace("-", _MINUS) for limit in step.constants)
        return POINTWISE, f"clip to [{low}, {high}]"
    return POINTWISE, name


def _convolution(step: Step) -> str:
    """Say what a layer with a kernel does; the package's own cells are known by what they do to the size."""
    kernel = next(parameter.shape[2:] for parameter in step.parameters if parameter.ndim == 4)
    text = f"conv {kernel[0]}{_TIMES}{kernel[1]}"
    enlarged = _enlarged(step)
    if enlarged > 1:
        return f"transposed {text}, stride {enlarged:.2g}"
    stride = step.call.stride[0] if isinstance(step.call, nn.Conv2d) else round(1 / enlarged)
    return f"{text}, stride {stride}" if stride > 1 else text


def _enlarged(step: Step) -> float:
    """Return the factor on the height of a map, 1 where it stays about the same."""
    source, own = step.inputs[0].shape, step.shape
    if len(source) < 3 or len(own) < 3:
        return 1
    factor = own[-2] / source[-2]
    return factor if max(factor, 1 / factor) >= 1.5 else 1
