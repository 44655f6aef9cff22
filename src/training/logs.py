# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What training leaves to look at: bar, ModelZoo log lines, metrics.jsonl, TensorBoard, pictures, clouds."""
from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter
from tqdm import tqdm

from src.errors import UserError
from src.files import write_text
from src.geometry.point_cloud import write_ply
from src.visualize import save_picture

_BOARD_POINTS = 20_000  # half a megabyte of TensorBoard's file, which only grows
_Y_UP = np.float32([1, -1, -1])  # TensorBoard's y points up: half a turn about x
_POINT_SHARE = 0.01  # size of a point in TensorBoard, of the median distance


class RunLog:
    """Writes train.log, metrics.jsonl, summary/ and images/ under a folder; shows a bar on a terminal.

    Args:
        folder: `train_url`.
        first_steps: the stages to train and the step that each starts with; their rows from there on are
            dropped, those of other stages stay. None starts anew.

    Raises:
        UserError: the folder cannot be written.
    """

    def __init__(self, folder: Path, first_steps: Mapping[str, int] | None = None):
        self.folder = folder
        self._rows = folder / "metrics.jsonl"
        kept = [] if first_steps is None else self._rows_before(first_steps)
        write_text(self._rows, "".join(json.dumps(row) + "\n" for row in kept))
        try:
            self._log = (folder / "train.log").open("a" if kept else "w", encoding="utf-8")
            self._metrics = self._rows.open("a", encoding="utf-8")
            if not kept:  # an earlier training's curves would run into ours
                for events in (folder / "summary").glob("events.out.tfevents.*"):
                    events.unlink()
            self._board = SummaryWriter(str(folder / "summary"))
        except OSError as error:
            raise UserError(f"cannot write to --train_url {folder}: {error.strerror or error}") from None
        self._bar: tqdm | None = None

    def _rows_before(self, first_steps: Mapping[str, int]) -> list[dict]:
        if not self._rows.is_file():
            return []
        lines = self._rows.read_text(encoding="utf-8").splitlines(keepends=True)
        rows = [json.loads(line) for line in lines if line.endswith("\n")]  # a crash may tear the last one
        # a validation is numbered by the steps made before it, a training step by its own number
        def comes_again(row: dict) -> bool:
            first = first_steps.get(row["stage"])
            return first is not None and row["step"] >= first + ("validation" in row and first > 0)

        return [row for row in rows if not comes_again(row)]

    def start_stage(self, title: str, first: int, total: int) -> None:
        """Open the bar of a stage (on a terminal only)."""
        self._bar = tqdm(total=total, initial=first, desc=title, unit="step", file=sys.stderr,
                         disable=None)

    def advance(self, loss: float) -> None:
        """Move the bar by one step."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            self._bar.update()

    def end_stage(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, line: str) -> None:
        """Write a line to train.log and to the screen (above the bar where there is one)."""
        print(line, file=self._log, flush=True)
        if self._bar is None or self._bar.disable:
            print(line, flush=True)
        else:
            self._bar.write(line, file=sys.stderr)

    def step(self, stage: str, title: str, row: Mapping[str, float | int | dict]) -> None:
        """Log one training step: `row` has step, loss, terms, learning_rate, seconds, wait_seconds."""
        line = (f"training {title}, step: {row['step']} loss: {row['loss']:.7f}, "
                f"time cost: {row['seconds']:.4f}")
        print(line, file=self._log, flush=True)
        if self._bar is None or self._bar.disable:
            print(line, flush=True)
        self._write_row({"stage": stage, **row})
        self._scalars(f"{stage}/train", {"loss": row["loss"], "learning_rate": row["learning_rate"],
                                         **row["terms"]}, row["step"])

    def validation(self, stage: str, step: int, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Log the figures of a validation, by net."""
        self._write_row({"stage": stage, "step": step, "validation": figures})
        for net, values in figures.items():
            self._scalars(f"{stage}/validation/{net}", values, step)

    def picture(self, stage: str, step: int, name: str, rgb: np.ndarray) -> None:
        """Write a picture (H, W, 3) uint8 to images/ and TensorBoard."""
        save_picture(self.folder / "images" / f"{stage}_{step:06d}_{name}.png", rgb)
        self._board.add_image(f"{stage}/{name}", rgb, step, dataformats="HWC")

    def cloud(self, stage: str, step: int, name: str, points: np.ndarray, colors: np.ndarray) -> None:
        """Write a point cloud to images/ as .ply, and up to 20,000 of its points to TensorBoard.

        Args:
            stage: that is trained.
            step: number of steps made.
            name: of the cloud.
            points: (K, 3) metres in the camera's frame (y down), finite.
            colors: (K, 3) uint8 RGB.
        """
        write_ply(self.folder / "images" / f"{stage}_{step:06d}_{name}.ply", points, colors)
        if len(points) == 0:
            return
        drawn = np.linspace(0, len(points) - 1, min(len(points), _BOARD_POINTS)).round().astype(int)
        size_m = _POINT_SHARE * float(np.median(np.linalg.norm(points[drawn], axis=1)))
        self._board.add_mesh(f"{stage}/{name}", points[None, drawn] * _Y_UP, colors[None, drawn],
                             config_dict={"material": {"cls": "PointsMaterial", "size": size_m}},
                             global_step=step)

    def close(self) -> None:
        """Close all files."""
        self.end_stage()
        self._board.close()
        self._metrics.close()
        self._log.close()

    def _write_row(self, row: Mapping) -> None:
        print(json.dumps(_finite(row), allow_nan=False), file=self._metrics, flush=True)

    def _scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._board.add_scalar(f"{group}/{name}", value, step)


def _finite(value: object) -> object:
    """Replace infinities, which O2's skipped steps bring and JSON does not have, by None."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
