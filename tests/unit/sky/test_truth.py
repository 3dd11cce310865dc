"""Truth tables: each measured column against a value worked out another way."""

from __future__ import annotations

import math

import numpy as np
import paper
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import vstack

from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.instrument.observation import Observation
from cubefocus.sky.catalogue import draw_catalogue, select
from cubefocus.sky.columns import CATALOGUE, MEASURED
from cubefocus.sky.model import sky_cube
from cubefocus.sky.registry import SKY_TYPES
from cubefocus.sky.truth import measure_truth


@pytest.fixture
def one(observation, make_rows):
    rows = make_rows({"z": 15.0, "fwhm_z": 3.0})
    return rows, sky_cube(rows, observation), observation


def test_all_columns_have_a_description_and_survive_a_file(one, tmp_path):
    rows, sky, observation = one
    truth = measure_truth(rows, sky, sky, observation, white_rms=1e-5)
    assert truth.colnames == [info.name for info in (*CATALOGUE, *MEASURED)]
    write_table(tmp_path / "truth.ecsv", truth, {})
    again = read_table(tmp_path / "truth.ecsv")
    for name in truth.colnames:
        assert again[name].description
        assert again[name].unit == truth[name].unit
        assert again[name][0] == truth[name][0]
    assert str(again["flux"].unit) == "Jy / beam"


def test_geometry(one):
    rows, sky, observation = one
    row = measure_truth(rows, sky, sky, observation)[0]
    assert (row["z0"], row["z1"]) == (12.0, 18.0)
    assert row["fwhm_x"] == pytest.approx(2.35482 * 4.0, rel=1e-5)
    # A Gaussian falls to 0.15 at sqrt(2 ln(1 / 0.15)) = 1.948 sigma: 7.8 and 4.9 px from pixel 32.
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == [25, 28, 40, 37]
    assert row["blendness"] == 0
    assert row["frequency"] == pytest.approx(230.0 + (15 - 16) * 0.01)


def test_measurements_in_the_dirty_cube_by_hand(one):
    rows, sky, observation = one
    rng = np.random.default_rng(1)
    dirty = rng.normal(size=sky.shape).astype(np.float32)
    row = measure_truth(rows, sky, dirty, observation, thermal_rms=0.3, white_rms=0.4)[0]
    box = dirty[:, 28:37, 25:40].astype(float)
    line, rest = box[12:19], np.concatenate([box[:12], box[19:]])
    assert row["n_voxels"] == 7 * 9 * 15
    assert row["flux"] == pytest.approx(line.sum())
    assert row["continuum"] == pytest.approx(rest.mean())
    assert row["flux_line"] == pytest.approx(line.sum() - 945 * rest.mean())
    assert row["peak"] == pytest.approx(line.max())
    assert row["snr"] == pytest.approx(line.max() / 0.5)
    assert row["snr_image"] == pytest.approx(box.sum(axis=0).max() / (0.5 * math.sqrt(32)))
    assert (row["thermal_rms"], row["white_rms"]) == (0.3, 0.4)


def test_nan_counts_as_no_flux(one):
    rows, sky, observation = one
    dirty = np.ones_like(sky)
    dirty[:, 28:30] = np.nan  # two of the nine rows of the box
    row = measure_truth(rows, sky, Cube(dirty, observation.header()), observation, white_rms=1.0)[0]
    assert row["flux"] == row["n_voxels"] == 7 * 7 * 15
    assert row["continuum"] == 1
    assert row["flux_line"] == 0


def test_line_as_wide_as_the_band_leaves_no_continuum(observation, make_rows):
    rows = make_rows({"fwhm_z": 20.0})
    sky = sky_cube(rows, observation)
    row = measure_truth(rows, sky, sky, observation)[0]
    assert math.isnan(row["continuum"])
    assert row["flux_line"] == row["flux"] > 0  # a NaN would end the training of the flux network


def test_physical_fluxes_by_hand(one):
    rows, sky, observation = one
    row = measure_truth(rows, sky, sky, observation)[0]
    inbright, area = 0.001, 2 * math.pi * 4.0 * 2.5
    continuum = inbright / 4.0  # brightest voxel: continuum times 1 + A = 4
    assert row["continuum_mjy"] == pytest.approx(1e3 * continuum * area, rel=1e-5)
    channel_kms = 299792.458 * 10e6 / (229.99e9)
    line = 3.0 * continuum * area * 3.0 * math.sqrt(math.pi / (4 * math.log(2)))
    assert row["line_flux_jykms"] == pytest.approx(line * channel_kms, rel=1e-4)


def test_absorbed_line_flux_is_negative(observation, make_rows):
    rows = make_rows({"type": "absorption", "line_amplitude": -0.5, "optical_depth": math.log(2)})
    sky = sky_cube(rows, observation)
    row = measure_truth(rows, sky, sky, observation)[0]
    assert row["line_flux_jykms"] < 0 < row["continuum_mjy"]
    assert row["flux_line"] < 0


def test_directions_follow_the_wcs(make_rows):
    observation = Observation(n_channels=8, n_pixels=64, direction="J2000 03h59m59.96s -34d59m59.50s")
    rows = make_rows({"z": 4.0}, {"x": 42.0, "y": 32.0, "z": 4.0}, {"x": 32.0, "y": 52.0, "z": 4.0})
    truth = measure_truth(rows, sky_cube(rows, observation), sky_cube(rows, observation), observation)
    places = SkyCoord(truth["ra"], truth["dec"], frame="fk5")
    assert places[0].separation(observation.centre).arcsec < 1e-6
    offsets = places[0].spherical_offsets_to(places)
    assert offsets[0].arcsec == pytest.approx([0, -1.0, 0], abs=1e-4)  # +x is west
    assert offsets[1].arcsec == pytest.approx([0, 0, 2.0], abs=1e-4)


def test_blended_sources_say_so(observation, make_rows):
    rows = make_rows({}, {"x": 36.0}, {"x": 10.0, "y": 10.0, "sigma_x": 1.5, "sigma_y": 1.5})
    sky = sky_cube(rows, observation)
    truth = measure_truth(rows, sky, sky, observation, box_reference="source")
    assert truth["blendness"][0] == truth["blendness"][1] == pytest.approx(11 / 19)  # 15 px wide, 4 px apart
    assert truth["blendness"][2] == 0


def test_box_level_and_reference_are_used(observation, make_rows):
    rows = make_rows({}, {"x": 10.0, "y": 10.0, "amplitude": 0.5, "sigma_x": 1.5, "sigma_y": 1.5})
    sky = sky_cube(rows, observation)

    def areas(**settings):
        truth = measure_truth(rows, sky, sky, observation, **settings)
        return (truth["x1"] - truth["x0"]) * (truth["y1"] - truth["y0"])

    image, source, low = areas(), areas(box_reference="source"), areas(box_level=0.05)
    assert image[0] == source[0] < low[0]
    assert image[1] < source[1]


def test_velocities_are_given_in_km_per_s_too():
    observation = Observation(n_channels=128, n_pixels=360)
    catalogue = draw_catalogue(
        {**paper.SKY, "types": dict.fromkeys(SKY_TYPES, 1.0)}, 128, {"train": 12}, (10, 30), 1, n_pixels=360
    )
    tables = []
    for cube in range(3):
        rows = select(catalogue, [cube])
        sky = sky_cube(rows, observation)
        tables.append(measure_truth(rows, sky, sky, observation))
    truth = vstack(tables)
    discs = truth[truth["type"] == "disc"]
    assert len(discs)
    channel_kms = 299792.458 * 0.01 / discs["frequency"]
    assert np.array_equal(truth["rotation_velocity_kms"].mask, truth["type"] != "disc")
    assert discs["rotation_velocity_kms"] == pytest.approx(discs["rotation_velocity"] * channel_kms)
    assert str(truth["rotation_velocity_kms"].unit) == "km / s"
    assert "optical_depth_kms" not in truth.colnames


def test_empty_field_has_all_columns_and_no_rows(one):
    rows, sky, observation = one
    truth = measure_truth(rows[:0], np.zeros_like(sky), sky, observation)
    assert len(truth) == 0
    assert truth.colnames == [info.name for info in (*CATALOGUE, *MEASURED)]
    assert truth["x0"].dtype == int


def test_sky_of_other_sources_is_refused(one, make_rows):
    rows, _, observation = one
    foreign = sky_cube(make_rows({"x": 3.0, "y": 3.0, "sigma_x": 0.5, "sigma_y": 0.5}), observation)
    with pytest.raises(CubefocusError, match="none of the sources"):
        measure_truth(rows, foreign, foreign, observation)
