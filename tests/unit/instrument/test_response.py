"""Responses: measured once, kept whole, found again by what decides them, refused when damaged."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from cubefocus.engines.measure import get_response, grid_noise
from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import FILES, open_response, response_folder


def test_response_is_measured_once(instrument, setup, tmp_path):
    cache = tmp_path / "cache"
    first = get_response(setup, cache)
    again = get_response(setup, cache)
    assert len(instrument.runs) == 1
    assert first.folder == again.folder == response_folder(cache, setup)
    assert {path.name for path in first.folder.iterdir()} == set(FILES)
    assert [path.name for path in cache.iterdir()] == [first.folder.name], "nothing else is left in the cache"
    assert first.psf().shape == (3, 80, 80)
    assert first.psf()[:, 40, 40] == pytest.approx(1.0)
    assert first.primary_beam().shape == (3, 40, 40)
    assert first.primary_beam()[:, 20, 20] == pytest.approx(1.0)
    assert first.header()["BMAJ"] * 3600 == pytest.approx(1.2)
    assert first.header()["TELESCOP"] == "TEST"
    assert np.array_equal(first.uvw_m(), instrument.uvw_m)


@pytest.mark.parametrize("changes", [{"inbright": 0.5}, {"pblimit": 0.5}, {"hour_angle": "0h"}, {"n_pixels": 99}])
def test_what_does_not_decide_the_response_shares_it(instrument, setup, tmp_path, changes):
    first = get_response(setup, tmp_path / "cache")
    changed = replace(setup, **changes)
    second = get_response(changed, tmp_path / "cache", shape=setup.cube_shape)
    assert len(instrument.runs) == 1
    assert second.folder == first.folder
    assert second.observation == changed


@pytest.mark.parametrize(
    "changes", [{"hour_angle": "2h"}, {"integration_s": 30.0}, {"pwv_mm": 2.0}, {"cell_arcsec": 0.2}, {"n_pixels": 42},
                {"direction": "J2000 03h59m59.96s 10d00m00s"}]
)  # fmt: skip
def test_another_setup_has_another_response(instrument, setup, tmp_path, changes):
    get_response(setup, tmp_path / "cache")
    get_response(replace(setup, **changes), tmp_path / "cache")
    assert len(instrument.runs) == 2


def test_array_file_of_the_user_counts_by_its_content(setup, tmp_path):
    array = tmp_path / "mine.cfg"
    array.write_text("0 0 0 12. A\n90 0 0 12. B\n")
    own = replace(setup, array=str(array))
    before = response_folder(tmp_path, own)
    array.write_text("0 0 0 12. A\n95 0 0 12. B\n")
    assert response_folder(tmp_path, own) != before


def test_failure_leaves_the_log_and_no_response(instrument, setup, tmp_path):
    instrument.fail = True
    with pytest.raises(CubefocusError, match="CASA failed"):
        get_response(setup, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".log"]
    instrument.fail = False
    assert get_response(setup, tmp_path / "cache").shape == (3, 40, 40)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink(), lambda path: path.write_bytes(b"nonsense" * 999)])
def test_damaged_response_is_refused_and_can_be_remade(instrument, setup, tmp_path, name, damage):
    folder = get_response(setup, tmp_path / "cache").folder
    damage(folder / name)
    with pytest.raises(CubefocusError, match=f"{folder}.*remove this directory"):
        read_all(get_response(setup, tmp_path / "cache"))
    read_all(get_response(setup, tmp_path / "cache", remake=True))
    assert len(instrument.runs) == 2


def read_all(response):
    return response.psf(), response.primary_beam(), response.noise_power()


def test_response_without_a_table_is_refused(instrument, setup, tmp_path):
    folder = get_response(setup, tmp_path / "cache").folder
    with h5py.File(folder / "response.h5", "a") as file:
        del file["noise_power"]
    with pytest.raises(CubefocusError, match="not a whole response"):
        open_response(folder).noise_power()


def test_response_of_another_setup_is_refused(instrument, setup, tmp_path):
    folder = get_response(setup, tmp_path / "cache").folder
    with pytest.raises(CubefocusError, match="another set-up"):
        open_response(folder, replace(setup, hour_angle="2h"))
    assert open_response(folder).observation == setup


def test_dishes_of_two_sizes_are_refused(instrument, setup, tmp_path):
    (tmp_path / "array.cfg").write_text("0 0 0 12. A\n90 0 0 7. B\n")
    with pytest.raises(CubefocusError, match=r"dishes of 7, 12 m.*engine casa"):
        get_response(setup, tmp_path / "cache")
    assert instrument.runs == []


def test_a_primary_beam_that_is_as_good_as_none_is_refused(instrument, setup, tmp_path):
    instrument.fwhm_arcsec = 1e5
    with pytest.raises(CubefocusError, match=r"no primary beam of TEST.*1\.000 at the corner.*12 m about 0\.6"):
        get_response(setup, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/"))
    # where none is expected to fall, its shape is not known
    assert get_response(replace(setup, n_pixels=8), tmp_path / "cache").shape == (3, 8, 8)


def test_gridded_noise_of_two_baselines():
    """A sample at 3 cells east and 2 north is at column -3 of the pixels' frequencies, so mirrored at (-2, 3)."""
    frequency, cell = np.array([299792458.0]), np.array([1.0, 1.0])  # metres are wavelengths are cells
    uvw = np.array([[3.0, 2.0, 0.0], [0.0, -4.0, 0.0]])
    power, rms = grid_noise(uvw, np.array([0, 1]), np.array([[1.0], [8.0]]), frequency, cell, [16, 16])
    assert power.shape == (1, 9, 4)
    expected = np.zeros((9, 4))
    expected[-2, 3], expected[-4, 0] = 1.0 / 4 / 4, 8.0 / 4  # over the number of samples squared
    assert power[0] == pytest.approx(expected)
    assert rms == pytest.approx(np.sqrt((1.0 + 8.0) / 4))


def test_visibilities_beyond_the_uv_plane_are_left_out():
    frequency, cell = np.array([299792458.0]), np.array([1.0, 1.0])
    uvw = np.array([[3.0, 2.0, 0.0], [20.0, 0.0, 0.0]])
    power, rms = grid_noise(uvw, np.array([0, 0]), np.array([[1.0]]), frequency, cell, [16, 16])
    assert rms == pytest.approx(1.0)
    assert np.count_nonzero(power) == 1
    with pytest.raises(CubefocusError, match="cell_arcsec smaller"):
        grid_noise(uvw[1:], np.array([0]), np.array([[1.0]]), frequency, cell, [16, 16])
