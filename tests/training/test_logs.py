# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run writes to look at, and what of it stays when the run is resumed."""
from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_mesh_pb2 import MeshPluginData

from src.training.logs import RunLog


def row(step: int, loss: float = 1.5) -> dict:
    return {"step": step, "loss": loss, "terms": {"l2": 2.0, "shift": 1.0}, "learning_rate": 0.125,
            "seconds": 0.25, "wait_seconds": 0.0}


def kept(folder: Path) -> list[tuple]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(r["stage"], r["step"], "validation" in r) for r in rows]


def write_run(folder: Path) -> None:
    """Two stages of three steps, validated after two and after three."""
    log = RunLog(folder)
    for stage in ("coarse", "fine"):
        log.start_stage(stage, 0, 3)
        for step in range(3):
            log.step(stage, f"{stage} net", row(step))
            if step > 0:
                log.validation(stage, step + 1, {stage: {"abs_rel": 0.5}})
        log.end_stage()
    log.close()


def test_log_lines_are_the_modelzoos(tmp_path, capsys):
    log = RunLog(tmp_path)
    log.step("coarse", "coarse net", row(20, 1.56361824))
    log.say("a word")
    log.close()
    expected = ["training coarse net, step: 20 loss: 1.5636182, time cost: 0.2500", "a word"]
    assert (tmp_path / "train.log").read_text().splitlines() == expected
    assert capsys.readouterr().out.splitlines() == expected


def test_rows_hold_every_term(tmp_path):
    log = RunLog(tmp_path)
    log.step("coarse", "coarse net", row(3))
    log.close()
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"stage": "coarse", **row(3)}


def test_a_resumed_run_keeps_the_rows_before_it_and_no_other(tmp_path):
    """Resumed in the fine stage after two steps: step 2 comes again, the validation before it does not."""
    write_run(tmp_path)
    whole = kept(tmp_path)
    RunLog(tmp_path, {"fine": 2}).close()
    assert kept(tmp_path) == [r for r in whole if r[0] == "coarse"] + [
        ("fine", 0, False), ("fine", 1, False), ("fine", 2, True)]
    RunLog(tmp_path, {"coarse": 1, "fine": 0}).close()
    assert kept(tmp_path) == [("coarse", 0, False)]


def test_a_row_that_a_crash_tore_is_dropped(tmp_path):
    write_run(tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "fine", "st')
    RunLog(tmp_path, {"fine": 3}).close()
    assert len(kept(tmp_path)) == 10


def test_a_new_run_starts_anew(tmp_path):
    write_run(tmp_path)
    RunLog(tmp_path).close()
    assert kept(tmp_path) == [] and (tmp_path / "train.log").read_text() == ""


def test_a_resumed_log_goes_on(tmp_path):
    write_run(tmp_path)
    before = (tmp_path / "train.log").read_text()
    log = RunLog(tmp_path, {"fine": 3})
    log.say("resumed")
    log.close()
    assert (tmp_path / "train.log").read_text() == before + "resumed\n"


def events(folder: Path) -> list[Event]:
    """Read TensorBoard's file: length (8 bytes), check (4), event, check (4)."""
    data, found = b"".join(path.read_bytes() for path in sorted((folder / "summary").iterdir())), []
    while data:
        size = struct.unpack("<Q", data[:8])[0]
        found.append(Event.FromString(data[12:12 + size]))
        data = data[16 + size:]
    return found


def test_tensorboard_sees_terms_figures_and_pictures(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    log = RunLog(tmp_path)
    log.step("coarse", "coarse net", row(3))
    log.validation("coarse", 4, {"coarse": {"abs_rel": 0.5}})
    log.picture("coarse", 4, "coarse", rgb)
    log.close()
    found = {(v.tag, e.step): v for e in events(tmp_path) for v in e.summary.value}
    scalars = {key: v.simple_value for key, v in found.items() if not v.image.width}
    assert scalars == {("coarse/train/loss", 3): 1.5, ("coarse/train/l2", 3): 2.0,
                       ("coarse/train/shift", 3): 1.0,
                       ("coarse/train/learning_rate", 3): 0.125, ("coarse/validation/coarse/abs_rel", 4): 0.5}
    assert [(v.image.width, v.image.height) for v in found.values() if v.image.width] == [(8, 6)]
    np.testing.assert_array_equal(np.asarray(Image.open(next((tmp_path / "images").iterdir()))), rgb)


def cloud(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 256, (count, 3), np.uint8)


def meshes(folder: Path) -> dict[tuple[str, int, int], tuple[np.ndarray, dict]]:
    """Values and settings in TensorBoard's file by name, step and kind: 1 points, 3 colours."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            about = MeshPluginData.FromString(value.metadata.plugin_data.content)
            shape = [dim.size for dim in value.tensor.tensor_shape.dim]
            assert list(about.shape) == shape and value.metadata.plugin_data.plugin_name == "mesh"
            found[about.name, event.step, about.content_type] = (
                np.reshape(value.tensor.float_val, shape), json.loads(about.json_config))
    return found


def test_a_cloud_is_a_file_and_in_tensorboard_the_right_way_up(tmp_path):
    points, colors = cloud(50)
    log = RunLog(tmp_path)
    log.cloud("depth", 40, "room", points, colors)
    log.close()
    body = (tmp_path / "images" / "depth_000040_room.ply").read_bytes().split(b"end_header\n", 1)[1]
    stored = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    np.testing.assert_array_equal(stored["xyz"], points)
    np.testing.assert_array_equal(stored["rgb"], colors)
    found = meshes(tmp_path)
    assert set(found) == {("depth/room", 40, 1), ("depth/room", 40, 3)}
    shown, about = found["depth/room", 40, 1]
    np.testing.assert_array_equal(shown[0], points @ np.diag([1, -1, -1]))  # y up there, and no mirror
    np.testing.assert_array_equal(found["depth/room", 40, 3][0][0], colors)
    distance_m = np.sort(np.sqrt((points**2).sum(axis=1)))
    assert about["material"]["size"] == pytest.approx(0.01 * (distance_m[24] + distance_m[25]) / 2)


def test_tensorboard_gets_an_even_part_of_a_large_cloud(tmp_path):
    points, colors = cloud(60_000)
    points[:, 0] = np.arange(60_000)  # its number
    log = RunLog(tmp_path)
    log.cloud("depth", 0, "room", points, colors)
    log.close()
    found = meshes(tmp_path)
    number = found["depth/room", 0, 1][0][0, :, 0].astype(int)
    assert len(number) == 20_000 and set(np.diff(number)) <= {2, 3, 4}
    assert (number[0], number[-1]) == (0, 59_999)
    np.testing.assert_array_equal(found["depth/room", 0, 3][0][0], colors[number])
    assert (tmp_path / "images" / "depth_000000_room.ply").stat().st_size > 60_000 * 15
    assert sum(path.stat().st_size for path in (tmp_path / "summary").iterdir()) < 600_000


def test_an_empty_cloud_is_a_file_alone(tmp_path):
    log = RunLog(tmp_path)
    log.cloud("depth", 0, "room", *cloud(0))
    log.close()
    assert b"element vertex 0\n" in (tmp_path / "images" / "depth_000000_room.ply").read_bytes()
    assert not meshes(tmp_path)
