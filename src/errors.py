# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The one exception for what a user got wrong, and the way every command ends."""
from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """A wrong path, format, size, setting or checkpoint: one line that says what, where and what to do."""


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
