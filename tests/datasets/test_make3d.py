# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Make3D: pairs by name, the laser's distance in metres, upright pictures, and damaged or odd archives."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from src.datasets.make3d import open_make3d, read_laser
from src.datasets.synthetic import layout_make3d
from src.datasets.synthetic.__main__ import main as synthetic
from src.errors import UserError
from tests.samples import save

IDS = ("op9-p-015t000", "10.21op2-p-139t000", "060705-17.10.14-p-080t000", "op10-p-282t000", "math13-p-139t0")


def laser(seed: int) -> np.ndarray:
    """Return a Position3DGrid whose four channels are all different."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(a, a + 1, (55, 305)) for a in (-5, 5, 20, 30)], -1)


def write_set1(root: Path, pictures: str = "Train400Img", maps: str = "Train400Depth",
               ids: tuple[str, ...] = IDS) -> dict[str, np.ndarray]:
    """Write pairs whose picture is of one colour, in two orders; return the distances by id."""
    for number, name in enumerate(ids):
        save(root / pictures / f"img-{name}.jpg", np.full((32, 24, 3), 40 * number, np.uint8))
    (root / maps).mkdir(parents=True)
    distances = {}
    for number, name in reversed(list(enumerate(ids))):
        grid = laser(number)
        savemat(root / maps / f"depth_sph_corr-{name}.mat", {"Position3DGrid": grid},
                do_compression=number % 2 == 0)
        distances[name] = grid[..., 3].astype(np.float32)
    return distances


def refusal(call, *args: object) -> str:
    with pytest.raises(UserError) as error:
        call(*args)
    return str(error.value)


def test_pairs_belong_together_by_name(tmp_path):
    distances = write_set1(tmp_path)
    pairs = open_make3d(tmp_path, "make3d1", "train")
    assert len(pairs) == 5 and set(pairs.names) == set(IDS) and pairs.unpaired == ()
    assert pairs.names.index("op9-p-015t000") < pairs.names.index("op10-p-282t000")
    for i, name in enumerate(pairs.names):
        rgb, depth_m = pairs.read(i)
        assert rgb.shape == (32, 24, 3) and abs(int(rgb[5, 5, 0]) - 40 * IDS.index(name)) < 5
        assert depth_m.shape == (55, 305) and depth_m.dtype == np.float32
        np.testing.assert_array_equal(depth_m, distances[name])
        assert pairs.describe(i).count(name) == 2


@pytest.mark.parametrize("maps", ["Test134Depth/Gridlaserdata", "Gridlaserdata", "Test134Depth"])
def test_archives_may_be_unpacked_with_or_without_their_own_folder(tmp_path, maps):
    distances = write_set1(tmp_path, "Test134/Test134", maps)
    save(tmp_path / "Test134/Test134/._img-op9-p-015t000.jpg", np.zeros((2, 2), np.uint8))
    (tmp_path / maps / "._depth_sph_corr-op9-p-015t000.mat").write_bytes(b"Mac")
    (tmp_path / maps / "Readme.txt").write_text("...")
    pairs = open_make3d(tmp_path, "make3d1", "test")
    assert set(pairs.names) == set(distances) and pairs.unpaired == ()


def test_files_without_partner_are_told_and_left_out(tmp_path):
    write_set1(tmp_path)
    (tmp_path / "Train400Img/img-op10-p-282t000.jpg").unlink()
    (tmp_path / "Train400Depth/depth_sph_corr-math13-p-139t0.mat").unlink()
    pairs = open_make3d(tmp_path, "make3d1", "train")
    assert len(pairs) == 3
    assert pairs.unpaired == ("Train400Depth/depth_sph_corr-op10-p-282t000.mat",
                              "Train400Img/img-math13-p-139t0.jpg")


def test_set_2_lies_on_its_side(tmp_path):
    upright = np.zeros((40, 30, 3), np.uint8)
    upright[:20, :15] = 250  # light in the upper left corner
    depth_map = np.random.default_rng(0).uniform(1, 80, (107, 86))
    for pictures, maps in (("Dataset3_Images", "Dataset3_Depths"), ("Dataset2_Images", "Dataset2_Depths")):
        save(tmp_path / pictures / "img-a-b.jpg", np.rot90(upright))  # turned to the left
        (tmp_path / maps).mkdir()
        savemat(tmp_path / maps / "depth_sph_corr-a-b.mat", {"depthMap": depth_map})
    for part in ("train", "test"):
        rgb, depth_m = open_make3d(tmp_path, "make3d2", part).read(0)
        assert rgb.shape == upright.shape and np.abs(rgb.astype(int) - upright).mean() < 5
        np.testing.assert_array_equal(depth_m, depth_map.astype(np.float32))


def test_set_2_with_upright_pictures_stays(tmp_path):
    save(tmp_path / "Dataset3_Images/img-a.jpg", np.zeros((40, 30, 3), np.uint8))
    (tmp_path / "Dataset3_Depths").mkdir()
    savemat(tmp_path / "Dataset3_Depths/depth-a.mat", {"depthMap": np.ones((4, 3))})
    assert open_make3d(tmp_path, "make3d2", "train").read(0)[0].shape == (40, 30, 3)


def test_what_is_no_distance_is_no_reading(tmp_path):
    grid = np.full((2, 3, 4), 7.0)
    grid[0, :, 3] = np.nan, np.inf, -1
    savemat(tmp_path / "a.mat", {"Position3DGrid": grid})
    assert read_laser(tmp_path / "a.mat", "Position3DGrid").tolist() == [[0, 0, 0], [7, 7, 7]]


def test_damaged_and_odd_files_are_named(tmp_path):
    good = tmp_path / "a.mat"
    savemat(good, {"Position3DGrid": laser(0)}, do_compression=True)
    cut, text, empty = (tmp_path / name for name in ("cut.mat", "text.mat", "empty.mat"))
    cut.write_bytes(good.read_bytes()[:5000])
    text.write_text("no MATLAB file, but longer than its header of 128 bytes" * 5)
    empty.write_bytes(b"")
    for path in (cut, text, empty):
        assert f"cannot read {path} as a MATLAB file" in refusal(read_laser, path, "Position3DGrid")
    for length in (1, 20, 91, 126, 140):
        cut.write_bytes(good.read_bytes()[:length])
        assert f"cannot read {cut} as a MATLAB file" in refusal(read_laser, cut, "Position3DGrid")
    missing = tmp_path / "no.mat"
    assert refusal(read_laser, missing, "Position3DGrid") == f"no such file: {missing}"
    assert "should hold depthMap (h, w); it has no such variable" in refusal(read_laser, good, "depthMap")
    savemat(tmp_path / "b.mat", {"Position3DGrid": np.ones((55, 305, 3)), "depthMap": "text"})
    assert "it has float64 (55, 305, 3)" in refusal(read_laser, tmp_path / "b.mat", "Position3DGrid")
    assert "should hold depthMap (h, w); it has <U4" in refusal(read_laser, tmp_path / "b.mat", "depthMap")


def test_folders_that_do_not_fit_are_named(tmp_path):
    assert f"no folder {tmp_path / 'Train400Img'}" in refusal(open_make3d, tmp_path, "make3d1", "train")
    write_set1(tmp_path)
    assert f"no folder {tmp_path / 'Test134'}" in refusal(open_make3d, tmp_path, "make3d1", "test")
    save(tmp_path / "Train400Img/again/img-op9-p-015t000.jpg", np.zeros((2, 2, 3), np.uint8))
    text = refusal(open_make3d, tmp_path, "make3d1", "train")
    assert "have one name; keep one of each" in text and "again/img-op9-p-015t000.jpg" in text
    for path in (tmp_path / "Train400Depth").iterdir():
        path.rename(path.with_name(f"x{path.name[20:]}"))
    (tmp_path / "Train400Img/again/img-op9-p-015t000.jpg").unlink()
    assert "holds no pairs of Train400Img/img-<id>.jpg" in refusal(open_make3d, tmp_path, "make3d1", "train")


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("make3d")
    for name in "ab":
        synthetic(["--layout", "make3d", "--output_dir", str(folder / name), "--num_train", "3", "--num_test",
                   "1", "--width", "96", "--height", "128", "--workers", "1", "--holes", "0"])
    return folder


def test_synthetic_streets_have_the_published_format(streets):
    files = {path.relative_to(streets / "a").as_posix(): path.read_bytes()
             for path in (streets / "a").rglob("*.*") if path.suffix != ".json"}
    assert len(files) == 8
    assert all((streets / "b" / name).read_bytes() == data for name, data in files.items())
    assert {name.split("/img-")[0] for name in files if "img-" in name} == {"Train400Img", "Test134"}
    for name, data in files.items():
        if name.endswith(".mat"):
            assert data[:19] == b"MATLAB 5.0 MAT-file"
            grid = loadmat(streets / "a" / name)["Position3DGrid"]
            assert grid.shape == (55, 305, 4) and grid.dtype == np.float64
        else:
            assert Image.open(streets / "a" / name).size == (96, 128)
    assert len(open_make3d(streets / "a", "make3d1", "train")) == 3
    assert len(open_make3d(streets / "a", "make3d1", "test")) == 1


def test_synthetic_lasers_measure_what_the_camera_sees(streets):
    """Each reading lies on its cell's ray, at its distance; the near road is a plane."""
    camera = layout_make3d.CAMERA
    row, column = np.mgrid[:55, :305] + 0.5
    for path in (streets / "a").rglob("*.mat"):
        up, right, ahead, distance = np.moveaxis(loadmat(path)["Position3DGrid"], -1, 0)
        np.testing.assert_allclose(np.sqrt(up ** 2 + right ** 2 + ahead ** 2), distance, rtol=1e-5)
        u_px, v_px = camera.fx_px * right / ahead + camera.cx_px, camera.cy_px - camera.fy_px * up / ahead
        np.testing.assert_allclose(u_px, column * camera.width / 305, atol=0.1)
        np.testing.assert_allclose(v_px, row * camera.height / 55, atol=0.1)
        assert distance.min() > 1 and distance.max() <= 81.9
        assert np.ptp(up[-1]) < 0.01  # the road
        assert (distance > 70).any() and (distance < 70).mean() > 0.3  # C1 and C2 differ
