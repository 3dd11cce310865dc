"""Frequencies of channels, whatever the spectral axis of a header counts (FITS paper III)."""

import logging

import numpy as np
import pytest
from astropy.io import fits
from headers import DF, F0, OFFSET, REST, SHAPE, C, plain_header, small_cube, spectral, write

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.errors import CubefocusError

V0, DV = 7.0e6, -1.3e4  # m/s


def relativistic(velocity):
    beta = velocity / C
    return REST * np.sqrt((1 - beta) / (1 + beta))


def even_in_frequency(start, step):
    """Frequencies even in frequency: the value at the reference channel and the step there."""
    return start + step * OFFSET


# The right values are worked out here from the definitions, not with the WCS library.
OPTICAL_0 = REST / (1 + V0 / C)  # df/dv of v = c (f0 / f - 1) is -f^2 / (c f0)
RELATIVISTIC_0 = relativistic(V0)
SLOPE = (relativistic(V0 + 0.5) - relativistic(V0 - 0.5)) * DV  # Hz a channel
WAVELENGTH = 1.3034e-3 - 5.6e-8 * OFFSET
N_AIR_OF_230_GHZ = 1 + 1e-6 * (287.6155 + 1.62887 / 1303.4**2)  # paper III, eq. 65
CASES = {
    "FREQ": (spectral("FREQ", F0, DF, "Hz"), F0 + DF * OFFSET),
    "FREQ in GHz": (spectral("FREQ", 230.0, 0.01, "GHz"), F0 + DF * OFFSET),
    "VRAD": (spectral("VRAD", V0, DV, "m/s"), REST * (1 - (V0 + DV * OFFSET) / C)),
    "VRAD in km/s": (spectral("VRAD", V0 / 1e3, DV / 1e3, "km/s"), REST * (1 - (V0 + DV * OFFSET) / C)),
    "VOPT": (spectral("VOPT", V0, DV, "m/s"), REST / (1 + (V0 + DV * OFFSET) / C)),
    "VELO": (spectral("VELO", V0, DV, "m/s"), relativistic(V0 + DV * OFFSET)),
    "ZOPT": (spectral("ZOPT", 0.0233, -4.3e-5), REST / (1 + 0.0233 - 4.3e-5 * OFFSET)),
    "BETA": (spectral("BETA", 0.0233, -4.3e-5), relativistic(C * (0.0233 - 4.3e-5 * OFFSET))),
    "WAVE": (spectral("WAVE", 1.3034, -5.6e-5, "mm"), C / WAVELENGTH),
    "AWAV": (spectral("AWAV", 1.3034, -5.6e-5, "mm"), C / WAVELENGTH / N_AIR_OF_230_GHZ),
    "WAVN": (spectral("WAVN", 767.0, 0.03, "m-1"), C * (767.0 + 0.03 * OFFSET)),
    "ENER": (spectral("ENER", 1.524e-22, 6e-27, "J"), (1.524e-22 + 6e-27 * OFFSET) / 6.62607015e-34),
    "VOPT-F2W": (spectral("VOPT-F2W", V0, DV, "m/s"), even_in_frequency(OPTICAL_0, -(OPTICAL_0**2) / C / REST * DV)),
    "FELO-HEL": (spectral("FELO-HEL", V0, DV, "m/s"), even_in_frequency(OPTICAL_0, -(OPTICAL_0**2) / C / REST * DV)),
    "FELO": (spectral("FELO", V0, DV, "m/s"), even_in_frequency(OPTICAL_0, -(OPTICAL_0**2) / C / REST * DV)),
    "VELO-F2V": (spectral("VELO-F2V", V0, DV, "m/s"), even_in_frequency(RELATIVISTIC_0, SLOPE)),
    "wide VOPT-F2W": (
        spectral("VOPT-F2W", V0, 100 * DV, "m/s"),
        even_in_frequency(OPTICAL_0, -(OPTICAL_0**2) / C / REST * 100 * DV),
    ),
    "FREQ-LOG": (spectral("FREQ-LOG", F0, 100 * DF, "Hz"), F0 * np.exp(100 * DF * OFFSET / F0)),
    "optical VELO-LSR": (spectral("VELO-LSR", V0, DV, "m/s", VELREF=1), REST / (1 + (V0 + DV * OFFSET) / C)),
    "radio VELO-LSR": (spectral("VELO-LSR", V0, DV, "m/s", VELREF=257), REST * (1 - (V0 + DV * OFFSET) / C)),
    "VELO-HEL of Miriad": (spectral("VELO-HEL", V0, DV, "m/s"), REST * (1 - (V0 + DV * OFFSET) / C)),
    "VELO with VELREF": (spectral("VELO", V0, DV, "m/s", VELREF=258), REST * (1 - (V0 + DV * OFFSET) / C)),
}


@pytest.mark.parametrize("name", CASES)
def test_frequency_of_every_channel(name, tmp_path):
    header, expected = CASES[name]
    found = read_cube(write(tmp_path / "a.fits", header)).frequencies_hz
    # A thousandth of a channel; what differs between the conventions is up to dozens of channels.
    np.testing.assert_allclose(found, expected, atol=1e-3 * abs(np.diff(expected)).min(), rtol=0)


@pytest.mark.parametrize("kind", ["VOPT-F2W", "VELO-F2V", "FREQ-LOG"])
def test_non_linear_axes_are_not_taken_as_linear(kind, tmp_path):
    """As linear ones the outer channels would be off by more than a channel."""
    start, step, unit = (F0, 300 * DF, "Hz") if kind == "FREQ-LOG" else (V0, 300 * DV, "m/s")
    found = read_cube(write(tmp_path / "a.fits", spectral(kind, start, step, unit))).frequencies_hz
    plain = read_cube(write(tmp_path / "b.fits", spectral(kind[:4], start, step, unit))).frequencies_hz
    assert np.abs(found - plain).max() > np.abs(np.diff(found)).min()
    assert found[16] == pytest.approx(plain[16], rel=1e-9)


@pytest.mark.parametrize(("channel", "ghz"), [(16, 230.0), (8, 229.92), (24, 230.08), (12, 229.96)])
def test_sources_are_where_the_plain_header_has_them(channel, ghz, tmp_path):
    """Steps of 1 with the real ones in PC cards, as astropy writes every header of CD cards."""
    one = plain_header(CDELT1=1.0, CDELT2=1.0, CDELT3=1.0, PC1_1=-0.1 / 3600, PC2_2=0.1 / 3600, PC3_3=DF)
    cube = read_cube(write(tmp_path / "a.fits", one))
    assert cube.frequencies_hz[channel] / 1e9 == pytest.approx(ghz, abs=1e-9)
    assert cube.cell_arcsec == pytest.approx(0.1)


def test_optical_velocity_of_aips_gives_the_redshift(tmp_path):
    cube = read_cube(write(tmp_path / "a.fits", spectral("VELO-LSR", V0, DV, "m/s", VELREF=1)))
    frequency = cube.frequencies_hz[24]
    assert frequency / 1e9 == pytest.approx(225.3542, abs=1e-4)
    assert cube.rest_frequency_hz / frequency - 1 == pytest.approx(0.023003, abs=1e-6)
    assert cube.header["CTYPE3"] == "VOPT"
    assert cube.velocity_frame == "LSRK"


MATRICES = {
    "CDELT": ({"CDELT3": -DF}, ()),
    "CD": ({"CD1_1": -0.1 / 3600, "CD2_2": 0.1 / 3600, "CD3_3": -DF}, ("CDELT1", "CDELT2", "CDELT3")),
    "CD beside CDELT": ({"CD1_1": -0.1 / 3600, "CD2_2": 0.1 / 3600, "CD3_3": -DF}, ()),
    "CD of the image alone": ({"CD1_1": -0.1 / 3600, "CD2_2": 0.1 / 3600, "CDELT3": -DF}, ("CDELT1", "CDELT2")),
    "PC of -1": ({"PC3_3": -1.0}, ()),
    "PC with CDELT of 1": ({"PC3_3": -DF, "CDELT3": 1.0}, ()),
    "PC without CDELT": ({"PC3_3": -DF}, ("CDELT3",)),
    "two signs": ({"PC3_3": -1.0, "CDELT3": DF, "PC1_1": -1.0, "CDELT1": 0.1 / 3600}, ()),
    "old PC": ({"PC003003": -1.0, "PC001001": 1.0}, ()),
}


@pytest.mark.parametrize("name", MATRICES)
def test_every_matrix_says_the_same_as_cdelt(name, tmp_path):
    cards, drop = MATRICES[name]
    cube = read_cube(write(tmp_path / "a.fits", plain_header(drop, **cards)))
    np.testing.assert_allclose(cube.frequencies_hz, F0 - DF * OFFSET, rtol=1e-12)
    position = cube.positions(0, 0)
    assert position.ra.deg == pytest.approx(60 + 6 * 0.1 / 3600 / np.cos(np.radians(35)), abs=1e-7)
    assert position.dec.deg == pytest.approx(-35 - 5 * 0.1 / 3600, abs=1e-7)
    assert cube.header["CDELT3"] == pytest.approx(-DF)


def test_rotated_image_keeps_its_rotation_and_its_channels(tmp_path):
    turn = np.radians(30.0)
    cards = {"PC1_1": np.cos(turn), "PC1_2": -np.sin(turn), "PC2_1": np.sin(turn), "PC2_2": np.cos(turn), "PC3_3": -1.0}
    cube = read_cube(write(tmp_path / "a.fits", plain_header(**cards)))
    np.testing.assert_allclose(cube.frequencies_hz, F0 - DF * OFFSET, rtol=1e-12)
    assert cube.cell_arcsec == pytest.approx(0.1)
    # Ten pixels along y: the world's x is -0.1 (cos j - sin k), its y 0.1 (sin j + cos k) with j = 0, k = 10 pixels.
    position = cube.positions(6, 15)
    assert position.dec.deg == pytest.approx(-35 + np.cos(turn) / 3600, abs=1e-7)
    assert (position.ra.deg - 60) * np.cos(np.radians(35)) == pytest.approx(np.sin(turn) / 3600, abs=1e-7)


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"CUNIT3": "m/s"}, "CTYPE3 is FREQ but CUNIT3 is m/s, a velocity"),
        ({"CTYPE3": "VRAD"}, "CTYPE3 is VRAD but CUNIT3 is Hz, a frequency"),
        ({"CTYPE3": "WAVE", "CUNIT3": "km/s"}, "CTYPE3 is WAVE but CUNIT3 is km/s, a velocity"),
        ({"CTYPE3": "VELOCITY", "CUNIT3": "m/s"}, "CTYPE3 is 'VELOCITY', which does not say"),
        ({"CTYPE3": "VELO-LSR", "CUNIT3": "m/s", "VELREF": 9}, "VELREF is 9"),
        ({"CTYPE3": "VELO-LSR", "CUNIT3": "m/s", "VELREF": 513}, "VELREF is 513"),
        ({"CTYPE3": "VRAD", "CUNIT3": "km/s", "CRVAL3": 7e6}, "no or negative frequency"),
        ({"CTYPE3": "VRAD", "CUNIT3": "km/s", "RESTFRQ": 0.0}, "without RESTFRQ"),
        ({"CTYPE3": "VRAD", "CUNIT3": "km/s", "RESTFRQ": 230.538}, "RESTFRQ is 230.538 Hz, too low"),
        ({"CTYPE3": "VRAD", "CUNIT3": "km/s", "RESTFRQ": "CO(2-1)"}, r"RESTFRQ is 'CO\(2-1\)', which is no number"),
        ({"CTYPE3": "FREQ-TAB"}, "no card PS3_0 says which table"),
        ({"CTYPE3": "FREQ-XYZ"}, "'FREQ-XYZ' cannot be read"),
        ({"CUNIT3": "foo"}, "CUNIT3 is 'foo', which cannot be read"),
        ({"CUNIT3": "", "CRVAL3": 230.0}, "CRVAL3 is 230 without CUNIT3"),
        ({"CDELT3": 0.0}, "CDELT3 is 0"),
        ({"CDELT3": "ten"}, "CDELT3 is 'ten', which is no number"),
        ({"CRPIX3": "middle"}, "CRPIX3 is 'middle', which is no number"),
        ({"CTYPE3": "STOKES", "CUNIT3": ""}, "32 Stokes planes along axis 3"),
        ({"PC3_1": 0.5}, "mix the spectral axis"),
        ({"PC3_3": 1.0, "CD3_3": 1.0}, "CD and PC cards"),
    ],
)
def test_wrong_spectral_axis_is_refused_in_one_line_before_the_search(cards, words, tmp_path):
    path = write(tmp_path / "a.fits", plain_header(**cards))
    with pytest.raises(CubefocusError, match=words) as caught:
        in_jy_per_beam(read_cube(path), path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "Jy/beam, not" not in str(caught.value)


@pytest.mark.parametrize("key", ["CRVAL3", "CDELT3"])
def test_missing_step_or_value_is_refused(key, tmp_path):
    path = write(tmp_path / "a.fits", plain_header((key,)))
    with pytest.raises(CubefocusError, match="add CRVAL3 and CDELT3"):
        in_jy_per_beam(read_cube(path), path)


@pytest.mark.parametrize(
    ("header", "said", "expected"),
    [
        (plain_header(("CRPIX3",)), "CRPIX3 is missing and taken as 0", F0 + DF * (OFFSET + 17)),
        (plain_header(("CUNIT3",)), "CUNIT3 is missing and taken as Hz", F0 + DF * OFFSET),
        (plain_header(CUNIT3="HZ"), "CUNIT3 'HZ' read as Hz", F0 + DF * OFFSET),
        (spectral("FREQ", 2.3e5, 10.0, "MHZ"), "CUNIT3 'MHZ' read as MHz", F0 + DF * OFFSET),
        (spectral("VRAD", V0, DV, "M/S"), "CUNIT3 'M/S' read as m s-1", REST * (1 - (V0 + DV * OFFSET) / C)),
        (spectral("VRAD", V0 / 1e3, DV / 1e3, "km/S"), "read as km s-1", REST * (1 - (V0 + DV * OFFSET) / C)),
        (plain_header(CTYPE3="Frequency"), "CTYPE3 'Frequency' read as FREQ", F0 + DF * OFFSET),
        (plain_header(CDELT3="1.0D+07"), "CDELT3 is a text", F0 + DF * OFFSET),
        (plain_header(CRPIX3="17"), "CRPIX3 is a text", F0 + DF * OFFSET),
        (spectral("VRAD", V0, DV, "m/s", RESTFRQ="2.30538E+11"), "RESTFRQ is a text",
         REST * (1 - (V0 + DV * OFFSET) / C)),
        (spectral("VELO-LSR", V0, DV, "m/s"), "without VELREF: taken as the radio velocity",
         REST * (1 - (V0 + DV * OFFSET) / C)),
        (spectral("VELO", V0, DV, "m/s"), "the relativistic velocity", relativistic(V0 + DV * OFFSET)),
    ],
)  # fmt: skip
def test_what_is_assumed_is_said_with_the_name_of_the_file(header, said, expected, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        cube = read_cube(write(tmp_path / "odd.fits", header))
    assert any(said in text and str(tmp_path / "odd.fits") in text for text in caplog.messages)
    np.testing.assert_allclose(cube.frequencies_hz, expected, rtol=1e-9)


def test_clean_header_says_nothing(tmp_path, caplog):
    cube = read_cube(write(tmp_path / "a.fits", plain_header()))
    assert not caplog.messages
    assert {key: cube.header[key] for key in plain_header()} == {
        key: value for key, value in fits.getheader(tmp_path / "a.fits").items() if key in plain_header()
    }


@pytest.mark.parametrize(
    ("cards", "rest"),
    [
        ({"RESTFRQ": REST}, REST),
        ({"RESTFREQ": REST}, REST),
        ({"RESTFRQ": 0.0, "RESTFREQ": REST}, REST),
        ({"RESTWAV": C / REST}, REST),
        ({"RESTFRQ": -1.0}, None),
        ({}, None),
    ],
)
def test_rest_frequency_by_any_of_its_cards(cards, rest, tmp_path):
    cube = read_cube(write(tmp_path / "a.fits", plain_header(("RESTFRQ",), **cards)))
    assert cube.rest_frequency_hz == (rest if rest is None else pytest.approx(rest))


@pytest.mark.parametrize(
    ("cards", "drop", "frame"),
    [
        ({}, (), "LSRK"),
        ({"SPECSYS": "BARYCENT"}, (), "BARYCENT"),
        ({"SPECSYS": "bary"}, (), "BARYCENT"),
        ({"SPECSYS": "somewhere"}, (), None),
        ({}, ("SPECSYS",), None),
        ({"CTYPE3": "FREQ-LSR"}, ("SPECSYS",), "LSRK"),
        ({"CTYPE3": "FELO-HEL", "CRVAL3": V0, "CDELT3": DV, "CUNIT3": "m/s"}, ("SPECSYS",), "BARYCENT"),
    ],
)
def test_velocity_frame(cards, drop, frame, tmp_path):
    assert read_cube(write(tmp_path / "a.fits", plain_header(drop, **cards))).velocity_frame == frame


def test_axis_by_look_up_keeps_the_frequencies_of_its_table(tmp_path):
    table = F0 + DF * np.arange(SHAPE[0]) ** 1.2
    column = fits.Column("COORDS", f"{SHAPE[0]}D", dim=f"(1,{SHAPE[0]})", array=table.reshape(1, -1, 1))
    header = spectral("FREQ-TAB", 1.0, 1.0, "Hz", CRPIX3=1.0, PS3_0="TABLE", PS3_1="COORDS")
    hdus = [fits.PrimaryHDU(small_cube(), header), fits.BinTableHDU.from_columns([column], name="TABLE")]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    cube = read_cube(tmp_path / "a.fits")
    np.testing.assert_allclose(cube.frequencies_hz, table, rtol=1e-12)
    np.testing.assert_allclose(cube.with_data(2 * cube.data).frequencies_hz, table, rtol=1e-12)


IMAGES = {
    "plane of a cube": (plain_header(), (1, 10, 12), F0 - 16 * DF),
    "image with a left-over FREQ axis": (plain_header(), (10, 12), F0 - 16 * DF),
    "image": (plain_header(("CTYPE3", "CRVAL3", "CDELT3", "CRPIX3", "CUNIT3")), (10, 12), None),
    "left-over Stokes": (spectral("STOKES", 1.0, 1.0, CRPIX3=1.0), (1, 10, 12), None),
    "velocity without a line": (spectral("VRAD", V0, DV, "m/s", RESTFRQ=0.0), (1, 10, 12), None),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_a_cube_of_one_channel(name, tmp_path, caplog):
    header, shape, frequency = IMAGES[name]
    path = write(tmp_path / "a.fits", header, small_cube(shape))
    cube = in_jy_per_beam(read_cube(path), path)
    assert cube.data.shape == (1, 10, 12)
    np.testing.assert_array_equal(cube.data.ravel(), small_cube(shape).ravel())
    if frequency is None:
        assert np.isnan(cube.frequencies_hz).all()
        assert any("image of unknown frequency" in text for text in caplog.messages)
    else:
        assert cube.frequencies_hz == pytest.approx([frequency])
    assert cube.cell_arcsec == pytest.approx(0.1)


@pytest.mark.parametrize("unit", ["Jy/beam.km/s", "Jy/beam km/s", "JY/BEAM KM/S", "Jy km/s/beam", "mJy/beam.km/s"])
def test_map_of_moment_0_is_searched_in_jy_km_s(unit, tmp_path, caplog):
    path = write(tmp_path / "a.fits", plain_header(BUNIT=unit), small_cube((10, 12)))
    cube = in_jy_per_beam(read_cube(path), path)
    np.testing.assert_allclose(cube.data[0], (1e-3 if unit.startswith("mJy") else 1.0) * small_cube((10, 12)))
    assert any("moment 0" in text for text in caplog.messages)


def test_cube_of_python_lists_and_other_byte_order():
    swapped = small_cube().astype(">f8")
    for data in (swapped, swapped.tolist()):
        cube = Cube(data, plain_header())
        assert cube.data.dtype == np.float32
        assert cube.data.dtype.isnative
        np.testing.assert_array_equal(cube.data, small_cube())
    with pytest.raises(CubefocusError, match=r"shape \(10, 12\)"):
        Cube(small_cube()[0], plain_header())
