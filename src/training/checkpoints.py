# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: strict loading, atomic saving, and the whole state of a training for exact resuming."""
from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn

from src.config import Settings, other_network_than
from src.errors import UserError
from src.files import atomic_path
from src.graph import Graph
from src.method import Method

# What optimizers leave in a checkpoint beside the network's parameters.
_OPTIMIZER_STATE = ("moment1.", "moment2.", "moments.", "learning_rate", "global_step", "beta1_power",
                    "beta2_power", "stat.", "accum.", "epoch_num", "step_num", "loss_scale")


@contextmanager
def _quiet_mindspore() -> Iterator[None]:
    """Silence MindSpore's own log while a failure is turned into one line of ours."""
    logger = logging.getLogger("ME")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_checkpoint(path: str | Path) -> dict[str, Parameter]:
    """Read a `.ckpt` file.

    Raises:
        UserError: it is missing or no whole checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no checkpoint {path}; train first, or name one with --ckpt NAME=PATH")
    with _quiet_mindspore():
        try:
            return ms.load_checkpoint(str(path))
        except (ValueError, RuntimeError, TypeError, OSError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path} is not a readable MindSpore checkpoint ({reason})") from None


def load_network(network: nn.Cell, path: str | Path, prefix: str = "",
                 allow_partial: bool = False) -> list[str]:
    """Load a checkpoint into a network; every parameter must be there with its shape.

    Args:
        network: its parameters are set.
        path: the checkpoint.
        prefix: what the network's parameter names have in front of those of the checkpoint ("coarse.").
        allow_partial: keep the initial values of parameters that the checkpoint lacks or holds in another
            shape.

    Returns:
        the names that were not loaded (empty unless `allow_partial`).

    Raises:
        UserError: the checkpoint does not match the network.
    """
    stored = read_checkpoint(path)
    parameters = {p.name[len(prefix):]: p for p in network.get_parameters()}
    missing = [name for name in parameters if name not in stored]
    shapes = [name for name, p in parameters.items() if name in stored and stored[name].shape != p.shape]
    unknown = [name for name in stored if name not in parameters and not name.startswith(_OPTIMIZER_STATE)]
    if (missing or shapes or unknown) and not allow_partial:
        differences = _differences(missing, shapes, unknown)
        raise UserError(f"{path} does not fit {type(network).__name__}: {differences}; "
                        "is it of this network and these settings?")
    skipped = [*missing, *shapes]
    if len(skipped) == len(parameters):
        raise UserError(f"{path} shares no parameter with {type(network).__name__}")
    for name, parameter in parameters.items():
        if name not in skipped:
            parameter.set_data(ms.Tensor(stored[name].asnumpy(), parameter.dtype))
    return skipped


def _differences(missing: list[str], shapes: list[str], unknown: list[str]) -> str:
    kinds = ((missing, "parameters missing"), (shapes, "of another shape"), (unknown, "unknown"))
    parts = [f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
             for names, what in kinds if names]
    return ", ".join(parts)


def _save(entries: list[dict[str, Any]], path: Path) -> None:
    with atomic_path(path) as temporary:
        ms.save_checkpoint(entries, str(temporary))
        temporary.chmod(0o644)  # MindSpore makes its files read-only


def save_network(network: nn.Cell, path: Path, prefix: str,
                 values: Mapping[str, Parameter] | None = None) -> None:
    """Write a network's parameters under their own names.

    Args:
        network: whose parameters to write.
        path: the `.ckpt` file.
        prefix: what the parameters' names have in front while training, which the file leaves out.
        values: other values (their moving average) by the parameters' full names.
    """
    values = values or {}
    entries = [{"name": p.name[len(prefix):], "data": ms.Tensor(values.get(p.name, p).asnumpy())}
               for p in network.get_parameters()]
    _save(entries, path)


def file_stem(method: Method, net: str) -> str:
    """Return the file stem of a network, such as FinalCoarseNet."""
    exported = method.graph.networks
    return exported[net].file if net in exported else f"Final{net.capitalize()}Net"


def named_paths(settings: Settings, networks: Mapping[str, object]) -> dict[str, Path]:
    """Return `--ckpt NAME=PATH` as a table.

    Raises:
        UserError: an entry has no NAME=, or names no network of the method.
    """
    table = {}
    for entry in settings.ckpt:
        name, equals, path = entry.partition("=")
        if not equals or name not in networks:
            raise UserError(f"--ckpt {entry} must be NAME=PATH with NAME one of {', '.join(networks)}")
        table[name] = Path(path)
    return table


def trained_path(method: Method, net: str, networks: Mapping[str, object],
                 folder: Path | None = None) -> Path:
    """Return the checkpoint of a network: `--ckpt`, else the newer of Final<Net>.ckpt and its `_rank0` name.

    Args:
        method: gives names and settings.
        net: the network.
        networks: all networks of the method, to check `--ckpt`.
        folder: where to look by default (<train_url>/Ckpt).
    """
    named = named_paths(method.settings, networks)
    if net in named:
        return named[net]
    folder = folder or Path(method.settings.train_url) / "Ckpt"
    final = folder / f"{file_stem(method, net)}.ckpt"
    rank0 = final.with_name(f"{final.stem}_rank0.ckpt")  # as distributed runs write it
    present = [path for path in (final, rank0) if path.is_file()]
    return max(present, key=lambda path: path.stat().st_mtime) if present else final


def refuse_another(settings: Settings, name: str, path: str | Path) -> None:
    """Refuse a checkpoint that fits in names and shapes, perhaps, but not in what its numbers mean."""
    other = other_network_than(settings, name, path) if Path(path).is_file() else ""
    if other:
        raise UserError(f"{path} was trained as another network: {other}; give the settings of its training, "
                        "for example the same --preset")


def load_one(method: Method, name: str, networks: Mapping[str, nn.Cell], folder: Path | None = None) -> None:
    """Load the checkpoint of one network, strictly.

    Raises:
        UserError: it is missing, does not match or was trained as another network.
    """
    path = trained_path(method, name, networks, folder)
    refuse_another(method.settings, name, path)
    load_network(networks[name], path)


def load_trained(method: Method, graph: Graph, folder: Path | None = None) -> dict[str, nn.Cell]:
    """Build the networks of a graph and load their checkpoints, strictly and each once.

    Returns:
        the network that each model runs, by the model's name.

    Raises:
        UserError: as `load_one`.
    """
    networks = method.build_networks()
    for name in graph.networks:
        load_one(method, name, networks, folder)
    return {model.name: networks[model.network] for model in graph.models}


def save_state(path: Path, parameters: Mapping[str, Parameter], progress: Mapping[str, Any]) -> None:
    """Write everything that resuming needs: parameters of all kinds by unique names, the progress as JSON."""
    entries = [{"name": name, "data": ms.Tensor(p.asnumpy())} for name, p in parameters.items()]
    text = np.frombuffer(json.dumps(progress).encode("utf-8"), np.uint8).astype(np.int32)
    entries.append({"name": "progress", "data": ms.Tensor(text)})
    _save(entries, path)


def read_state(path: Path) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """Read what `save_state` wrote.

    Raises:
        UserError: the file is missing or something else.
    """
    stored = read_checkpoint(path)
    text = stored.pop("progress", None)
    if text is None:
        raise UserError(f"{path} holds no training state; --resume continues from last.ckpt of train.py")
    return stored, json.loads(bytes(text.asnumpy().astype(np.uint8)))


def restore(parameters: Mapping[str, Parameter], stored: Mapping[str, Parameter], path: Path) -> None:
    """Set parameters to the stored values; `UserError` where one is missing or of another shape."""
    for name, parameter in parameters.items():
        if name not in stored or stored[name].shape != parameter.shape:
            raise UserError(f"{path} does not fit these settings: {name} is missing or of another shape")
        parameter.set_data(ms.Tensor(stored[name].asnumpy(), parameter.dtype))
