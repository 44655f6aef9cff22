# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The one exception for what a user got wrong, and the way every command ends."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

_SHOWN = 3  # so many problems are named, the others counted


class UserError(Exception):
    """A wrong path, format, size, setting or checkpoint: one line that says what, where and what to do."""


def listed(where: object, problems: Sequence[str], advice: str) -> str:
    """Return the text of an error about many files or lines: the first few are named, the others counted."""
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return f"{where}: {'; '.join(problems[:_SHOWN])}{more}; {advice}"


class CommandParser(argparse.ArgumentParser):
    """Parser of a command's arguments: mistakes are `UserError`s, and texts keep their lines in `--help`."""

    def __init__(self, command: str, description: str, epilog: str | None = None):
        super().__init__(command, description=description, epilog=epilog, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> None:
        """Refuse the arguments."""
        raise UserError(f"{message} (see --help)")


def run_command(main: Callable[[list[str]], int | None], argv: list[str] | None = None) -> int:
    """Run an entry point and return its exit code: 0, or 2 with one line on stderr for a `UserError`.

    Ctrl-C returns 130. Any other exception is a bug and keeps its traceback.
    """
    try:
        return main(sys.argv[1:] if argv is None else argv) or 0
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
