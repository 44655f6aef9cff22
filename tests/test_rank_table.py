# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Distributed training from a rank table: one process a device, and what happens when one fails."""
from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.rank_table import core_shares, main
from tests.script_runner import REPOSITORY, SCRIPTS, FakePython, environment, run_script

SCRIPT = "run_distributed_train_ascend.sh"
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"  # the latter is reserved for documentation (RFC 5737)


@pytest.fixture
def fake(tmp_path: Path) -> FakePython:
    return FakePython(tmp_path / "interpreter")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "my NYU").mkdir()
    folder = tmp_path / "run it here"
    folder.mkdir()
    return folder


def table_of(servers: dict[str, list[tuple[int, int]]]) -> dict[str, Any]:
    """Return a table of version 1.0; `servers` holds (rank_id, device_id) of each device by server_id."""
    return {"version": "1.0", "server_count": str(len(servers)), "status": "completed", "server_list": [
        {"server_id": name, "host_nic_ip": "reserve", "device": [
            {"device_id": str(device_id), "device_ip": f"192.1.1.{device_id}", "rank_id": str(rank_id)}
            for rank_id, device_id in devices]} for name, devices in servers.items()]}


def write(path: Path, table: object) -> Path:
    path.write_text(json.dumps(table))
    return path


TWO_SERVERS = {ELSEWHERE: [(0, 0), (1, 1)], HERE: [(2, 0), (3, 1)]}


@pytest.mark.parametrize(("servers", "chosen", "own", "size"), [
    ({ELSEWHERE: [(0, 4)]}, "", [(0, 4)], 1),
    ({ELSEWHERE: [(0, 6), (1, 2)]}, "", [(0, 6), (1, 2)], 2),
    ({ELSEWHERE: [(i, i) for i in range(8)]}, "", [(i, i) for i in range(8)], 8),
    (TWO_SERVERS, "", [(2, 0), (3, 1)], 4),
    (TWO_SERVERS, ELSEWHERE, [(0, 0), (1, 1)], 4),
])
def test_one_process_for_each_device_of_this_server(fake: FakePython, place: Path, servers: dict, chosen: str,
                                                    own: list[tuple[int, int]], size: int):
    table = write(place.parent / "rank table.json", table_of(servers))
    done = run_script(SCRIPT, "../my NYU", "../rank table.json", "--max_steps", "5", cwd=place,
                      SERVER_ID=chosen, **fake.env)
    assert done.returncode == 0, done.stderr
    calls = sorted(fake.calls(), key=lambda call: int(call["env"]["RANK_ID"]))
    assert [(int(call["env"]["RANK_ID"]), int(call["env"]["DEVICE_ID"])) for call in calls] == own
    for call, (_, device_id) in zip(calls, own):
        assert call["argv"] == [
            str(REPOSITORY / "train.py"), "--data_url", "../my NYU", "--device_id", str(device_id),
            "--device_target", "auto", "--train_url", str(REPOSITORY / "Model"), "--max_steps", "5"]
        assert call["env"]["RANK_SIZE"] == str(size) and call["env"]["DEVICE_NUM"] == str(len(own))
        assert call["env"]["RANK_TABLE_FILE"] == str(table)
        assert call["cwd"] == str(place)
        log = (place / f"device{device_id}" / "train.log").read_text()
        assert "output of train.py" in log and "complaint of train.py" in log
    assert_cores_are_shared([set(call["cores"]) for call in calls])


def assert_cores_are_shared(shares: list[set[int]]):
    available = os.sched_getaffinity(0)
    assert all(share and share <= available for share in shares)
    if len(available) < len(shares):
        assert all(share == available for share in shares)
    else:
        assert sum(map(len, shares)) == len(set().union(*shares))


def test_core_shares_are_equal_runs_of_the_allowed_cores():
    assert core_shares([4, 5, 6, 7, 9], 2) == ["4,5", "6,7"]
    assert core_shares([3], 1) == ["3"]
    assert core_shares([0, 1], 3) == ["all"] * 3


def wait_until(condition, seconds: float = 20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_one_failure_stops_the_others_and_names_the_log(fake: FakePython, place: Path):
    write(place / "table.json", table_of({HERE: [(0, 3), (1, 5), (2, 6)]}))
    done = run_script(SCRIPT, "../my NYU", "table.json", cwd=place, FAKE_HANG="0,2", FAKE_EXIT_1="4",
                      **fake.env)
    assert done.returncode == 4
    assert f"error: device 5 ended with exit code 4, see {place}/device5/train.log" in done.stderr
    assert "complaint of train.py" in done.stderr
    assert [has_ended(call["pid"]) for call in fake.calls()] == [True] * 3


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopping_the_script_stops_its_processes(fake: FakePython, place: Path, sent: signal.Signals,
                                                 code: int):
    write(place / "table.json", table_of({HERE: [(0, 0), (1, 1)]}))
    script = subprocess.Popen(["bash", str(SCRIPTS / SCRIPT), "../my NYU", "table.json"], cwd=place,
                              env=environment(FAKE_HANG="0,1", **fake.env), stdout=subprocess.DEVNULL)
    wait_until(lambda: len(fake.calls()) == 2)
    script.send_signal(sent)
    assert script.wait(timeout=20) == code
    assert all(has_ended(call["pid"]) for call in fake.calls())


def damaged(*path: str | int, value: object = None) -> dict[str, Any]:
    """Return a table of 2 servers in which the entry at `path` is replaced by `value`, or missing."""
    table = copy.deepcopy(table_of(TWO_SERVERS))
    *parents, last = path
    entry: Any = table
    for key in parents:
        entry = entry[key]
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    return table


@pytest.mark.parametrize(("table", "reason"), [
    ([], "the table has no server_list"),
    (damaged("server_list"), "the table has no server_list"),
    (damaged("server_list", value=[]), "server_list of the table must be a list with at least one entry"),
    (damaged("server_list", 0, value="x"), "server_list[0] has no server_id"),
    (damaged("server_list", 1, "server_id"), "server_list[1] has no server_id"),
    (damaged("server_list", 1, "device"), "server_list[1] has no device"),
    (damaged("server_list", 1, "device", value={}), "device of server_list[1] must be a list"),
    (damaged("server_list", 1, "device", 0, "device_id"), "server_list[1].device[0] has no device_id"),
    (damaged("server_list", 1, "device", 0, "rank_id"), "server_list[1].device[0] has no rank_id"),
    (damaged("server_list", 1, "device", 0, "rank_id", value="-1"),
     "rank_id of server_list[1].device[0] is '-1', not a whole number"),
    (damaged("server_list", 1, "device", 0, "device_id", value=1.5), "is '1.5', not a whole number"),
    (damaged("server_list", 1, "device", 0, "rank_id", value="0"), "rank_id must run from 0 to 3"),
    (damaged("server_list", 1, "device", 0, "rank_id", value="9"), "rank_id must run from 0 to 3"),
    (damaged("server_list", 1, "device", 0, "device_id", value="1"),
     "server_list[1] names a device_id twice: [1, 1]"),
    (damaged("server_count", value="3"), "server_count is 3 but server_list has 2"),
    (damaged("server_list", 1, "server_id", value="198.51.100.1"), "set SERVER_ID"),
])
def test_malformed_tables_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                      monkeypatch: pytest.MonkeyPatch, table: object, reason: str):
    monkeypatch.delenv("SERVER_ID", raising=False)
    path = write(tmp_path / "table.json", table)
    assert main(str(path)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"error: rank table {path} ")
    assert reason in captured.err and captured.err.count("\n") == 1


def test_a_server_id_that_the_table_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SERVER_ID", "10.0.0.9")
    assert main(str(write(tmp_path / "table.json", table_of(TWO_SERVERS)))) == 2
    assert f"has no server_id 10.0.0.9 (SERVER_ID), only {ELSEWHERE}, {HERE}" in capsys.readouterr().err


def test_a_table_that_is_no_json_stops_before_any_process(fake: FakePython, place: Path):
    (place / "table.json").write_text('{"server_list": [')
    done = run_script(SCRIPT, "../my NYU", "table.json", cwd=place, **fake.env)
    assert done.returncode == 2
    assert done.stderr.startswith("error: rank table table.json is not JSON") and done.stderr.count("\n") == 1
    assert fake.calls() == [] and [path.name for path in place.iterdir()] == ["table.json"]
