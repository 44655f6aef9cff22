# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth estimation on MindSpore: five methods, one geometry, one set of metrics, one way out."""
import os
import platform
from importlib import metadata


def _prepare_environment() -> None:
    """Set what MindSpore reads once, when it is first imported; what the user has set stays."""
    os.environ.setdefault("GLOG_v", "3")  # errors only: warnings about operators fill the screen
    # MindSpore's generated code needs it and sets it itself: too late where onnx or tensorboardX came first.
    os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
    try:
        version = tuple(int(part) for part in metadata.version("mindspore").split(".")[:2])
    except (metadata.PackageNotFoundError, ValueError):
        return
    # From 2.9 on convolutions fall back to oneDNN's reference kernels on AVX-512 hosts, 200 times slower.
    if version >= (2, 9) and platform.machine() == "x86_64":
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")


_prepare_environment()
