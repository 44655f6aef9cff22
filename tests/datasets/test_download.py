# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Downloads from a server on this machine that cuts, ignores, errs and lies; unpacking of archives."""
from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from src.datasets import download as module
from src.datasets.download import Remote, download, unpack
from src.errors import UserError

DATA = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server:
    """What the server has and how it behaves; `asked` keeps the ranges of the requests."""

    def __init__(self) -> None:
        self.data = DATA
        self.cut_after: list[int] = []  # bytes of the answer's body, one a request
        self.errors: list[int] = []  # codes to answer with, before anything else
        self.ranges = True
        self.length = True
        self.asked: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - http.server's name
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/folder/file.bin"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.errors:
            request.send_error(self.errors.pop(0))
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if start >= len(self.data) > 0 and start:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.data)}")
            request.end_headers()
            return
        body = self.data[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.length:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:self.cut_after.pop(0)] if self.cut_after else body)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.http.shutdown()
    thread.join()
    running.http.server_close()


def fetch(server: Server, folder: Path, size: int | None = len(DATA), sha256: str | None = SHA256,
          **options: object) -> bytes:
    path = download(Remote(server.url, size, sha256), folder, pause_s=0, **options)
    assert path == folder / "file.bin" and [file.name for file in folder.iterdir()] == ["file.bin"]
    return path.read_bytes()


def refusal(server: Server, folder: Path, size: int | None = len(DATA), sha256: str | None = SHA256,
            **options: object) -> str:
    with pytest.raises(UserError) as error:
        download(Remote(server.url, size, sha256), folder, pause_s=0, **options)
    assert not (folder / "file.bin").exists() or options
    return str(error.value)


@pytest.mark.parametrize("published", [(len(DATA), SHA256), (len(DATA), None), (None, None)])
def test_a_file_arrives(server, tmp_path, published):
    assert fetch(server, tmp_path / "new/raw", *published) == DATA
    assert server.asked == [None]


@pytest.mark.parametrize("published", [(len(DATA), SHA256), (None, None)])
def test_cut_connections_go_on_where_they_ended(server, tmp_path, published):
    server.cut_after = [100_000, 50_000, 0, 1]
    assert fetch(server, tmp_path, *published) == DATA
    assert server.asked == [None, "bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150001-"]


def test_a_later_call_goes_on_too(server, tmp_path):
    server.cut_after = [100_000] + 9 * [0]
    text = refusal(server, tmp_path, attempts=3)
    assert "the connection ended early; 100000 bytes have arrived" in text and server.url in text
    assert len(server.asked) == 4
    server.cut_after.clear()
    assert fetch(server, tmp_path) == DATA
    assert server.asked[4:] == ["bytes=100000-"]


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.cut_after = [100_000, 200_000]
    assert fetch(server, tmp_path) == DATA
    server.cut_after = 9 * [100_000]
    (tmp_path / "file.bin").unlink()
    assert "ended early" in refusal(server, tmp_path, attempts=3)


def test_a_server_that_tells_no_length(server, tmp_path):
    server.length = False
    server.cut_after = [100_000]
    assert fetch(server, tmp_path) == DATA
    assert server.asked == [None, "bytes=100000-"]


def test_passing_errors_are_tried_again(server, tmp_path):
    server.errors = [503, 500, 429]
    assert fetch(server, tmp_path) == DATA
    server.errors = [503] * 5
    (tmp_path / "file.bin").unlink()
    assert "the server answers 503" in refusal(server, tmp_path)
    server.errors = [404]
    assert "the server answers 404 Not Found; if the file has moved" in refusal(server, tmp_path)
    assert not server.errors


def test_no_server_at_all(server, tmp_path):
    url = server.url.replace(str(server.http.server_port), "9")
    with pytest.raises(UserError, match="cannot download .*: .*refused"):
        download(Remote(url), tmp_path, attempts=2, pause_s=0)


def test_everything_had_arrived_but_the_name(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(DATA)
    assert fetch(server, tmp_path) == DATA
    assert server.asked == [f"bytes={len(DATA)}-"]


def test_more_had_arrived_than_there_is(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(DATA + b"more")
    assert fetch(server, tmp_path) == DATA
    assert server.asked == [f"bytes={len(DATA) + 4}-", None]


def test_another_size_is_refused_before_it_arrives(server, tmp_path):
    server.data = DATA[:-1]
    assert f"has {len(DATA) - 1} bytes, not the {len(DATA)} that are published" in refusal(server, tmp_path)
    assert not (tmp_path / "file.bin.part").exists()


def test_another_size_without_an_announcement(server, tmp_path):
    server.length, server.data = False, DATA + b"more"
    assert f"has {len(DATA) + 4} bytes, not {len(DATA)}" in refusal(server, tmp_path, attempts=1)


def test_another_checksum_is_refused_and_removed(server, tmp_path):
    server.data = DATA[:-1] + bytes([DATA[-1] ^ 1])
    assert f"not {SHA256}; it was removed" in refusal(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_checked_and_kept(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(DATA)
    assert fetch(server, tmp_path) == DATA
    assert server.asked == []
    (tmp_path / "file.bin").write_bytes(DATA[:-1] + b"?")
    with pytest.raises(UserError, match="FORCE=1"):
        download(Remote(server.url, len(DATA), SHA256), tmp_path)
    assert (tmp_path / "file.bin").read_bytes() != DATA
    assert fetch(server, tmp_path, force=True) == DATA
    assert server.asked == [None]


def test_room_is_looked_for_first(server, tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=len(DATA) - 1))
    assert "make room or name another folder" in refusal(server, tmp_path)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot write"):
        download(Remote(server.url), tmp_path / "file" / "raw")


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", ["Test134.tar.gz", "Test134.tgz"])
def test_archives_are_unpacked_once(tmp_path, name):
    path = archive(tmp_path / name, {"a.txt": b"a", "folder/b.txt": b"b"})
    target = unpack(path, tmp_path / "unpacked")
    assert target == tmp_path / "unpacked/Test134" and (target / "folder/b.txt").read_bytes() == b"b"
    (target / "a.txt").unlink()
    unpack(path, tmp_path / "unpacked")
    assert not (target / "a.txt").exists()
    (target / "old.txt").write_bytes(b"")
    unpack(path, tmp_path / "unpacked", force=True)
    assert (target / "a.txt").exists() and not (target / "old.txt").exists()
    assert [file.name for file in (tmp_path / "unpacked").iterdir()] == ["Test134"]


def test_other_files_stay_as_they_are(tmp_path):
    (tmp_path / "nyu.mat").write_bytes(b"")
    assert unpack(tmp_path / "nyu.mat", tmp_path / "unpacked") is None
    assert not (tmp_path / "unpacked").exists()


def test_damaged_archives_leave_nothing(tmp_path):
    path = archive(tmp_path / "a.tgz", {"a.txt": DATA, "b.txt": DATA})
    data = path.read_bytes()
    for name, damaged in (("cut.tgz", data[:len(data) // 2]), ("page.tgz", b"<html>moved</html>" * 99),
                          ("bit.tgz", data[:-6] + bytes([data[-6] ^ 1]) + data[-5:])):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(UserError, match=f"cannot unpack .*{name}"):
            unpack(tmp_path / name, tmp_path / "unpacked")
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_members_stay_inside(tmp_path):
    path = archive(tmp_path / "a.tgz", {"../../outside.txt": b"a"})
    with pytest.raises(UserError, match="cannot unpack"):
        unpack(path, tmp_path / "sub/unpacked")
    assert not list(tmp_path.rglob("outside.txt"))
