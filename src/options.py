# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""One setting: its type, range and choices, and what a value for it must look like."""
from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any

from src.errors import UserError


@dataclass(frozen=True)
class Option:
    """One setting as default_config.yaml declares it."""

    name: str
    default: Any
    type: str  # int, float, bool, str, list (of comma-separated words) or entries (of repeated texts)
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False  # may be null: "not set"
    aliases: tuple[str, ...] = ()  # names that the source projects use for the same thing
    shorthand: tuple[str, str] | None = None  # ("ckpt", "coarse="): `--name X` means `--ckpt coarse=X`
    names_data: bool = False  # says where data are: not a property of the network that was trained on them
    network: str | None = None  # the network, or "all", whose weights mean something else under another value

    def parse(self, value: Any) -> Any:
        """Return `value` (text of the command line, or a YAML value) in this option's type.

        Raises:
            UserError: the value has the wrong type, is outside the range or is not among the choices.
        """
        if value is None or (self.optional and value in ("", "none", "null") and value not in self.choices):
            if self.optional:
                return None
            raise UserError(f"--{self.name} needs a value ({self.describe()})")
        try:
            parsed = _CONVERTERS[self.type](value)
        except (TypeError, ValueError):
            raise UserError(f"--{self.name} {value!r} is not possible: give {self.describe()}") from None
        below = self.minimum is not None and not parsed >= self.minimum
        above = self.maximum is not None and not parsed <= self.maximum
        wrong = [v for v in (parsed if self.type in REPEATED else [parsed])
                 if self.choices and str(v) not in self.choices]
        if below or above or wrong:
            near = difflib.get_close_matches(str(wrong[0]), self.choices, 1) if wrong else []
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"--{self.name} {value} is not possible: give {self.describe()}{hint}")
        return parsed

    def describe(self) -> str:
        """Say in a few words which values are possible."""
        if self.choices:
            kind = "a comma-separated list of " if self.type == "list" else "one of "
            what = kind + ", ".join(self.choices)
        else:
            what = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text",
                    "list": "a comma-separated list", "entries": "texts, each with the flag again"}[self.type]
        if self.minimum is not None or self.maximum is not None:
            low = "-inf" if self.minimum is None else f"{self.minimum:.10g}"
            high = "inf" if self.maximum is None else f"{self.maximum:.10g}"
            what += f" in [{low}, {high}]"
        return what


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(float(value)):
        raise ValueError(value)
    return float(value)


TRUTH = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)


def _to_bool(value: Any) -> bool:
    try:
        return TRUTH[str(value).lower()]
    except KeyError:
        raise ValueError(value) from None


def _to_str(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError(value)
    return str(value)


def _to_list(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, (list, tuple)) else [value]
    return tuple(item.strip() for part in parts for item in _to_str(part).split(",") if item.strip())


def _to_entries(value: Any) -> tuple[str, ...]:
    return tuple(_to_str(part) for part in (value if isinstance(value, (list, tuple)) else [value]))


_CONVERTERS = {"int": _to_int, "float": _to_float, "bool": _to_bool, "str": _to_str, "list": _to_list,
               "entries": _to_entries}
REPEATED = ("list", "entries")
