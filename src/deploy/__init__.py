# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Export with its numerical check, and the runtimes that run what was exported."""
