"""The catalogue of the fit: what stands in it is what is on the sky, in the field's terms."""

import numpy as np
import pytest
from astropy.table import Table
from uv_instrument import Truth, UvInstrument

from cubefocus.alma.fitted import COLUMNS, fit_cube
from cubefocus.cube.cube import Cube
from cubefocus.instrument.observation import Observation
from cubefocus.tables.columns import BOX

WHITE = 0.02
SETUP = Observation(n_channels=16, n_pixels=64, cell_arcsec=0.1, channel_width_mhz=10.0)
KMS = 299792.458 * 10e6 / 230e9  # of a channel
SOURCES = (
    Truth(x=22.0, y=30.0, sigma_x=3.0, sigma_y=1.5, pa=0.0, continuum=1.0, lines=((3.0, 7.0, 4.0),)),
    Truth(x=45.0, y=40.0, sigma_x=1.5, sigma_y=3.0, pa=0.0, continuum=0.8, lines=((2.0, 10.0, 3.0),)),
)


@pytest.fixture(scope="module")
def instrument():
    return UvInstrument()


@pytest.fixture(scope="module")
def cube(instrument):
    data = instrument.dirty(*SOURCES) + instrument.noise(np.random.default_rng(3), WHITE)
    return Cube(data.astype(np.float32), SETUP.header(unit="Jy/beam"))


@pytest.fixture(scope="module")
def found(instrument, cube):
    return fit_cube(cube, instrument.beam(), box_level=0.15, cube_id=7).catalogue


def row_at(table, x):
    return table[int(np.argmin(np.abs(table["x"] - x)))]


def test_every_source_is_found_and_nothing_else(found):
    assert len(found) == 2
    assert found.colnames == [column.name for column in COLUMNS]
    assert set(found["cube_id"]) == {7}
    assert set(found["candidate_id"]) == {-1}
    assert list(found["source_id"]) == [0, 1]
    assert found["significance"][0] >= found["significance"][1]


def test_position_angle_is_from_north_through_east(found):
    """East is towards -x: a source along the x axis has 90 deg, one along the y axis 0."""
    along_x, along_y = row_at(found, 22.0), row_at(found, 45.0)
    assert abs(along_x["position_angle"] - 90.0) < 5 * along_x["position_angle_err"] < 20.0
    assert abs((along_y["position_angle"] + 90.0) % 180.0 - 90.0) < 5 * along_y["position_angle_err"] < 20.0


@pytest.mark.parametrize("truth", SOURCES)
def test_sizes_and_fluxes_are_those_of_the_sky_within_their_errors(found, truth):
    row = row_at(found, truth.x)
    peak, z, fwhm = truth.lines[0]
    wanted = {
        "x": truth.x,
        "y": truth.y,
        "z": z,
        "fwhm_z": fwhm,
        "major": 0.1 * 2.354820 * 3.0,
        "minor": 0.1 * 2.354820 * 1.5,
        "continuum_mjy": 1e3 * truth.continuum,
        "line_flux_jykms": peak * fwhm * np.sqrt(np.pi / (4 * np.log(2))) * KMS,
    }
    for name, value in wanted.items():
        assert row[f"{name}_err"] > 0
        assert abs(row[name] - value) < 4.5 * row[f"{name}_err"] + 2e-4 * value, name


def test_box_is_that_of_the_model_on_the_sky(found):
    x0, y0, x1, y1 = (row_at(found, 22.0)[name] for name in BOX)
    # 15 % of the peak is at 1.95 standard deviations
    assert abs((x1 - x0) - 2 * 1.95 * 3.0) < 2.0
    assert abs((y1 - y0) - 2 * 1.95 * 1.5) < 2.0


def test_starts_that_are_off_and_false_lead_to_the_same_sources(instrument, cube, found):
    starts = Table({
        "x": [24.0, 44.0, 10.0], "y": [31.0, 41.5, 12.0], "sigma_x": [2.0, 2.0, 2.0], "sigma_y": [2.0, 2.0, 2.0],
        "pa": [10.0, 60.0, 0.0], "z": [7.5, 9.6, 4.0], "fwhm_z": [3.0, 4.0, 3.0],
    })  # fmt: skip
    again = fit_cube(cube, instrument.beam(), starts, box_level=0.15).catalogue
    assert len(again) == 2
    for row in found:
        same = row_at(again, row["x"])
        for name in ("x", "y", "z", "continuum_mjy", "line_flux_jykms"):
            assert abs(same[name] - row[name]) < 0.05 * row[f"{name}_err"], name
    assert sorted(again["candidate_id"]) == [0, 1]


def test_a_cube_of_noise_has_no_sources_and_all_columns(instrument):
    data = instrument.noise(np.random.default_rng(5), WHITE)
    empty = fit_cube(Cube(data.astype(np.float32), SETUP.header(unit="Jy/beam")), instrument.beam(), box_level=0.15)
    assert len(empty.catalogue) == 0
    assert empty.catalogue.colnames == [column.name for column in COLUMNS]


def test_a_source_without_a_measured_size_has_an_upper_limit_and_no_angle(instrument, found):
    rng, size = np.random.default_rng(5), 0.3
    beam = 0.1 * np.mean(instrument.beam().fwhm)
    for _ in range(8):
        point = Truth(x=rng.uniform(20, 44), y=rng.uniform(20, 44), sigma_x=size, sigma_y=size, pa=0.0, continuum=0.015,
                      lines=((0.03, 7.0, 4.0),))  # fmt: skip
        data = instrument.dirty(point) + instrument.noise(rng, WHITE)
        row = fit_cube(Cube(data.astype(np.float32), SETUP.header(unit="Jy/beam")), instrument.beam(), box_level=0.15)
        (row,) = row.catalogue
        assert row["flags"] == "unresolved"
        assert max(row["major"], 0.1 * 2.354820 * size) < row["major_limit"] < beam
        assert np.isnan(row["position_angle"])
    assert np.isnan(found["major_limit"]).all()  # what is resolved has none


def test_parts_of_one_extended_source_say_so(instrument):
    """A broad source with another in the middle of it, farther apart than the beam but not than both are wide."""
    pair = (
        Truth(x=28.0, y=32.0, sigma_x=7.0, sigma_y=7.0, continuum=2.0),
        Truth(x=40.0, y=32.0, sigma_x=5.0, sigma_y=5.0, continuum=2.0, lines=((4.0, 9.0, 3.0),)),
    )
    assert pair[1].x - pair[0].x > np.mean(instrument.beam().fwhm)
    data = instrument.dirty(*pair) + instrument.noise(np.random.default_rng(6), WHITE)
    cube = Cube(data.astype(np.float32), SETUP.header(unit="Jy/beam"))
    table = fit_cube(cube, instrument.beam(), box_level=0.15).catalogue
    assert len(table) == 2
    assert all("blended" in str(flags) for flags in table["flags"])


def test_sources_apart_from_each_other_do_not(found):
    assert not any("blended" in str(flags) for flags in found["flags"])
