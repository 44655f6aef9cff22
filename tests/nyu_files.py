# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A small NYU test set on disk, and DepthNets with random weights as a training leaves them."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from src.config import Settings, load_settings
from src.method import Method, build_method

TINY = ("--coarse_net", "eigen", "--fc_width", "16")  # 16 MB instead of 88, milliseconds instead of 0.1 s


def settings_of(*argv: object, command: str = "eval") -> Settings:
    """Return the settings that a command line gives."""
    return load_settings(command, "", [str(arg) for arg in argv])


def method_of(*argv: object) -> Method:
    """Return DepthNet (or `--method`) under the settings of a command line."""
    return build_method(settings_of(*argv))


def smooth(rng: np.random.Generator, height: int, width: int, low: float, high: float) -> np.ndarray:
    """Return a smooth random map (height, width) float32 between two values."""
    coarse = rng.random((6, 8)).astype(np.float32)
    return low + (high - low) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def scene(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, 3) uint8 and depth (H, W) float32 in metres, with holes, up to 12 m."""
    rng = np.random.default_rng(seed)
    depth_m = np.round(smooth(rng, height, width, 0.5, 12.0), 3)
    depth_m[rng.random(depth_m.shape) < 0.2] = 0
    rgb = np.stack([smooth(rng, height, width, 0, 255) for _ in range(3)], -1).astype(np.uint8)
    return rgb, depth_m


def write_nyu_test(folder: Path, count: int, height: int = 120, width: int = 160) -> Path:
    """Write `count` pairs of `scene` in Hu's layout; return the folder that holds Test/."""
    (folder / "Test").mkdir(parents=True)
    for i in range(count):
        rgb, depth_m = scene(i, height, width)
        cv2.imwrite(str(folder / f"Test/{i:05d}_colors.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / f"Test/{i:05d}_depth.png"), np.rint(depth_m * 1000).astype(np.uint16))
    return folder


def write_training(folder: Path, *argv: object) -> Method:
    """Write Ckpt/Final*.ckpt with random weights and config.yaml to a folder; return the method.

    The weights are larger than freshly initialised ones, so that the maps vary by pixel and by picture.
    """
    import mindspore as ms

    from src.training.checkpoints import file_stem, save_network

    method = method_of("--train_url", folder, *argv)
    rng = np.random.default_rng(1)
    ms.set_seed(1)
    np.random.seed(1)
    for name, network in method.build_networks().items():
        for parameter in network.get_parameters():
            mean, spread = (0, 0.02) if parameter.ndim > 1 else (0.3, 0.3)
            noise = rng.normal(mean, spread, parameter.shape)
            parameter.set_data(ms.Tensor(parameter.asnumpy() + noise.astype(np.float32)))
        save_network(network, folder / "Ckpt" / f"{file_stem(method, name)}.ckpt", "")
    method.settings.write(folder / "config.yaml")
    return method
