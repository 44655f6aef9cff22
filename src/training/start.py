# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What the networks of a training start from: --ckpt, --pre_trained, and what its stages build on."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mindspore import nn

from src.config import Settings, other_network_than
from src.errors import UserError
from src.method import Method, Stage
from src.training.checkpoints import load_network, named_paths, refuse_another, trained_path


@dataclass(frozen=True)
class Start:
    """What was loaded.

    Attributes:
        whole: networks of which every parameter was.
        partly: networks of which some were.
        notes: lines for the log.
    """

    whole: set[str]
    partly: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def load_start(settings: Settings, networks: Mapping[str, nn.Cell]) -> Start:
    """Load `--ckpt` and `--pre_trained` into the networks that they name.

    Raises:
        UserError: a network or a part is unknown or named by both, or a file does not fit, be it that its
            network was trained as another one (`other_network_than`).
    """
    named, pre_trained = named_paths(settings, networks), _pre_trained_paths(settings, networks)
    both = [name for name, _ in pre_trained if name in named]
    if both:
        raise UserError(f"both --ckpt and --pre_trained say what {both[0]} starts from; give one of them")
    start = Start(set(named))
    for name, path in named.items():
        refuse_another(settings, name, path)
        load_network(networks[name], path, f"{name}.")
        start.notes.append(f"{name} starts from {path}")
    for (name, part), path in sorted(pre_trained.items()):  # a whole network comes before its parts
        target = f"{name}.{part}" if part else name
        cell = _part(networks, name, part) if part else networks[name]
        if not part and not settings.allow_partial:
            refuse_another(settings, name, path)
        skipped = load_network(cell, path, f"{target}.", settings.allow_partial)
        start.notes.append(f"{target} starts from {path}")
        other = "" if part else other_network_than(settings, name, path)
        if other:
            start.notes.append(f"{target} was trained as another network: {other}")
        if skipped:
            start.notes.append(f"{target}: {len(skipped)} parameters are not in {path} and start anew: "
                               f"{', '.join(skipped)}")
        (start.partly if part or skipped else start.whole).add(name)
    alone = {name for name, _ in pre_trained} - {name for name, part in pre_trained if not part}
    start.notes.extend(f"all else of {name} starts anew" for name in sorted(alone))
    return start


def _part(networks: Mapping[str, nn.Cell], name: str, part: str) -> nn.Cell:
    """Return a part of a network ("encoder"), or a part of that ("unary.trunk").

    Raises:
        UserError: there is none.
    """
    cell, where = networks[name], name
    for step in part.split("."):
        parts = {own: child for own, child in cell.name_cells().items() if list(child.get_parameters())}
        if step not in parts:
            raise UserError(f"--pre_trained {name}.{part}: {where} has no part {step}; its parts are "
                            f"{', '.join(parts) or 'none'}")
        cell, where = parts[step], f"{where}.{step}"
    return cell


def _pre_trained_paths(settings: Settings, networks: Mapping[str, nn.Cell]) -> dict[tuple[str, str], str]:
    """Return `--pre_trained` as a table by network and part, "" for the whole network."""
    table = {}
    for entry in settings.pre_trained:
        target, equals, path = entry.partition("=")
        if not equals:
            target, path = next(iter(networks)), entry
        name, dot, part = target.partition(".")
        if name not in networks:
            raise UserError(f"--pre_trained {entry}: {name} is none of {', '.join(networks)}")
        if dot:
            _part(networks, name, part)
        table[name, part] = path
    return table


def load_needed(method: Method, networks: Mapping[str, nn.Cell], stages: Iterable[Stage],
                start: Start) -> None:
    """Load the networks that stages build on, unless they were loaded or an earlier stage trains them.

    Raises:
        UserError: a checkpoint is missing, does not fit or was trained as another network, or only a part of
            such a network was loaded.
    """
    ready = set(start.whole)
    for stage in stages:
        for name in [name for name in stage.needs if name not in ready]:
            if name in start.partly:
                raise UserError(f"--pre_trained gives only a part of {name}, all of which the {stage.title} "
                                f"builds on; give --ckpt {name}=PATH")
            path = trained_path(method, name, networks)
            refuse_another(method.settings, name, path)
            load_network(networks[name], path, f"{name}.")
        ready |= {*stage.needs, *stage.trained}
