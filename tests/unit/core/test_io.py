"""Cubes and tables are read right or refused with a message, and written whole or not at all."""

import errno
import gzip
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import STEPS_PER_NOISE, write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_table, remove_leftovers, write_table


def header(spectral: str = "FREQ", **extra: float) -> fits.Header:
    cards = {
        "CTYPE1": "RA---SIN", "CRVAL1": 60.0, "CDELT1": -0.1 / 3600, "CRPIX1": 5.0, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": -35.0, "CDELT2": 0.1 / 3600, "CRPIX2": 4.0, "CUNIT2": "deg",
        "CTYPE3": spectral, "CRVAL3": 230e9, "CDELT3": 10e6, "CRPIX3": 1.0, "CUNIT3": "Hz",
    }  # fmt: skip
    return fits.Header(cards | extra)


def test_round_trip_keeps_data_axes_and_provenance(tmp_path):
    data = np.random.default_rng(1).normal(size=(3, 6, 8)).astype(np.float32)
    write_cube(tmp_path / "a.fits", data, header(BMAJ=1 / 3600, BMIN=0.5 / 3600, BPA=20.0), {"seed": 7})
    cube = read_cube(tmp_path / "a.fits")
    np.testing.assert_array_equal(cube.data, data)
    np.testing.assert_allclose(cube.frequencies_hz, [230e9, 230.01e9, 230.02e9])
    assert cube.cell_arcsec == pytest.approx(0.1)
    assert cube.beam == pytest.approx((1.0, 0.5, 20.0))
    assert cube.header["PROVENAN"] == '{"seed": 7}'
    centre = cube.wcs.pixel_to_world(4, 3)
    assert (centre.ra.deg, centre.dec.deg) == pytest.approx((60.0, -35.0))


@pytest.mark.parametrize("stokes_axis", [3, 4])
def test_four_axes_in_either_order(tmp_path, stokes_axis):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    spectral_axis = 7 - stokes_axis
    four = data[:, np.newaxis] if stokes_axis == 3 else data[np.newaxis]
    hdu = fits.PrimaryHDU(four)
    for card in header().cards:
        axis = int(card.keyword[-1])
        hdu.header[card.keyword if axis < 3 else f"{card.keyword[:-1]}{spectral_axis}"] = card.value
    hdu.header[f"CTYPE{stokes_axis}"] = "STOKES"
    hdu.writeto(tmp_path / "four.fits")
    cube = read_cube(tmp_path / "four.fits")
    np.testing.assert_array_equal(cube.data, data)
    np.testing.assert_allclose(np.diff(cube.frequencies_hz), 10e6)


def test_radio_velocity_axis_becomes_frequency():
    velocity = header("VRAD", CRVAL3=1000.0, CDELT3=1000.0, RESTFRQ=230.538e9)
    velocity["CUNIT3"] = "km/s"
    frequencies = Cube(np.zeros((2, 6, 8), dtype=np.float32), fits.PrimaryHDU(np.zeros((2, 6, 8)), velocity).header)
    expected = 230.538e9 * (1 - np.array([1000.0, 2000.0]) / 299792.458)
    np.testing.assert_allclose(frequencies.frequencies_hz, expected)


def test_matrix_of_cd_cards_says_the_same_as_cdelt(tmp_path):
    cards = header(CTYPE4="STOKES", CRVAL4=1.0, CRPIX4=1.0, CDELT4=1.0)
    for axis in (1, 2, 3, 4):
        cards[f"CD{axis}_{axis}"] = cards.pop(f"CDELT{axis}")
    cards["CD1_2"] = cards["CD2_1"] = 0.0
    fits.PrimaryHDU(np.ones((1, 3, 6, 8), dtype=np.float32), cards).writeto(tmp_path / "cd.fits")
    cube = read_cube(tmp_path / "cd.fits")
    np.testing.assert_allclose(cube.frequencies_hz, [230e9, 230.01e9, 230.02e9])
    assert cube.cell_arcsec == pytest.approx(0.1)
    assert cube.wcs.pixel_to_world(4, 3).ra.deg == pytest.approx(60.0)


def test_header_without_axes_or_with_half_a_beam_is_not_guessed_at():
    bare = Cube(np.zeros((2, 6, 8), dtype=np.float32), fits.Header({"NAXIS": 3, "BMAJ": 1 / 3600}))
    assert np.isnan(bare.cell_arcsec)
    assert bare.beam is None
    without_step = fits.Header({"NAXIS": 3, "CTYPE3": "FREQ", "CRVAL3": 230e9})
    with pytest.raises(CubefocusError, match="add CRVAL3 and CDELT3"):
        _ = Cube(np.zeros((2, 6, 8), dtype=np.float32), without_step).frequencies_hz


def test_cube_with_its_channels_along_another_axis_is_refused(tmp_path):
    cards = header(CTYPE1="FREQ", CTYPE3="RA---SIN")
    fits.PrimaryHDU(np.ones((3, 4, 5), dtype=np.float32), cards).writeto(tmp_path / "turned.fits")
    with pytest.raises(CubefocusError, match=r"turned\.fits: its axis 1 is the spectral one"):
        read_cube(tmp_path / "turned.fits")


@pytest.mark.parametrize("kind", ["plain", "gzipped", "compressed"])
def test_truncated_file_is_refused(tmp_path, kind):
    path = tmp_path / ("cube.fits.gz" if kind == "gzipped" else "cube.fits")
    cube = np.random.default_rng(2).normal(size=(4, 32, 32))
    write_cube(tmp_path / "cube.fits", cube, header(), {}, compress_seed=3 if kind == "compressed" else None)
    content = (tmp_path / "cube.fits").read_bytes()
    content = gzip.compress(content) if kind == "gzipped" else content
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(CubefocusError, match=r"cube\.fits.*truncated"):
        read_cube(path)


def test_compressed_cube_keeps_blanks_axes_and_provenance(tmp_path):
    data = np.random.default_rng(4).normal(size=(4, 64, 64)).astype(np.float32)
    data[:, :9], data[3] = np.nan, 0.0
    write_cube(tmp_path / "cube.fits", data, header(), {"seed": 5}, compress_seed=2**31 - 2)
    back = read_cube(tmp_path / "cube.fits")
    assert np.array_equal(np.isnan(back.data), np.isnan(data))
    assert np.nanmax(np.abs(back.data - data)) < 0.6 / STEPS_PER_NOISE
    assert not back.data[3, 9:].any()
    assert '"seed": 5' in back.header["PROVENAN"]
    assert back.header["NAXIS3"] == 4


def test_absent_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(CubefocusError, match=r"nowhere\.fits: no such file"):
        read_cube(tmp_path / "nowhere.fits")
    (tmp_path / "text.fits").write_text("not a cube")
    with pytest.raises(CubefocusError, match="not a FITS file"):
        read_cube(tmp_path / "text.fits")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_scaled_integers_with_blanks_are_read(tmp_path, suffix):
    hdu = fits.PrimaryHDU(np.arange(24, dtype=np.int16).reshape(2, 3, 4), header(BLANK=7))
    hdu.header.update(BSCALE=0.5, BZERO=3.0)
    hdu.writeto(tmp_path / f"scaled.fits{suffix}")
    expected = 0.5 * np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 3.0
    expected[0, 1, 3] = np.nan
    data = read_cube(tmp_path / f"scaled.fits{suffix}").data
    np.testing.assert_array_equal(data, expected)
    assert data.dtype == np.float32


def test_two_stokes_planes_are_refused(tmp_path):
    fits.PrimaryHDU(np.zeros((2, 3, 4, 4), dtype=np.float32), header()).writeto(tmp_path / "iq.fits")
    with pytest.raises(CubefocusError, match="2 Stokes planes"):
        read_cube(tmp_path / "iq.fits")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path):
    code = (
        "import os, sys\n"
        "from cubefocus.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.fits")], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    kept = [tmp_path / name for name in ("x.fits", ".hidden.2.fits", f".{os.getpid()}.y.fits", ".12")]
    for path in kept:
        path.write_text("mine")
    remove_leftovers(tmp_path)
    assert not left.exists()
    assert all(path.read_text() == "mine" for path in kept)


def test_table_keeps_units_and_provenance(tmp_path):
    table = Table({"flux": [1.0, 2.0]}, units={"flux": "Jy"})
    write_table(tmp_path / "t.ecsv", table, {"seed": 3})
    again = read_table(tmp_path / "t.ecsv")
    assert again["flux"].unit == "Jy"
    assert again.meta["provenance"] == {"seed": 3}
    assert "provenance" not in table.meta


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unexpected pos 64")])
def test_a_full_disk_is_named_whatever_the_writer_says(tmp_path, monkeypatch, error):
    free = 0 if isinstance(error, RuntimeError) else 10**9  # torch does not say why it could not write
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))

    def write():
        with atomic_path(tmp_path / "model.pt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(CubefocusError, match=r"model\.pt: cannot be written, the disk is full"):
        write()
    assert not list(tmp_path.iterdir())


def test_other_errors_of_a_writer_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError, match="of its own"), atomic_path(tmp_path / "model.pt"):
        raise ValueError("of its own")
