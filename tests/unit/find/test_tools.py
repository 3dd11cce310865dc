"""PyBDSF and Aegean in their own processes: what they find, what they leave behind, and what becomes of a crash."""

import tempfile

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.find import aegean, bdsf, tool
from cubefocus.find.gaussians import detections
from cubefocus.find.interface import COLUMNS, find_all

SIZE = 96
SOURCES = [(30.4, 25.0, 40.0, 4.0, 2.5), (60.0, 70.3, 25.0, 3.0, 3.0)]  # x, y, peak, sigma_x, sigma_y


@pytest.fixture(scope="module")
def image():
    y, x = np.indices((SIZE, SIZE))
    field = np.random.default_rng(2).normal(size=(SIZE, SIZE))
    for x0, y0, peak, a, b in SOURCES:
        field += peak * np.exp(-0.5 * (((x - x0) / a) ** 2 + ((y - y0) / b) ** 2))
    return field.astype(np.float32)


@pytest.mark.parametrize(("finder", "smoothing"), [(bdsf, 0.0), (aegean, 1.0)])
def test_sources_are_found_where_they_are_with_their_sizes(finder, smoothing, image):
    found = finder.find(image, {"smoothing": smoothing, "extent": 1.5})
    assert found.colnames == list(COLUMNS)
    found.sort("y")
    assert len(found) == 2
    for row, (x, y, peak, a, b) in zip(found, SOURCES, strict=True):
        wide_x, wide_y = np.hypot(a, smoothing), np.hypot(b, smoothing)
        assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.3)
        assert row["x1"] - row["x0"] == pytest.approx(3.0 * wide_x, abs=1.6)
        assert row["y1"] - row["y0"] == pytest.approx(3.0 * wide_y, abs=1.6)
        assert row["peak"] == pytest.approx(peak * a * b / (wide_x * wide_y), rel=0.12)
        assert row["flux"] == pytest.approx(2.0 * np.pi * a * b * peak, rel=0.15)
        assert row["snr"] > 15


def test_nothing_is_left_behind_or_said(image, capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    tool._process.cache_clear()  # so that they start here, in a folder where no other test writes
    for finder in (bdsf, aegean):
        finder.find(image + 1.0)
        tool._process(finder.__name__.rpartition(".")[2]).close()
    assert list(here.iterdir()) == []
    assert list(tmp_path.iterdir()) == [here]
    assert capfd.readouterr() == ("", "")


def test_noise_and_blank_images_have_no_sources():
    noise = np.random.default_rng(3).normal(size=(SIZE, SIZE))
    for finder in (bdsf, aegean):
        assert len(finder.find(noise, {})) == 0
        assert len(finder.find(np.zeros((SIZE, SIZE)), {})) == 0


def test_the_next_box_costs_no_further_search(image, monkeypatch):
    wide = bdsf.find(image, {"extent": 2.0})
    monkeypatch.setattr(tool, "_process", None)
    narrow = bdsf.find(image, {"extent": 1.0})
    assert (narrow["x1"] - narrow["x0"] < wide["x1"] - wide["x0"]).all()


def test_a_tool_that_raises_names_the_cube(image):
    with pytest.raises(CubefocusError, match=r"cube 7: bdsf failed: \w+"):
        find_all(bdsf.find, [(7, image)], {"thresh_pix": 0.0, "thresh_isl": 5.0, "beam": 0.0})


def test_a_tool_that_dies_names_the_cube_and_is_started_again(image):
    assert len(aegean.find(image)) == 2
    tool._process("aegean").process.kill()
    with pytest.raises(CubefocusError, match="cube 8: aegean was stopped by SIGKILL"):
        find_all(aegean.find, [(8, image + 2.0)], {})
    assert len(aegean.find(image + 2.0)) == 2


def test_boxes_are_pixels_within_the_extent_of_turned_gaussians():
    # Standard deviations 4 and 2; the major axis at 90 deg from y lies along x, so that 1.5 of them are 6 and 3 px:
    # around (20, 30) from 14 to 26 and from 27 to 33.
    fwhm = np.sqrt(8.0 * np.log(2.0))
    one = {"x": 20.0, "y": 30.0, "major": 4.0 * fwhm, "minor": 2.0 * fwhm, "pa": 90.0, "peak": 5.0, "noise": 0.5}
    (row,) = detections([[one]], (50, 50), 1.5 + 1e-9)
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == [14, 27, 27, 34]
    assert (row["x"], row["y"], row["peak"], row["snr"]) == pytest.approx((20.0, 30.0, 5.0, 10.0))
    assert row["flux"] == pytest.approx(2.0 * np.pi * 4.0 * 2.0 * 5.0)
    (cut,) = detections([[one, one | {"x": 1.0}]], (50, 50), 1.5)  # a source of two Gaussians, at the border
    assert (cut["x0"], cut["x1"], cut["x"]) == (0, 27, pytest.approx(10.5))
    assert len(detections([[one | {"x": -30.0}]], (50, 50), 1.5)) == 0


@pytest.mark.parametrize(("finder", "bad"), [(bdsf, {"thresh": 5.0}), (aegean, {"innerclip": -1.0})])
def test_bad_parameters_are_named(finder, bad, image):
    with pytest.raises(CubefocusError, match=next(iter(bad))):
        finder.find(image, bad)
