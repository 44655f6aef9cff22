# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Downloads that go on where they stopped, are checked, and complete or not there; unpacking archives."""
from __future__ import annotations

import gzip
import hashlib
import http.client
import re
import shutil
import tarfile
import tempfile
import time
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

from tqdm import tqdm

from src.errors import UserError

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_AGENT = "mindspore-depth (data set download)"
_PASSING = (408, 425, 429)  # HTTP errors that may go away, as those from 500 on may


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Attributes:
        url: its last part names the file.
        size: in bytes, where it is published.
        sha256: where one is published.
    """

    url: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[1]


def download(remote: Remote, folder: Path, force: bool = False, attempts: int = 5,
             pause_s: float = 1.0) -> Path:
    """Bring a file to a folder, with a progress bar, and return its path.

    What has arrived stays in `<name>.part`, and the next call asks the server for the rest only. A file that
    is there is checked and kept.

    Args:
        remote: the file.
        folder: is made where it is missing.
        force: download a file anew that is there.
        attempts: that may fail in a row without bringing anything.
        pause_s: before the second attempt, doubled each time.

    Raises:
        UserError: it cannot be had, or it is another file than the published one (which is removed).
    """
    path, part = folder / remote.name, folder / f"{remote.name}.part"
    if path.is_file() and not force:
        _check(path, path, remote)
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        failed = 0
        with tqdm(desc=remote.name, unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar:
            while True:
                before = _size(part)
                reason = _attempt(remote, part, bar)
                if reason is None:
                    break
                failed = 0 if _size(part) > before else failed + 1
                if failed == attempts:
                    raise UserError(f"cannot download {remote.url}: {reason}; {_size(part)} bytes have "
                                    "arrived, and the same command goes on from there")
                time.sleep(pause_s * 2 ** failed)
        _check(part, path, remote)
        part.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; check the folder and the free "
                        "space") from error
    return path


def _attempt(remote: Remote, part: Path, bar: tqdm) -> str | None:
    """Fetch what is missing; return None when the file is complete, else why it is not."""
    try:
        return None if _fetch(remote, part, bar) else "the connection ended early"
    except HTTPError as error:
        error.close()
        if error.code == 416:  # nothing after what we have: all of it, or of another file
            if error.headers.get("Content-Range") == f"bytes */{_size(part)}":
                return None
            part.unlink()
            return "the server has a shorter file"
        if error.code in _PASSING or error.code >= 500:
            return f"the server answers {error.code} {error.reason}"
        raise UserError(f"cannot download {remote.url}: the server answers {error.code} {error.reason}; if "
                        f"the file has moved, put it into {part.parent} by hand") from None
    except http.client.HTTPException as error:
        return f"the connection ended early ({type(error).__name__})"
    except OSError as error:  # also urllib's URLError and time-outs
        if error.filename is not None:
            raise
        return str(getattr(error, "reason", error))


def _fetch(remote: Remote, part: Path, bar: tqdm) -> bool:
    """Ask for the rest of a file and append it; tell whether it is complete."""
    have = _size(part)
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(remote.url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        given = re.match(rf"bytes {have}-", response.headers.get("Content-Range", ""))
        start = have if response.status == 206 and given else 0  # a server may ignore the range
        if response.status == 206 and not given:
            raise http.client.HTTPException
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        if remote.size and total not in (None, remote.size):
            raise UserError(f"{remote.url} has {total} bytes, not the {remote.size} that are published: the "
                            "file has changed, or this is an error page")
        total = remote.size or total
        _check_room(part, (total or 0) - start)
        bar.reset(total)
        bar.update(start)
        with part.open("ab" if start else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    return total is None or _size(part) == total


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise UserError(f"{part.parent} has {free / 2**30:.1f} GB free, {needed / 2**30:.1f} GB are still to "
                        "come; make room or name another folder with --data_dir (make: DATA_DIR=...)")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check(file: Path, path: Path, remote: Remote) -> None:
    """Compare a file with what is published of it; a download that differs is removed."""
    wrong = ""
    if remote.size and file.stat().st_size != remote.size:
        wrong = f"has {file.stat().st_size} bytes, not {remote.size}"
    elif remote.sha256:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        wrong = "" if found == remote.sha256 else f"has the SHA-256 {found}, not {remote.sha256}"
    if wrong and file != path:
        file.unlink()
        raise UserError(f"what came from {remote.url} {wrong}; it was removed: download it again, and if "
                        "that repeats the file has changed")
    if wrong:
        raise UserError(f"{path} {wrong}: it is damaged or another file; --force (make: FORCE=1) downloads "
                        "it anew")


def unpack(archive: Path, folder: Path, force: bool = False) -> Path | None:
    """Unpack `<stem>.tar.gz` or `<stem>.tgz` to `folder/<stem>`, which is complete or not there.

    Returns:
        the folder, or None where the file is no archive.

    Raises:
        UserError: the archive is damaged, or its members would leave the folder.
    """
    match = re.fullmatch(r"(.+)\.(tar\.gz|tgz)", archive.name)
    if not match:
        return None
    target = folder / match[1]
    if target.is_dir() and not force:
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=folder) as temporary:
            inside = Path(temporary) / target.name
            with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
                tar.extractall(inside, filter="data")
                while stream.read(_CHUNK):  # to its end, where the checksum of all of it is
                    pass
            if target.is_dir():
                shutil.rmtree(target)
            inside.replace(target)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"cannot unpack {archive} ({error}): it is damaged or no archive; --force (make: "
                        "FORCE=1) downloads it anew") from None
    except OSError as error:
        raise UserError(f"cannot unpack {archive}: {error.strerror or error}") from None
    return target
