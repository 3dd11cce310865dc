"""Cubes that are searched in parts: nothing that is found depends on how many there are, or on where they end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.io import fits
from scenes import make_header
from scipy.ndimage import gaussian_filter

from cubefocus.cli.main import main
from cubefocus.cube.beams import with_beam
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.fit.beam import Beam
from cubefocus.search import tiles
from cubefocus.search.bank import reach_of, significance
from cubefocus.search.groups import windows_of
from cubefocus.search.levels import measure_levels
from cubefocus.search.matched import measure_noises
from cubefocus.search.run import search_cube
from cubefocus.tables.columns import column

SHAPE, FWHM = (20, 160, 152), 4.0
PART = SHAPE[0] * 112 * 112  # voxels: a quarter of the image and what it overlaps
SIGMA = FWHM / math.sqrt(8 * math.log(2))
BEAM = (FWHM, FWHM, 0.0)
# x, y, z, peak, standard deviation in pixels and channels: within a part, on the border of two, on that of four.
SOURCES = ((30.0, 40.0, 6.0, 12.0, 2.0, 1.5), (76.0, 30.0, 12.0, 9.0, 2.0, 2.0), (77.0, 81.0, 9.0, 10.0, 4.0, 1.5),
           (120.0, 79.5, 14.0, 8.0, 2.2, 3.0))  # fmt: skip


def data_of(seed: int = 1) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), (0, SIGMA / 1.414, SIGMA / 1.414))
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    sky = sum(
        peak * np.exp(-0.5 * (((x - at_x) ** 2 + (y - at_y) ** 2) / size**2 + ((z - at_z) / width) ** 2))
        for at_x, at_y, at_z, peak, size, width in SOURCES
    )
    return (0.001 * (noise / noise.std() + sky)).astype(np.float32)


def run(data, **options):
    beam = Beam.gaussian(np.array([BEAM]), SHAPE)
    return search_cube(Cube(data, make_header(SHAPE)), beam, BEAM, rest_frequency_ghz=230.538, **options)


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of a quarter of the image and what they overlap."""
    monkeypatch.setattr("cubefocus.search.run.voxels_in", lambda *_: PART)


@pytest.fixture(scope="module")
def whole():
    snr = np.zeros(SHAPE, dtype=np.float32)
    return run(data_of(), snr=snr), snr


def assert_same(one, other, significance=0.01):
    assert len(one) == len(other) == len(SOURCES)
    for name in ("x", "y", "z", "line_flux_jykms", "major", "fwhm_z", "continuum_mjy"):
        off = np.abs(column(one, name) - column(other, name)) / column(one, f"{name}_err")
        assert (off[np.isfinite(off)] < 0.2).all(), name
    assert np.allclose(column(one, "significance"), column(other, "significance"), rtol=significance)
    assert np.allclose(column(one, "reliability"), column(other, "reliability"), atol=0.02)
    assert list(one["flags"]) == list(other["flags"])


def test_parts_cover_the_image_once_and_overlap():
    for shape, most in (((10, 100, 90), 10 * 60 * 60), ((3, 500, 40), 3 * 120 * 40), ((5, 64, 64), 1e9)):
        seen = np.zeros(shape[1:], dtype=int)
        for tile in tiles.tiles_of(shape, 17, most):
            seen[tile.core_rows, tile.core_columns] += 1
            assert np.prod([shape[0], tile.rows.stop - tile.rows.start, tile.columns.stop - tile.columns.start]) <= most
            for core, part, size in (
                (tile.core_rows, tile.rows, shape[1]),
                (tile.core_columns, tile.columns, shape[2]),
            ):
                assert part.start <= max(0, core.start - 17)
                assert part.stop >= min(size, core.stop + 17)
            assert seen[tile.rows, tile.columns][tile.core].shape == seen[tile.core_rows, tile.core_columns].shape
        assert (seen == 1).all()


def test_a_budget_without_room_for_a_part_says_how_much_is_needed():
    with pytest.raises(CubefocusError, match=r"give at least .* GB"):
        tiles.tiles_of((1000, 400, 400), 50, 1e6)


def test_the_catalogue_does_not_depend_on_the_parts(whole, small_parts):
    assert len(tiles.tiles_of(SHAPE, reach_of(BEAM), PART)) == 4
    (one, one_snr), snr = whole, np.zeros(SHAPE, dtype=np.float32)
    parts = run(data_of(), snr=snr)
    assert_same(one.catalogue, parts.catalogue)
    assert (np.abs(snr - one_snr) > 0.05 * np.maximum(np.abs(one_snr), 4.0)).mean() < 1e-3
    assert len(parts.candidates) == pytest.approx(len(one.candidates), abs=2)
    assert parts.found.highest.max() == pytest.approx(one.found.highest.max(), rel=0.01)
    np.testing.assert_allclose(parts.found.total, data_of().sum(axis=0), atol=1e-6)


def test_a_source_on_the_border_of_parts_is_one_source(whole, small_parts):
    catalogue = run(data_of()).catalogue
    for at_x, at_y, *_ in SOURCES:
        near = np.hypot(column(catalogue, "x") - at_x, column(catalogue, "y") - at_y) < 6.0
        assert near.sum() == 1


def test_the_noise_of_the_templates_is_that_of_the_whole_cube():
    data = data_of()
    levels = measure_levels(data, FWHM)
    noises = measure_noises([(data, levels)], BEAM, 1.0)
    assert set(noises) == {0.0, 0.9, 1.7, 3.0}
    whole, same = significance(data, levels, BEAM), significance(data, levels, BEAM, noises=noises)
    np.testing.assert_array_equal(whole.positive, same.positive)
    np.testing.assert_array_equal(whole.negative, same.negative)


@pytest.mark.parametrize("turn", [0.0, 30.0, 135.0])
def test_coarse_templates_find_what_fine_ones_find(monkeypatch, turn):
    """A source of three beams is as significant where its templates are looked at in every second pixel."""
    data, beam = data_of(), (5.0, 3.5, turn)
    levels = measure_levels(data, FWHM)
    coarse = significance(data, levels, beam).positive
    monkeypatch.setattr("cubefocus.search.bank.STEPS", ())
    fine = significance(data, levels, beam).positive
    for at_x, at_y, at_z, *_ in SOURCES:
        place = np.s_[int(at_z), int(at_y) - 4 : int(at_y) + 5, int(at_x) - 4 : int(at_x) + 5]
        assert coarse[place].max() == pytest.approx(fine[place].max(), rel=0.05)
    assert (coarse > 4.0).sum() == pytest.approx((fine > 4.0).sum(), rel=0.1)


def test_sources_near_each_other_are_fitted_together_and_others_alone():
    boxes = np.array([[10, 10, 16, 16], [24, 12, 30, 18], [120, 100, 126, 108]])
    found = windows_of(boxes, [0, 1, 2], SHAPE, BEAM, 1e9)
    assert [one.members for one in found] == [[0, 1], [2]]
    assert found[0].corner == (0, 0)
    first, second = found
    assert first.columns.stop <= boxes[2, 0]
    assert second.rows.stop <= SHAPE[1]


def test_windows_of_a_crowded_image_are_no_larger_than_they_may_be():
    grid = np.mgrid[20:140:24, 20:140:24].reshape(2, -1).T
    boxes = np.concatenate([grid, grid + 4], axis=1)
    (all_in_one,) = windows_of(boxes, range(len(boxes)), SHAPE, BEAM, 1e9)
    assert len(all_in_one.members) == len(boxes)
    most = SHAPE[0] * 80 * 80
    several = windows_of(boxes, range(len(boxes)), SHAPE, BEAM, most)
    assert sorted(number for one in several for number in one.members) == list(range(len(boxes)))
    for one in several:
        (top, left), size = one.corner, (one.rows.stop - one.rows.start, one.columns.stop - one.columns.start)
        assert SHAPE[0] * size[0] * size[1] <= most
        reach = np.array([left, top, one.columns.stop, one.rows.stop])
        inside = (boxes[:, :2] < reach[2:]).all(axis=1) & (boxes[:, 2:] > reach[:2]).all(axis=1)
        assert sorted(one.members + one.others) == np.flatnonzero(inside).tolist()


def test_sources_of_small_windows_are_those_of_large_ones(whole, monkeypatch):
    """Each is fitted with its neighbours also where the windows may not hold all of them at once."""
    monkeypatch.setattr("cubefocus.search.run.voxels_of_fit", lambda *_: 1.0)
    alone = run(data_of())
    assert [len(one.window.members) for one in alone.described] == [1] * len(SOURCES)
    # The noise is measured in another part of the image, with the scatter that this has.
    assert_same(whole[0].catalogue, alone.catalogue, significance=0.06)


@pytest.fixture
def path(tmp_path):
    header = make_header(SHAPE)
    header["BUNIT"] = "mJy/beam"
    write_cube(tmp_path / "cube.fits", 1e3 * data_of(), with_beam(header, [(0.4, 0.4, 0.0)], "ALMA"), {})
    return tmp_path / "cube.fits"


def test_levels_of_a_cube_on_disk_are_those_of_one_in_memory(path):
    whole, parts = (measure_levels(read_cube(path, most=most).data, FWHM) for most in (math.inf, 0.0))
    np.testing.assert_array_equal(whole.channel, parts.channel)
    np.testing.assert_array_equal(whole.place, parts.place)


def test_products_of_a_cube_on_disk_are_those_of_one_in_memory(path, tmp_path, monkeypatch):
    assert main(["detect", str(path), "-o", str(tmp_path / "whole"), "--rest-frequency", "230.538"]) == 0
    monkeypatch.setattr("cubefocus.search.methods.most_in_memory", lambda memory: 0.0)
    monkeypatch.setattr("cubefocus.search.run.voxels_in", lambda *_: PART)
    assert main(["detect", str(path), "-o", str(tmp_path / "parts"), "--rest-frequency", "230.538"]) == 0
    names = [{one.name for one in (tmp_path / which).iterdir()} for which in ("whole", "parts")]
    assert names[0] == names[1]
    assert_same(*(read_table(tmp_path / which / "catalogue.ecsv") for which in ("whole", "parts")))
    for kind in ("snr", "mask", "moment0", "moment1", "moment2", "peak"):
        one, other = (fits.getdata(tmp_path / which / f"cube.{kind}.fits") for which in ("whole", "parts"))
        assert one.shape == other.shape
        differs = ~np.isclose(one, other, rtol=0.05, atol=0.2 if kind == "snr" else 1e-6, equal_nan=True)
        assert differs.mean() < 2e-3, kind
    for number in range(len(SOURCES)):
        one, other = (
            read_table(tmp_path / which / f"cube.source{number:03d}.spectrum.ecsv") for which in ("whole", "parts")
        )
        assert np.allclose(one["flux_density"], other["flux_density"], atol=0.2 * np.median(one["flux_density_err"]))


def test_a_dirty_cube_that_is_too_large_is_refused_and_told_what_it_takes(path, tmp_path, capsys):
    """Of 0.5 million voxels, with next to nothing left of the memory."""
    command = ["detect", str(path), "--psf", str(path), "-o", str(tmp_path / "out"), "--memory", "1.01"]
    assert main(command) == 1
    assert "fitted in all of it at once" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["0.5", "-3", "nan"])
def test_a_memory_that_no_search_can_do_with_is_refused(path, tmp_path, capsys, value):
    assert main(["detect", str(path), "-o", str(tmp_path / "out"), "--memory", value]) == 1
    assert "--memory is" in capsys.readouterr().err


def test_a_faint_continuum_is_as_significant_in_every_channel():
    """Of 1.5 times the noise in a channel: a flat spectrum tells it, at the ends of the band as well as within."""
    n_channels, n_y, n_x = SHAPE
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(SHAPE), (0, SIGMA / 1.414, SIGMA / 1.414))
    y, x = np.ogrid[:n_y, :n_x]
    data = noise / noise.std() + 1.5 * np.exp(-0.5 * ((x - 70.0) ** 2 + (y - 90.0) ** 2) / SIGMA**2)
    levels = measure_levels(data.astype(np.float32), FWHM)
    found = significance(data.astype(np.float32), levels, BEAM).positive[:, 90, 70]
    assert found.min() > 0.7 * 1.5 * math.sqrt(n_channels)
    assert found.min() > 0.8 * found.max()
