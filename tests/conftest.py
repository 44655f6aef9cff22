# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What holds for the whole run of the tests."""
from __future__ import annotations

import sys


def pytest_collection_finish() -> None:
    """Choose the CPU before any test computes: the commands do too, and MindSpore refuses a late choice."""
    if "mindspore" in sys.modules:
        sys.modules["mindspore"].set_device("CPU")
