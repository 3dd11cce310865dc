"""Cubes on disk that are read in parts: what a part holds is what the whole cube holds there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.io import fits
from scenes import make_header

from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.cube.windows import Windows
from cubefocus.cube.writing import cube_on_disk, write_cube
from cubefocus.errors import CubefocusError

SHAPE = (6, 11, 13)
PARTS = (
    np.s_[:, :, :], np.s_[2:5, 3:9, 1:12], np.s_[4], np.s_[-1, 2:4], np.s_[:, ::3, ::2], np.s_[..., 5], np.s_[1:1],
    np.s_[3, 4, 5],
)  # fmt: skip


def values() -> np.ndarray:
    data = np.random.default_rng(1).normal(0.0, 100.0, SHAPE)
    data[2, 3:5, 4] = np.nan
    data[0, 0, 0], data[5, 1, 2] = np.inf, -np.inf
    return data


def written(path, data, scale=None):
    """Write an array as it stands in a file, with the cards of scaled integers."""
    hdu = fits.PrimaryHDU(data, make_header(SHAPE))
    hdu.header["BUNIT"] = "mJy/beam"
    hdu.writeto(path)
    if scale is not None:
        with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
            hdus[0].header.update(scale)
    return path


def turned(path, data, axes):
    """Write an array with the axes of the file in another order: FITS numbers of longitude, latitude and frequency."""
    header, old = make_header(SHAPE), make_header(SHAPE)
    for new, place in enumerate(axes, 1):
        for key in ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT"):
            header[f"{key}{new}"] = old[f"{key}{place}"]
    header["BUNIT"] = "mJy/beam"
    fits.PrimaryHDU(data.transpose([3 - place for place in reversed(axes)]).astype(np.float32), header).writeto(path)
    return path


def assert_parts_equal(path):
    whole, parts = (in_jy_per_beam(read_cube(path, most=most), path) for most in (math.inf, 0.0))
    assert isinstance(whole.data, np.ndarray)
    assert isinstance(parts.data, Windows)
    assert parts.data.shape == whole.data.shape
    assert len(parts.data) == len(whole.data)
    assert parts.data.nbytes == whole.data.nbytes
    assert parts.header == whole.header
    for part in PARTS:
        found = parts.data[part]
        assert np.asarray(found).dtype == np.float32
        np.testing.assert_array_equal(found, whole.data[part])
    for one, other in zip(parts.data, whole.data, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_parts_of_floats_are_those_of_the_cube(tmp_path, kind):
    assert_parts_equal(written(tmp_path / "cube.fits", values().astype(kind)))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32])
def test_parts_of_scaled_integers_are_those_of_the_cube(tmp_path, kind):
    data = np.random.default_rng(2).integers(0, 100, SHAPE).astype(kind)
    data[1, 2, 3:7] = 99
    assert_parts_equal(written(tmp_path / "cube.fits", data, {"BSCALE": 0.25, "BZERO": -3.5, "BLANK": 99}))


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 3, 1), (2, 1, 3), (3, 2, 1)])
def test_the_order_of_the_axes_makes_no_difference(tmp_path, axes):
    assert_parts_equal(turned(tmp_path / "cube.fits", values(), axes))


def test_axes_of_one_pixel_and_images_in_extensions_are_read_in_parts(tmp_path):
    header = make_header(SHAPE)
    header["CTYPE4"], header["CRVAL4"], header["CDELT4"], header["CRPIX4"] = "STOKES", 1.0, 1.0, 1.0
    image = fits.ImageHDU(values().astype(np.float32)[None], header, name="SCI")
    image.header["BUNIT"] = "Jy/beam"
    mask = fits.ImageHDU((values() > 0).astype(np.int16), make_header(SHAPE), name="MASK")
    fits.HDUList([fits.PrimaryHDU(), mask, image]).writeto(tmp_path / "cube.fits")
    assert_parts_equal(tmp_path / "cube.fits")


def test_a_cube_on_disk_is_no_array_and_says_so(tmp_path):
    cube = read_cube(written(tmp_path / "cube.fits", values().astype(np.float32)), most=0.0)
    with pytest.raises(TypeError, match="read in parts"):
        np.asarray(cube.data)
    with pytest.raises(TypeError, match="whole numbers and slices"):
        cube.data[np.ones(SHAPE[0], dtype=bool)]


def test_what_is_packed_cannot_be_read_in_parts(tmp_path):
    path = written(tmp_path / "cube.fits.gz", values().astype(np.float32))
    with pytest.raises(CubefocusError, match=r"is compressed.*unpack it first"):
        read_cube(path, most=100.0)
    assert read_cube(path).data.shape == SHAPE


def test_a_cube_written_in_parts_is_the_file_that_is_written_at_once(tmp_path):
    data, header = values().astype(np.float32), make_header(SHAPE)
    write_cube(tmp_path / "whole.fits", data, header, {"seed": 1})
    with cube_on_disk(tmp_path / "parts.fits", SHAPE, header, {"seed": 1}) as onto:
        for rows in (slice(0, 4), slice(4, 11)):
            for columns in (slice(0, 7), slice(7, 13)):
                onto[:, rows, columns] = data[:, rows, columns]
    assert (tmp_path / "parts.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()


def test_a_cube_that_is_not_written_whole_is_not_there(tmp_path):
    with pytest.raises(RuntimeError), cube_on_disk(tmp_path / "cube.fits", SHAPE, make_header(SHAPE), {}):
        raise RuntimeError
    assert not list(tmp_path.iterdir())
