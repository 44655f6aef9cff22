# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What run_distributed_train_ascend.sh needs of an HCCL rank table (version 1.0, as hccl_tools.py writes it).

`python rank_table.py FILE` prints the number of ranks of all servers, then a line `rank_id device_id cores`
for each device of this server, where cores is its share of the CPU cores as taskset takes it, or "all" where
cores are fewer than devices. Only the standard library is used.
"""
from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any


class TableError(Exception):
    """What is wrong with a rank table, in one line."""


def read_servers(path: Path) -> list[dict[str, Any]]:
    """Return the checked servers: `server_id` and `device`, a list of (rank_id, device_id).

    Raises:
        TableError: no JSON, a key is missing, or the ids contradict each other.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise TableError(f"is not JSON ({error})") from None
    servers = [{"server_id": _value(server, "server_id", f"server_list[{i}]"),
                "device": _devices(server, f"server_list[{i}]")}
               for i, server in enumerate(_filled_list(table, "server_list", "the table"))]
    ranks = sorted(rank_id for server in servers for rank_id, _ in server["device"])
    if ranks != list(range(len(ranks))):
        raise TableError(f"rank_id must run from 0 to {len(ranks) - 1} over all devices, found {ranks}")
    if str(table.get("server_count", len(servers))) != str(len(servers)):
        raise TableError(f"server_count is {table['server_count']} but server_list has {len(servers)}")
    return servers


def _value(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise TableError(f"{where} has no {key}")
    return entry[key]


def _filled_list(entry: Any, key: str, where: str) -> list[Any]:
    values = _value(entry, key, where)
    if not isinstance(values, list) or not values:
        raise TableError(f"{key} of {where} must be a list with at least one entry")
    return values


def _devices(server: Any, where: str) -> list[tuple[int, int]]:
    devices = []
    for i, device in enumerate(_filled_list(server, "device", where)):
        place = f"{where}.device[{i}]"
        devices.append((_whole(device, "rank_id", place), _whole(device, "device_id", place)))
    device_ids = sorted(device_id for _, device_id in devices)
    if len(set(device_ids)) < len(device_ids):
        raise TableError(f"{where} names a device_id twice: {device_ids}")
    return devices


def _whole(entry: Any, key: str, where: str) -> int:
    text = str(_value(entry, key, where))
    if not (text.isascii() and text.isdigit()):
        raise TableError(f"{key} of {where} is {text!r}, not a whole number")
    return int(text)


def own_server(servers: list[dict[str, Any]], server_id: str | None) -> dict[str, Any]:
    """Return this host's server: the one named `server_id`, the only one, or the one with an own address.

    Raises:
        TableError: none fits, or several do.
    """
    names = ", ".join(str(server["server_id"]) for server in servers)
    if server_id:
        own = [server for server in servers if server["server_id"] == server_id]
        problem = f"has no server_id {server_id} (SERVER_ID), only {names}"
    elif len(servers) == 1:
        return servers[0]
    else:
        own = [server for server in servers if _is_own_address(str(server["server_id"]))]
        problem = f"does not tell which of {names} is this host: set SERVER_ID to one of them"
    if len(own) != 1:
        raise TableError(problem)
    return own[0]


def _is_own_address(address: str) -> bool:
    """Tell whether a socket can be bound to `address`, which is true of a host's own addresses only."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def core_shares(cores: list[int], parts: int) -> list[str]:
    """Divide CPU cores into `parts` equal runs, as comma-separated lists; "all" where there are too few."""
    size = len(cores) // parts
    return [",".join(map(str, cores[i * size:(i + 1) * size])) or "all" for i in range(parts)]


def main(path: str) -> int:
    """Print the ranks of this server and return the exit code."""
    try:
        servers = read_servers(Path(path))
        devices = own_server(servers, os.environ.get("SERVER_ID"))["device"]
    except TableError as error:
        print(f"error: rank table {path} {error}", file=sys.stderr)
        return 2
    print(sum(len(server["device"]) for server in servers))
    shares = core_shares(sorted(os.sched_getaffinity(0)), len(devices))
    for (rank_id, device_id), cores in zip(devices, shares):
        print(rank_id, device_id, cores)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
