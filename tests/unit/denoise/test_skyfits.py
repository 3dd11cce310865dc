"""Skies as FITS files: what is written is read back, and what is no sky is refused."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from cubefocus.cube.reading import cube_provenance
from cubefocus.denoise.skyfits import read_sky, sky_header, write_sky
from cubefocus.errors import CubefocusError

IMAGE = np.random.default_rng(0).uniform(0.0, 1e-4, (24, 24)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """Write an image with a header that differs in some cards; None removes one."""

    def write(data=IMAGE, **cards):
        header = sky_header(data.shape[-2:], 2.0)
        for key, value in cards.items():
            if value is None:
                header.remove(key)
            else:
                header[key] = value
        fits.PrimaryHDU(data, header).writeto(tmp_path / "sky.fits")
        return tmp_path / "sky.fits"

    return write


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "sky.fits"
    write_sky(path, IMAGE, 2.0, {"seed": 5, "kind": "cluster"})
    assert np.array_equal(read_sky(path, 24, 2.0), IMAGE)
    header = fits.getheader(path)
    assert header["BUNIT"] == "Jy/arcsec2"
    wcs = WCS(header)
    assert [kind[:8] for kind in wcs.wcs.ctype] == ["RA---SIN", "DEC--SIN"]
    assert wcs.pixel_to_world(12, 12).dec.deg == pytest.approx(45.0)
    assert wcs.pixel_to_world(11, 12).separation(wcs.pixel_to_world(12, 12)).arcsec == pytest.approx(2.0, rel=1e-6)
    assert cube_provenance(path)["seed"] == 5
    assert [one.name for one in tmp_path.iterdir()] == ["sky.fits"]


def test_the_same_sky_gives_the_same_file(tmp_path):
    for name in ("one.fits", "two.fits"):
        write_sky(tmp_path / name, IMAGE, 2.0, {"seed": 5})
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("Jy/pixel", 0.25), ("JY/PIXEL", 0.25), ("mJy/pixel", 0.25e-3), ("Jy/arcsec^2", 1.0), ("mJy/arcsec2", 1e-3),
     ("Jy/sr", 2.3504431e-11)],
)  # fmt: skip
def test_units_become_jy_per_square_arcsec(write, unit, factor):
    assert read_sky(write(BUNIT=unit), 24, 2.0) == pytest.approx(factor * IMAGE, rel=1e-6)


def test_axes_of_one_pixel_are_dropped_and_the_middle_is_taken(write):
    path = write(IMAGE[None, None], CTYPE3="FREQ", CRVAL3=1.5e8, CDELT3=1e6, CRPIX3=1.0)
    assert np.array_equal(read_sky(path, 16, 2.0), IMAGE[4:20, 4:20])


def test_rounding_below_0_is_0(write):
    image = IMAGE.copy()
    image[0, 0] = -1e-12
    assert read_sky(write(image), 24, 2.0)[0, 0] == 0.0


def spoilt(value):
    image = IMAGE.copy()
    image[3, 4] = value
    return image


@pytest.mark.parametrize(
    ("data", "cards", "said"),
    [
        (IMAGE, {"BUNIT": "Jy/beam"}, "is in 'Jy/beam'; it must be in Jy/arcsec2 or Jy/pixel"),
        (IMAGE, {"BUNIT": "K"}, "is in 'K'"),
        (IMAGE, {"BUNIT": None}, "has no BUNIT"),
        (IMAGE, {"BUNIT": "apples"}, "BUNIT is 'apples'"),
        (IMAGE, {"CDELT1": -3.0 / 3600.0}, "pixels of 3 arcsec, not 2"),
        (IMAGE, {"CDELT2": 2.01 / 3600.0}, r"pixels of 2\.01 arcsec, not 2"),
        (IMAGE, {"CTYPE1": "X", "CTYPE2": "Y"}, "no axes RA and DEC"),
        (spoilt(np.nan), {}, "has 1 values that are NaN or infinite"),
        (spoilt(np.inf), {}, "has 1 values that are NaN or infinite"),
        (spoilt(-1e-5), {}, "goes down to -1e-05 Jy/arcsec2; a sky is nowhere negative"),
        (IMAGE[:20], {}, "has 20 x 24 pixels, fewer than 24"),
        (np.stack([IMAGE, IMAGE]), {}, r"has the shape \(2, 24, 24\)"),
    ],
)
def test_what_is_no_sky_is_refused(write, data, cards, said):
    path = write(data, **cards)
    with pytest.raises(CubefocusError, match=said) as error:
        read_sky(path, 24, 2.0)
    assert str(error.value).startswith(str(path))


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(CubefocusError, match="no such file"):
        read_sky(tmp_path / "absent.fits", 24, 2.0)
    (tmp_path / "text.fits").write_text("no FITS here")
    with pytest.raises(CubefocusError, match="not a readable FITS image"):
        read_sky(tmp_path / "text.fits", 24, 2.0)
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    with pytest.raises(CubefocusError, match="holds no image"):
        read_sky(tmp_path / "empty.fits", 24, 2.0)
