# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A network's steps, recorded while it runs once on tensors that know where they come from.

A step is one call: of a cell that holds parameters of its own or has no cells inside (a convolution, a
pool), or of a function of `mindspore.ops` or a tensor's method between such cells.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from mindspore import Parameter, Tensor, nn, ops


@dataclass(eq=False)
class Step:
    """One call.

    Attributes:
        name: the cell's path in the network ("res0.conv1"); empty for a function.
        call: the cell, or the function's name.
        inputs: the steps whose results it takes, each once.
        shape: of its (first) result, without batch dimension.
        parameters: those that it uses.
        constants: numbers among its arguments.
    """

    name: str
    call: nn.Cell | str
    inputs: list[Step] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    parameters: list[Parameter] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)


class _Traced:
    """Stands for a tensor in `construct`, and remembers the step that made it."""

    def __init__(self, value: Tensor, step: Step, steps: list[Step]):
        self.value = value
        self.step = step
        self.steps = steps

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.value, name)
        if not callable(attribute):
            return attribute
        method = getattr(Tensor, name)
        return lambda *args, **kwargs: _record("", name, method, (self, *args), kwargs)


def _operator(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)
    return lambda self, *args: _record("", name.strip("_"), method, (self, *args), {})


# Python looks these up in the class, not by __getattr__.
for _name in ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv", "neg", "pow", "getitem"):
    setattr(_Traced, f"__{_name}__", _operator(f"__{_name}__"))


def trace(network: nn.Cell, inputs: Sequence[tuple[str, Tensor]]) -> list[Step]:
    """Run a network once and return its steps in order.

    Args:
        network: in eager mode (MindSpore's default). Its `construct` calls cells, functions as
            `ops.<function>`, and methods and operators of tensors.
        inputs: name and value (N, ...) of each of its inputs.

    Returns:
        inputs first (call "input"), then the calls, then the results (call "output", without name).
    """
    steps = [Step(name, "input", shape=value.shape[1:]) for name, value in inputs]
    traced = [_Traced(value, step, steps) for (_, value), step in zip(inputs, steps)]
    with _recording(network):
        made = network.construct(*traced)
    for result in made if isinstance(made, tuple) else (made,):
        steps.append(Step("", "output", [result.step], result.shape[1:]))
    return steps


@contextmanager
def _recording(network: nn.Cell) -> Iterator[None]:
    """Let calls that get a `_Traced` be recorded; all others run as ever."""
    units = {id(cell): name for name, cell in _units(network).items()}
    original = nn.Cell.__call__

    def call(cell: nn.Cell, *args: Any, **kwargs: Any) -> Any:
        if not _has_traced(args, kwargs):
            return original(cell, *args, **kwargs)
        if id(cell) in units:
            return _record(units[id(cell)], cell, functools.partial(original, cell), args, kwargs)
        return cell.construct(*args, **kwargs)

    def function(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*args: Any, **kwargs: Any) -> Any:
            return _record("", name, run, args, kwargs) if _has_traced(args, kwargs) else run(*args, **kwargs)
        return recorded

    with ExitStack() as patches:
        patches.enter_context(mock.patch.dict(os.environ, MS_JIT="0"))  # compiling would parse what records
        patches.enter_context(mock.patch.object(nn.Cell, "__call__", call))
        for name, run in list(vars(ops).items()):
            if callable(run) and not isinstance(run, type) and not name.startswith("_"):
                patches.enter_context(mock.patch.object(ops, name, function(name, run)))
        yield


def _units(network: nn.Cell) -> dict[str, nn.Cell]:
    """Return the outermost cells that have parameters of their own or no cells inside, by path."""
    units: dict[str, nn.Cell] = {}
    for name, cell in network.cells_and_names():
        whole = any(True for _ in cell.parameters_and_names(expand=False)) or not list(cell.cells())
        if name and whole and not any(name.startswith(f"{unit}.") for unit in units):
            units[name] = cell
    return units


def _record(name: str, call: nn.Cell | str, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run a step on real tensors and return its result, traced."""
    given = (args, kwargs)
    traced = list(_members(given, _Traced))
    parameters = list(call.get_parameters() if isinstance(call, nn.Cell) else _members(given, Parameter))
    step = Step(name, call, list(dict.fromkeys(tensor.step for tensor in traced)), parameters=parameters,
                constants=list(_members(given, (int, float))))
    real_args, real_kwargs = _map(given, _Traced, lambda tensor: tensor.value)
    made = run(*real_args, **real_kwargs)
    steps = traced[0].steps
    steps.append(step)
    step.shape = next(_members(made, Tensor)).shape[1:]
    return _map(made, Tensor, lambda value: _Traced(value, step, steps))


def _has_traced(*given: Any) -> bool:
    return any(True for _ in _members(given, _Traced))


def _members(value: Any, kind: Any) -> Iterator[Any]:
    """Yield what is of a kind in nested tuples, lists and dictionaries."""
    if isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _members(item, kind)
    elif isinstance(value, kind):
        yield value


def _map(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """Return nested tuples, lists and dictionaries with what is of a kind changed."""
    if isinstance(value, dict):
        return {key: _map(item, kind, change) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_map(item, kind, change) for item in value)
    return change(value) if isinstance(value, kind) else value
