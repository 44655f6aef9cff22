# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What files hold arrives as RGB bytes and metres, and every damaged file is named."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from src.datasets.image_files import check_header, read_depth, read_header, read_rgb
from src.errors import UserError
from tests.samples import DEPTH_SAMPLES, needs_samples, save

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 50, 3), np.uint8)
DEPTH_8 = RNG.integers(0, 256, (40, 50), np.uint8)
DEPTH_16 = RNG.integers(0, 65536, (40, 50), np.uint16)


@pytest.mark.parametrize(("values", "units_per_m"), [(DEPTH_8, 25.5), (DEPTH_16, 1000.0), (DEPTH_16, 256.0)])
def test_depth_pictures_are_metres(tmp_path, values, units_per_m):
    depth_m = read_depth(save(tmp_path / "d.png", values), units_per_m)
    assert depth_m.dtype == np.float32
    np.testing.assert_allclose(depth_m, values.astype(np.float64) / units_per_m, rtol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint16, np.int32])
def test_depth_arrays_are_metres(tmp_path, dtype):
    values = (DEPTH_8 * 4).astype(dtype)
    np.save(tmp_path / "d.npy", values)
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy", 2.0), values.astype(np.float32) / 2)
    np.save(tmp_path / "d.npy", values[None])
    assert read_depth(tmp_path / "d.npy", 2.0).shape == (40, 50)


def test_what_is_no_reading_is_zero(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[np.nan, np.inf, -np.inf], [-1.0, 0.0, 2.0]]))
    assert read_depth(tmp_path / "d.npy", 1.0).tolist() == [[0, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_pictures_that_are_no_depth_maps_are_refused(tmp_path, mode):
    path = tmp_path / "d.png"
    Image.fromarray(RGB).convert(mode).save(path)
    with pytest.raises(UserError, match=f"{path} is a {mode} picture; a depth map has one channel"):
        read_depth(path, 1000.0)
    if mode != "1":  # one bit of grey stands deeper in the header
        assert "not a single-channel depth PNG" in check_header(path, depth=True)


@pytest.mark.parametrize("values", [RGB.astype(np.float32), DEPTH_8 > 0, np.array(["a"]), DEPTH_8[0],
                                    DEPTH_8.astype(complex)])
def test_arrays_that_are_no_depth_maps_are_refused(tmp_path, values):
    np.save(tmp_path / "d.npy", values)
    with pytest.raises(UserError, match=r"d\.npy holds .*a real array \(H, W\)"):
        read_depth(tmp_path / "d.npy", 1.0)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_pictures_of_every_kind_become_rgb(tmp_path, mode):
    picture = Image.fromarray(RGB).convert(mode)
    picture.save(tmp_path / ("p.tif" if mode == "CMYK" else "p.png"))
    read = read_rgb(next(tmp_path.iterdir()))
    assert read.shape == (40, 50, 3) and read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(("orientation", "upright"), [
    (1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)),
    (8, lambda a: np.rot90(a))])
def test_cameras_held_upright(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "p.png"), upright(RGB))


def damaged_files(folder):
    """Each way in which a file can be bad, under a name that tells it."""
    whole_png, whole_jpg = save(folder / "w.png", DEPTH_16), save(folder / "w.jpg", RGB)
    np.save(folder / "w.npy", DEPTH_16)
    for path in (whole_png, whole_jpg, folder / "w.npy"):
        data = path.read_bytes()
        (folder / f"half{path.suffix}").write_bytes(data[:len(data) // 2])
        (folder / f"start{path.suffix}").write_bytes(data[:20])
        (folder / f"empty{path.suffix}").write_bytes(b"")
        (folder / f"text{path.suffix}").write_text("no picture at all, but long enough to be one")
        (folder / f"folder{path.suffix}").mkdir()
    flipped = bytearray(whole_png.read_bytes())
    flipped[len(flipped) // 2] ^= 0xFF
    (folder / "flipped.png").write_bytes(flipped)


@pytest.mark.parametrize("kind", ["half", "start", "empty", "text", "folder", "absent", "flipped"])
def test_damaged_files_are_named(tmp_path, kind):
    damaged_files(tmp_path)
    for suffix, read in ((".png", read_rgb), (".jpg", read_rgb), (".png", lambda p: read_depth(p, 1.0)),
                         (".npy", lambda p: read_depth(p, 1.0))):
        path = tmp_path / f"{kind}{suffix}"
        if kind == "flipped" and not path.exists():  # a broken byte of a JPEG or array is a picture still
            continue
        with pytest.raises(UserError) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    for read in (read_rgb, lambda p: read_depth(p, 1.0)):
        with pytest.raises(UserError, match="p.png.*(exceeds limit|decompression bomb)"):
            read(save(tmp_path / "p.png", DEPTH_8))


@pytest.mark.parametrize(("name", "depth", "expected"), [
    ("w.png", True, None), ("w.png", False, None), ("w.jpg", False, None), ("w.npy", True, None),
    ("w.jpg", True, "not a PNG"), ("w.npy", False, "neither JPEG nor PNG"), ("text.png", True, "not a PNG"),
    ("text.jpg", False, "neither JPEG nor PNG"), ("text.npy", True, "not a NumPy array"),
    ("empty.png", True, "empty"), ("empty.npy", True, "empty"), ("absent.jpg", False, "missing"),
    ("absent.npy", True, "missing"), ("folder.png", True, "unreadable (Is a directory)")])
def test_headers_tell_what_is_wrong(tmp_path, name, depth, expected):
    damaged_files(tmp_path)
    assert check_header(tmp_path / name, depth) == expected


@pytest.mark.parametrize(("mode", "suffix", "text"), [
    ("I;16", "png", "a 16-bit grey PNG"), ("L", "png", "an 8-bit grey PNG"), ("1", "png", "a 1-bit grey PNG"),
    ("RGB", "png", "an 8-bit RGB PNG"), ("P", "png", "an 8-bit palette PNG"),
    ("LA", "png", "an 8-bit grey with alpha PNG"), ("RGBA", "png", "an 8-bit RGB with alpha PNG"),
    ("L", "jpg", "an 8-bit grey JPEG"), ("RGB", "jpg", "an 8-bit RGB JPEG"),
    ("CMYK", "jpg", "an 8-bit CMYK JPEG")])
def test_headers_tell_kind_and_size(tmp_path, mode, suffix, text):
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(DEPTH_16 if mode == "I;16" else RGB).convert(mode).save(path)
    header = read_header(path)
    assert str(header) == text and header.size_wh == (50, 40)


@pytest.mark.parametrize(("orientation", "size_wh"), [
    (1, (50, 40)), (3, (50, 40)), (6, (40, 50)), (8, (40, 50))])
def test_the_size_of_cameras_held_upright(tmp_path, orientation, size_wh):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "p.jpg", exif=exif)
    assert read_header(tmp_path / "p.jpg").size_wh == size_wh == read_rgb(tmp_path / "p.jpg").shape[1::-1]


@pytest.mark.parametrize(("name", "expected"), [
    ("text.png", "neither JPEG nor PNG"), ("start.png", "neither JPEG nor PNG"), ("empty.jpg", "empty"),
    ("absent.jpg", "missing"), ("folder.png", "unreadable (Is a directory)"),
    ("start.jpg", "a JPEG with a damaged header"), ("w.npy", "neither JPEG nor PNG")])
def test_files_without_a_picture_header(tmp_path, name, expected):
    damaged_files(tmp_path)
    with pytest.raises(UserError) as caught:
        read_header(tmp_path / name)
    assert str(caught.value) == expected


@needs_samples("NYU/Test/00000_depth.png", "NYU/Train/basement_0001a_out/1.png")
def test_real_files_hold_plausible_metres():
    test_m = read_depth(DEPTH_SAMPLES / "NYU/Test/00000_depth.png", 1000.0)
    assert test_m.shape == (480, 640) and test_m.min() > 0.7 and test_m.max() <= 10.0
    train_m = read_depth(DEPTH_SAMPLES / "NYU/Train/basement_0001a_out/1.png", 25.5)
    assert train_m.max() <= 10.0 and 0.2 < np.mean(train_m == 0) < 0.4
