# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""How a camera moved between two panoramas of a place, by panodepth's network for it."""
from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.config import load_settings  # noqa: E402 - no installed package
from src.datasets.augment import to_chw  # noqa: E402
from src.datasets.image_files import read_rgb  # noqa: E402
from src.datasets.panorama import PanoramaList, read_panoramas  # noqa: E402
from src.datasets.panorama_files import read_pose  # noqa: E402
from src.deploy.runtimes import open_runners  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.files import write_text  # noqa: E402
from src.geometry.matches import relative_pose  # noqa: E402
from src.geometry.sphere import yaw_matrix  # noqa: E402
from src.method import build_method  # noqa: E402
from src.panodepth.data_loader import network_image  # noqa: E402
from src.panodepth.pose_figures import FIGURES, mean_pose, pose_errors, pose_matrices  # noqa: E402

_ABOUT = """\
Predict the relative pose of two panoramas of one place, by the network of `train.py --method panodepth
--stages pose`: the 4 x 4 matrix that takes a point of A's frame (x right, y down, z to the picture's middle,
metres) to B's.

MODEL is the folder of the training, or its FinalPoseNet as a .ckpt, .onnx or .mindir file.

With --pairs_list, the network is measured on a list of pairs with poses (image,depth,pose,image2,depth2,
pose2, as scripts/generate_csv.py --pairs writes it; depth is not read). Printed are median and mean of the
angle between the rotations, of the distance between B's true and predicted place, and of the angle between
the directions to these. Beside the network stand two controls that see no pair: the list's mean pose, given
for every pair, and the network's answers, each given for another pair. --turn first turns each panorama of
the list about the vertical axis by a random angle: cameras of a set often look the same way, and then the
mean pose is hard to beat."""
_EXAMPLES = """\
examples:
  python scripts/relative_pose.py a.jpg b.jpg Model --output pose.txt
  python scripts/relative_pose.py --pairs_list panoramas/test_pairs.csv Model --turn
  python scripts/relative_pose.py --pairs_list valid_pairs.csv Model/ONNX/FinalPoseNet.onnx"""
_RESULT = "pose:pose"
_SEED = 1

# From two panoramas (H, W, 3) uint8 to the network's answer (3, 4).
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]


def open_network(model: str, image_height: int | None) -> Network:
    """Open the network of a training's folder or a file.

    Args:
        model: see `--help`.
        image_height: the network's, in pixels; None is what the training's config.yaml says, or the default.

    Raises:
        UserError: nothing usable is there.
    """
    size = (["--image_height", str(image_height), "--image_width", str(2 * image_height)]
            if image_height else [])
    settings = load_settings("infer", "", ["pair", model, "--method", "panodepth", *size],
                             {"input": "", "model": ""}, trained_in="model")
    method = build_method(settings)
    run = open_runners(method, method.graph.upto((_RESULT,)), model)["pose"]

    def network(rgb: np.ndarray, other_rgb: np.ndarray) -> np.ndarray:
        views = (to_chw(network_image(picture, settings))[None] for picture in (rgb, other_rgb))
        return run(*views)[0][0]

    return network


def _turned(rgb: np.ndarray, pose: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a panorama and its pose (camera to world), turned by so many columns."""
    back = np.eye(4)
    back[:3, :3] = yaw_matrix(-columns, rgb.shape[1])
    return np.roll(rgb, columns, axis=1), pose @ back


def measure(network: Network, pairs: PanoramaList, turn: bool) -> list[str]:
    """Return the lines of a table: the network and the controls over all pairs of a list."""
    rng, answers, truth = np.random.default_rng(_SEED), [], []
    for row in tqdm(pairs.rows, unit="pair", disable=None):
        views = []
        for image, _, pose in (row[:3], row[3:]):
            rgb, camera_to_world = read_rgb(pairs.root / image), read_pose(pairs.root / pose)
            columns = int(rng.integers(rgb.shape[1])) if turn else 0
            views.append(_turned(rgb, camera_to_world, columns))
        (rgb, pose), (other_rgb, other_pose) = views
        answers.append(network(rgb, other_rgb))
        truth.append(relative_pose(pose, other_pose))
    found, truth = pose_matrices(np.stack(answers)), np.stack(truth)
    rows = {"network": found, "mean pose": np.broadcast_to(mean_pose(truth), truth.shape),
            "other pairs'": np.roll(found, max(1, len(found) // 2), axis=0)}
    head = "".join(f"{name.rsplit('_', 1)[0]:>22}" for name in FIGURES)
    return [f"{len(truth)} pairs, median (mean)", f"{'':14}{head}",
            *(f"{name:14}{_figures(poses, truth)}" for name, poses in rows.items())]


def _figures(found: np.ndarray, truth: np.ndarray) -> str:
    cells = []
    for name, errors in pose_errors(found, truth).items():
        errors = errors[np.isfinite(errors)]
        text = f"{np.median(errors):.2f} ({errors.mean():.2f}){FIGURES[name]}" if len(errors) else "none"
        cells.append(f"{text:>22}")
    return "".join(cells)


def main(argv: list[str]) -> None:
    """Predict the pose of one pair, or measure those of a list."""
    args = _parser().parse_args(argv)
    *pictures, model = args.files
    if args.pairs_list:
        if pictures or args.output:
            raise UserError("--pairs_list takes MODEL alone, and no --output (see --help)")
        pairs = read_panoramas(args.pairs_list, 1.0)
        if not pairs.has_pair:
            raise UserError(f"{args.pairs_list} names single panoramas; make a list of pairs by "
                            "scripts/generate_csv.py --pairs")
        print("\n".join(measure(open_network(model, args.image_height), pairs, args.turn)))
        return
    if len(pictures) != 2 or args.turn:
        raise UserError("give A, B and MODEL, or --pairs_list CSV (with --turn) and MODEL (see --help)")
    views = [read_rgb(path) for path in pictures]
    answer = open_network(model, args.image_height)(*views)
    text = io.StringIO()
    np.savetxt(text, pose_matrices(answer[None])[0], fmt="%12.6f")
    print(text.getvalue(), end="")
    if args.output:
        write_text(args.output, text.getvalue())


def _height(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not possible; give pixels, a multiple of 32")
    return int(text)


def _parser() -> CommandParser:
    parser = CommandParser("python scripts/relative_pose.py", _ABOUT, _EXAMPLES)
    parser.add_argument("files", nargs="+", metavar="A B MODEL", help="two panoramas and the model; or MODEL")
    parser.add_argument("--output", type=Path, help="write the matrix to this text file, too")
    parser.add_argument("--pairs_list", type=Path, metavar="CSV", help="measure the network on these pairs")
    parser.add_argument("--turn", action="store_true", help="turn the list's panoramas at random, see above")
    parser.add_argument("--image_height", type=_height, metavar="PX",
                        help="height of the network's images (default: as trained, where MODEL's folder says "
                             "so, else 256)")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
