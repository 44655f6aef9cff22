# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Measurements that are quoted in README and docs; `python -m benchmarks` runs them all."""
