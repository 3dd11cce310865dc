"""Headers and files as other programs write them: read right with a word, or refused with the card's name."""

import logging

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from headers import F0, OFFSET, SHAPE, plain_header, small_cube, spectral, write

from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.cube.units import SPELLINGS, is_standard, read_unit
from cubefocus.errors import CubefocusError


def messages(caplog):
    return " | ".join(caplog.messages)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("JY/BEAM", u.Jy / u.beam),
        ("Jy/bm", u.Jy / u.beam),
        ("JY BEAM-1", u.Jy / u.beam),
        ("Jy beam^-1", u.Jy / u.beam),
        ("Jy per beam", u.Jy / u.beam),
        ("'mJy/Beam'", u.mJy / u.beam),
        ("mjy/beam", u.mJy / u.beam),
        ("MJY/SR", u.MJy / u.sr),
        ("Jy/beam.km/s", u.Jy / u.beam * u.km / u.s),
        ("HZ", u.Hz),
        ("mhz", u.MHz),
        ("Ghz", u.GHz),
        ("KM/S", u.km / u.s),
        ("M/S", u.m / u.s),
        ("km/sec", u.km / u.s),
        ("kms-1", u.km / u.s),
        ("DEGREES", u.deg),
        ("DEG", u.deg),
        ("ARCSECONDS", u.arcsec),
        ("Kelvin", u.K),
    ],
)
def test_old_spellings_of_units(text, unit):
    assert read_unit(text) == unit


def test_table_of_spellings_leads_to_units_of_the_standard():
    assert all(is_standard(unit) for unit in set(SPELLINGS.values()))
    assert all(read_unit(old, like=u.Unit(unit)) == u.Unit(unit) for old, unit in SPELLINGS.items())


@pytest.mark.parametrize("text", ["MJY/BEAM", "bananas", "Jy/banana"])
def test_units_of_no_or_two_meanings_are_refused(text):
    with pytest.raises(CubefocusError, match=f"CARD is '{text}'"):
        read_unit(text, card="CARD")


@pytest.mark.parametrize(
    ("drop", "cards", "words"),
    [
        (("CTYPE2",), {}, "CTYPE2 is missing while CTYPE1 is 'RA---SIN'"),
        ((), {"CTYPE1": "GALAXY"}, "CTYPE1 is 'GALAXY'"),
        ((), {"CTYPE1": "RA---XYZ"}, r"Unrecognized projection code \(XYZ in CTYPE1\)"),
        ((), {"CTYPE2": "DEC--TAN"}, "Inconsistent projection types"),
        ((), {"CTYPE1": "RA", "CTYPE2": "DEC"}, "CTYPE1 'RA' names no projection"),
        ((), {"CUNIT1": "foo"}, "CUNIT1 is 'foo'"),
        ((), {"CUNIT1": "Hz"}, "CUNIT1 is Hz, which is no angle"),
        ((), {"CDELT1": 0.0}, "CDELT1 is 0"),
        (("CDELT2",), {}, "CDELT2 is missing"),
        (("CRVAL1",), {}, "CRVAL1 is missing"),
        ((), {"CRVAL2": 95.0}, "CRVAL2 is 95"),
        ((), {"CRVAL2": "-35d"}, "CRVAL2 is '-35d', which is no number"),
        ((), {"PC1_1": 1.0, "PC1_2": 1.0, "PC2_1": 1.0, "PC2_2": 1.0}, "singular"),
        ((), {"RADESYS": "MINE"}, "RADESYS is 'MINE'"),
        ((), {"EQUINOX": "old"}, "EQUINOX is 'old'"),
    ],
)
def test_header_off_the_sky_is_refused_in_one_line(drop, cards, words, tmp_path):
    path = write(tmp_path / "a.fits", plain_header(drop, **cards))
    with pytest.raises(CubefocusError, match=words) as caught:
        read_cube(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cards",
    [
        {"RADESYS": "fk5"},
        {"RADESYS": "J2000"},
        {"EQUINOX": "J2000"},
        {"EQUINOX": "2000.0"},
        {"CUNIT1": "DEGREES", "CUNIT2": "DEG"},
        {"CTYPE1": "RA--SIN", "CTYPE2": "dec--sin"},
        {"CRVAL1": "60.0"},
    ],
)
def test_old_spellings_of_the_sky(cards, tmp_path, caplog):
    cube = read_cube(write(tmp_path / "a.fits", plain_header(**cards)))
    position = cube.positions(6, 5)
    assert (position.ra.deg, position.dec.deg) == pytest.approx((60.0, -35.0), abs=1e-9)
    assert position.frame.name == "fk5"
    assert next(iter(cards)) in messages(caplog)


def test_other_frames_become_right_ascension_and_declination(tmp_path):
    galactic = plain_header(("RADESYS", "EQUINOX"), CTYPE1="GLON-SIN", CTYPE2="GLAT-SIN", CRVAL1=100.0, CRVAL2=10.0)
    old = plain_header(EQUINOX=1975.0)
    older = plain_header(RADESYS="FK4", EQUINOX=1950.0)
    for header, expected in (
        (galactic, SkyCoord(100.0, 10.0, unit="deg", frame="galactic")),
        (old, SkyCoord(60.0, -35.0, unit="deg", frame="fk5", equinox="J1975")),
        (older, SkyCoord(60.0, -35.0, unit="deg", frame="fk4", equinox="B1950")),
    ):
        path = tmp_path / f"{header['CTYPE1']}{header.get('EQUINOX')}.fits"
        position = read_cube(write(path, header)).positions(6, 5)
        assert position.separation(expected.transform_to(position.frame)) < 0.001 * u.arcsec
        assert position.frame.name in ("icrs", "fk5")
        assert abs(position.ra.deg - header["CRVAL1"]) > 0.1  # the header's own numbers are of another frame
    assert read_cube(write(tmp_path / "x.fits", old)).positions(6, 5).frame.equinox.value == "J2000.000"


@pytest.mark.parametrize(
    "axes",
    ["RA DEC STOKES FREQ", "RA DEC FREQ STOKES", "FREQ RA DEC", "RA FREQ DEC", "DEC RA FREQ", "STOKES FREQ RA DEC"],
)
def test_axes_in_any_order(axes, tmp_path):
    """The same cube with its axes in another order, header and values alike."""
    plain, data, names = plain_header(), small_cube(), axes.split()
    numbers = {"RA": 1, "DEC": 2, "FREQ": 3}
    header = plain_header(tuple(key for key in plain if key[-1] in "123"))
    for place, name in enumerate(names, start=1):
        for key in ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT"):
            value = (
                plain[f"{key}{numbers[name]}"] if name in numbers else {"CTYPE": "STOKES", "CUNIT": ""}.get(key, 1.0)
            )
            header[f"{key}{place}"] = value
    places = {"FREQ": 0, "DEC": 1, "RA": 2}
    turned = data.transpose([places[name] for name in reversed(names) if name in places])
    if "STOKES" in names:
        turned = np.expand_dims(turned, len(names) - 1 - names.index("STOKES"))
    cube = read_cube(write(tmp_path / "a.fits", header, np.ascontiguousarray(turned)))
    np.testing.assert_array_equal(cube.data, data)
    np.testing.assert_allclose(cube.frequencies_hz, F0 + 1e7 * OFFSET, rtol=1e-12)
    position = cube.positions(6, 15)
    assert (position.ra.deg, position.dec.deg) == pytest.approx((60.0, -35.0 + 1.0 / 3600), abs=1e-7)


def test_messages_number_cards_as_the_file_does(tmp_path, caplog):
    header = spectral("STOKES", 1.0, 1.0, CRPIX3=1.0, CTYPE4="FREQ", CRVAL4=F0, CDELT4=1e7, CRPIX4=17.0, CUNIT4="HZ")
    read_cube(write(tmp_path / "a.fits", header, small_cube()[:, None]))
    assert "CUNIT4 'HZ' read as Hz" in messages(caplog)


def test_header_that_speaks_of_more_axes_than_there_are(tmp_path, caplog):
    header = plain_header(CTYPE4="STOKES", CRVAL4=1.0, CDELT4=1.0, CRPIX4=1.0, WCSAXES=4)
    cube = read_cube(write(tmp_path / "a.fits", header))
    np.testing.assert_allclose(cube.frequencies_hz, F0 + 1e7 * OFFSET, rtol=1e-12)
    assert not [key for key in cube.header if key.endswith("4")]
    assert not caplog.messages


@pytest.mark.parametrize(
    ("cards", "drop", "beam", "said"),
    [
        ({}, (), (0.5, 0.4, 10.0), ""),
        ({}, ("BMAJ", "BMIN", "BPA"), None, ""),
        ({}, ("BPA",), (0.5, 0.4, 0.0), ""),
        ({}, ("BMIN",), None, "no BMIN"),
        ({"BMAJ": -1.0}, (), None, "BMAJ is -1"),
        ({"BMAJ": 0.0, "BMIN": 0.0}, (), None, "BMAJ is 0"),
        ({"BMIN": 0.0}, (), None, "BMIN 0, which is no beam"),
        ({"BMAJ": "nan"}, (), None, "BMAJ is 'nan'"),
        ({"BMAJ": "1.388889E-04"}, (), (0.5, 0.4, 10.0), "BMAJ is a text"),
        ({"BMAJ": 0.3 / 3600}, (), (0.4, 0.3, 100.0), "exchanged"),
        ({"BMAJ": 0.5, "BMIN": 0.4}, (), None, "px of an image of 12 px"),
    ],
)
def test_beam_of_the_header_makes_sense_or_there_is_none(cards, drop, beam, said, tmp_path, caplog):
    cube = read_cube(write(tmp_path / "a.fits", plain_header(drop, **cards)))
    assert cube.beam == (beam if beam is None else pytest.approx(beam))
    assert said in messages(caplog)
    assert bool(caplog.messages) == bool(said)


def test_beam_of_aips_history(tmp_path, caplog):
    header = plain_header(("BMAJ", "BMIN", "BPA"))
    header.add_history("AIPS   CLEAN BMAJ=  1.7599E-04 BMIN=  1.5740E-04 BPA=   2.61")
    cube = read_cube(write(tmp_path / "a.fits", header))
    assert cube.beam == pytest.approx((1.7599e-4 * 3600, 1.5740e-4 * 3600, 2.61))
    assert "HISTORY" in messages(caplog)


@pytest.mark.parametrize("unit", ["arcsec", "deg", "DEGREES", None])
def test_beam_a_channel_of_casas_table(unit, tmp_path, caplog):
    scale = 1.0 if unit in ("arcsec", None) else 1 / 3600
    n_channels = SHAPE[0]
    major = np.linspace(0.52, 0.48, n_channels)
    major[3], major[7] = 0.0, np.nan  # flagged channels
    columns = [
        fits.Column("BMAJ", "1D", unit, array=scale * major),
        fits.Column("BMIN", "1D", unit, array=scale * 0.9 * major),
        fits.Column("BPA", "1D", "deg", array=np.full(n_channels, 20.0)),
        fits.Column("CHAN", "1J", array=np.arange(n_channels)),
        fits.Column("POL", "1J", array=np.zeros(n_channels, int)),
    ]
    header = plain_header(("BMAJ", "BMIN", "BPA"), CASAMBM=True)
    table = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    fits.HDUList([fits.PrimaryHDU(small_cube(), header), table]).writeto(tmp_path / "a.fits")
    cube = read_cube(tmp_path / "a.fits")
    good = np.isfinite(major) & (major > 0)
    np.testing.assert_allclose(cube.beams[good], np.column_stack([major, 0.9 * major, 0 * major + 20.0])[good])
    assert np.isnan(cube.beams[~good]).all()
    median = np.sort(major[good])[(good.sum() - 1) // 2]
    assert cube.beam == pytest.approx((median, 0.9 * median, 20.0))
    assert "none for 2 of 32 channels" in messages(caplog)
    assert "median area" in messages(caplog)


def test_casambm_without_a_table_is_said(tmp_path, caplog):
    cube = read_cube(write(tmp_path / "a.fits", plain_header(("BMAJ", "BMIN", "BPA"), CASAMBM=True)))
    assert cube.beam is None
    assert "no table of beams" in messages(caplog)


def test_infinities_are_blank_and_said(tmp_path, caplog):
    data = small_cube().astype(np.float64)
    data[5, 3, 3], data[9, 7, 7], data[2, 2, 2] = np.inf, -np.inf, 1e300  # the last is infinite as float32
    cube = read_cube(write(tmp_path / "a.fits", plain_header(), data))
    assert np.isnan(cube.data).sum() == 3
    assert "3 infinite values" in messages(caplog)
    assert np.isnan([cube.data[5, 3, 3], cube.data[9, 7, 7], cube.data[2, 2, 2]]).all()


ONES = np.ones(SHAPE, np.uint8)
BEFORE = {
    "integers": fits.PrimaryHDU(ONES, plain_header()),
    "integers off the sky": fits.PrimaryHDU(ONES),
    "floats": fits.PrimaryHDU(ONES.astype(np.float32), plain_header()),
    "by its name": fits.PrimaryHDU(small_cube(), plain_header(BTYPE="Mask")),
    "off the sky": fits.PrimaryHDU(small_cube()),
}


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("compressed", [False, True])
def test_the_cube_is_found_behind_a_mask(name, compressed, tmp_path, caplog):
    kind = fits.CompImageHDU if compressed else fits.ImageHDU
    options = {"compression_type": "GZIP_1", "quantize_level": 0.0} if compressed else {}
    data = small_cube() + 7.0
    fits.HDUList([BEFORE[name].copy(), kind(data, plain_header(), name="SCI", **options)]).writeto(tmp_path / "a.fits")
    cube = read_cube(tmp_path / "a.fits")
    np.testing.assert_array_equal(cube.data, data)
    assert cube.header["CTYPE3"] == "FREQ"
    assert "'SCI' is taken" in messages(caplog)


def test_gzipped_cube_with_an_old_header(tmp_path, caplog):
    path = write(tmp_path / "a.fits.gz", plain_header(CUNIT3="HZ", BUNIT="JY/BEAM"))
    with caplog.at_level(logging.WARNING):
        cube = in_jy_per_beam(read_cube(path), path)
    np.testing.assert_allclose(cube.frequencies_hz, F0 + 1e7 * OFFSET, rtol=1e-12)
    np.testing.assert_array_equal(cube.data, small_cube())
