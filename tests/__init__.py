# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The tests mirror src/, which is imported first: it sets what MindSpore and protobuf read when imported."""
import src  # noqa: F401
