"""The search of restored cubes: what is found, how sure it is, and what it measures like."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scenes import make_header
from scipy.ndimage import gaussian_filter

from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.search.levels import measure_levels
from cubefocus.search.linking import islands
from cubefocus.search.reliability import FalseRate
from cubefocus.search.run import COLUMNS, search_cube
from cubefocus.tables.columns import column

SHAPE = (24, 96, 96)
FWHM = 5.0
SIGMA = FWHM / math.sqrt(8 * math.log(2))
AREA = 2 * math.pi * SIGMA**2
KMS = 299792.458 * 10e6 / 230e9  # of a channel


@dataclass
class Line:
    """A Gaussian in the image and in frequency; its flux is in Jy x channel."""

    x: float
    y: float
    z: float
    flux: float
    sigma: float = 1.0
    fwhm_z: float = 4.0
    continuum: float = 0.0  # Jy

    def cube(self, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
        z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
        own, seen = self.sigma**2, self.sigma**2 + SIGMA**2
        image = SIGMA**2 / seen * np.exp(-0.5 * ((x - self.x) ** 2 + (y - self.y) ** 2) / seen)
        assert own > 0
        s = self.fwhm_z / math.sqrt(8 * math.log(2))
        spectrum = self.flux / (s * math.sqrt(2 * math.pi)) * np.exp(-0.5 * ((z - self.z) / s) ** 2)
        return (spectrum + self.continuum) * image


SOURCES = (
    Line(20.3, 25.6, 6.2, 0.50), Line(70.1, 30.4, 15.5, 0.35), Line(40.8, 71.2, 11.0, 0.60, sigma=2.5),
    Line(75.5, 76.3, 8.4, 0.0, continuum=0.05),
)  # fmt: skip


def noise(seed: int, shape=SHAPE) -> np.ndarray:
    """Noise of 0.01 Jy/beam with the correlation of the beam."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.standard_normal(shape), (0, SIGMA / math.sqrt(2), SIGMA / math.sqrt(2)), mode="wrap")
    return 0.01 * smooth / smooth.std()


def cube_of(data: np.ndarray) -> Cube:
    return Cube(data.astype(np.float32), make_header(data.shape))


def run(data: np.ndarray, **options):
    cube = cube_of(data)
    beam = Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), data.shape)
    return search_cube(cube, beam, (FWHM, FWHM, 0.0), rest_frequency_ghz=230.538, **options)


@pytest.fixture(scope="module")
def found():
    return run(noise(1) + sum(source.cube() for source in SOURCES))


def nearest(table, source):
    away = np.hypot(column(table, "x") - source.x, column(table, "y") - source.y)
    assert away.min() < 1.0
    return table[int(away.argmin())]


def test_all_sources_are_found_and_nothing_else(found):
    assert len(found.catalogue) == len(SOURCES)
    assert (found.catalogue["reliability"] > 0.95).all()
    assert found.catalogue.colnames == [one.name for one in COLUMNS]
    assert set(found.catalogue["candidate_id"]) <= set(found.candidates["candidate_id"])


@pytest.mark.parametrize("source", SOURCES[:3])
def test_parameters_are_true_within_their_errors(found, source):
    row = nearest(found.catalogue, source)
    truth = {name: getattr(source, name) for name in ("x", "y", "z", "fwhm_z")}
    truth["line_flux_jykms"] = source.flux * 299792.458 * 10e6 / (230e9 + (source.z - SHAPE[0] // 2) * 10e6)
    for name, value in truth.items():
        assert abs(row[name] - value) < 3.5 * row[f"{name}_err"], name
        assert row[f"{name}_err"] < 0.25 * value
    assert "no_line" not in str(row["flags"])


@pytest.mark.parametrize("source", SOURCES[:3])
def test_what_the_image_shows_is_the_source_behind_the_beam(found, source):
    row = nearest(found.catalogue, source)
    wanted = 0.1 * math.hypot(FWHM, source.sigma * math.sqrt(8 * math.log(2)))
    for axis in ("major", "minor"):
        assert abs(row[f"{axis}_convolved"] - wanted) < 3.5 * row[f"{axis}_convolved_err"] < 0.4 * wanted
        assert row[f"{axis}_convolved"] == pytest.approx(math.hypot(row[axis], 0.1 * FWHM), rel=1e-6)
    assert row["ra_err"] == pytest.approx(0.1 * row["x_err"], rel=1e-3)  # east is to the left
    assert row["dec_err"] == pytest.approx(0.1 * row["y_err"], rel=1e-3)
    assert row["local_rms"] == pytest.approx(10.0, rel=0.1)
    assert row["peak_mjy"] == pytest.approx(1e3 * row["peak"])
    assert row["peak_mjy"] / row["local_rms"] == pytest.approx(row["snr"])
    assert row["fwhm_velocity_err"] / row["fwhm_velocity"] == pytest.approx(row["fwhm_z_err"] / row["fwhm_z"])


def test_frames_are_said_and_every_measured_column_has_an_error(found):
    assert set(found.catalogue["frame"]) == {"FK5"}
    assert set(found.catalogue["velocity_frame"]) == {""}  # the header has no SPECSYS
    names = [one.name for one in COLUMNS]
    measured = ("ra", "dec", "x", "y", "z", "frequency", "velocity", "redshift", "major", "minor", "position_angle",
                "major_convolved", "minor_convolved", "position_angle_convolved", "fwhm_z", "fwhm_velocity",
                "continuum_mjy", "continuum_mjy_middle", "line_flux_jykms", "peak_mjy")  # fmt: skip
    assert not [name for name in measured if f"{name}_err" not in names]


def test_a_continuum_source_has_no_line(found):
    row = nearest(found.catalogue, SOURCES[3])
    assert abs(row["continuum_mjy"] - 50.0) < 3.5 * row["continuum_mjy_err"] < 30.0
    assert "no_line" in str(row["flags"]).split(";")


def test_noise_alone_has_next_to_no_sources():
    """At a purity of 0.95 noise may be taken for a source in one of twenty catalogues, and here are eight cubes."""
    assert sum(len(run(noise(seed)).catalogue) for seed in range(10, 18)) <= 1


def test_neither_unit_nor_orientation_decides(found):
    data = noise(1) + sum(source.cube() for source in SOURCES)
    turned = run(1e3 * data[:, ::-1])
    order = [int(np.argmin(np.abs(column(turned.catalogue, "significance") - value)))
             for value in column(found.catalogue, "significance")]  # fmt: skip
    assert sorted(order) == list(range(len(SOURCES)))
    there = turned.catalogue[order]
    assert np.allclose(column(there, "x"), column(found.catalogue, "x"), atol=0.02)
    assert np.allclose(SHAPE[1] - 1 - column(there, "y"), column(found.catalogue, "y"), atol=0.02)
    assert np.allclose(column(there, "significance"), column(found.catalogue, "significance"), rtol=1e-3)
    assert np.allclose(
        column(there, "continuum_mjy"), 1e3 * column(found.catalogue, "continuum_mjy"), rtol=0.02, atol=50
    )


def rotating_ring() -> np.ndarray:
    """A ring of 16 px, inclined, whose line moves across the band: no Gaussian; 4 Jy x channel."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    u, v = x - 48.0, (y - 48.0) / 0.5
    ring = np.exp(-0.5 * ((np.hypot(u, v) - 16.0) / 2.5) ** 2)
    centre = 12.0 + 7.0 * u / np.maximum(np.hypot(u, v), 1e-6)
    sky = ring * np.exp(-0.5 * ((z - centre) / 1.0) ** 2)
    sky *= 4.0 / sky.sum()
    return gaussian_filter(sky, (0, SIGMA, SIGMA)) * AREA


def test_a_rotating_ring_is_one_source_with_the_fluxes_of_its_voxels():
    found = run(noise(3) + rotating_ring())
    assert len(found.catalogue) == 1
    row = found.catalogue[0]
    assert "from_voxels" in str(row["flags"]).split(";")
    assert abs(row["x"] - 48.0) < 1.0
    assert abs(row["y"] - 48.0) < 1.0
    assert row["line_flux_jykms"] == pytest.approx(4.0 * KMS, rel=0.12)
    assert 12.0 < row["fwhm_z"] < 19.0
    assert min(row["position_angle"] % 180.0, -row["position_angle"] % 180.0) == pytest.approx(90.0, abs=10.0)
    assert row["major"] > 1.5 * row["minor"]
    assert row["major"] == pytest.approx(math.sqrt(row["major_convolved"] ** 2 - (0.1 * FWHM) ** 2))
    for name in ("x", "y", "ra", "dec", "z", "fwhm_z", "fwhm_velocity", "major", "minor", "position_angle",
                 "major_convolved", "minor_convolved", "line_flux_jykms", "peak_mjy"):  # fmt: skip
        assert row[f"{name}_err"] > 0, name
    assert row["fwhm_z_err"] < 2.0


def test_noise_that_grows_outwards_makes_no_sources_there():
    """As of an image divided by its primary beam; the source in the middle stays, and its flux is what it was."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    growth = np.exp(0.5 * (np.hypot(x - 47.5, y - 47.5) / 40.0) ** 2)
    source = Line(46.3, 49.1, 12.0, 0.6)
    found = run(noise(5) * growth + source.cube())
    assert found.levels.by_place
    assert len(found.catalogue) == 1
    row = nearest(found.catalogue, source)
    assert abs(row["line_flux_jykms"] - 0.6 * KMS) < 3.5 * row["line_flux_jykms_err"]
    assert row["local_rms"] == pytest.approx(10.0 * growth[49, 46], rel=0.2)  # boxes of 40 px smooth the noise
    assert found.levels.scaled((noise(5) * growth).astype(np.float32)).std() == pytest.approx(1.0, abs=0.05)
    assert row["snr"] == pytest.approx(row["peak_mjy"] / row["local_rms"])


def test_blank_channels_and_borders_hold_no_sources_and_hide_none(found):
    data = noise(1) + sum(source.cube() for source in SOURCES)
    data[20] = data[7] = np.nan  # the second one within lines
    data[:, :9] = data[:, :, 88:] = np.nan
    blanked = run(data)
    assert len(blanked.catalogue) == len(SOURCES)
    for source in SOURCES[:3]:
        row, before = nearest(blanked.catalogue, source), nearest(found.catalogue, source)
        assert row["line_flux_jykms"] == pytest.approx(before["line_flux_jykms"], abs=2 * before["line_flux_jykms_err"])


def test_an_image_is_searched_for_its_continuum():
    data = noise(7, (1, 128, 128))
    data[0, :96, :96] += Line(40.2, 51.7, 0.0, 0.0, continuum=0.12).cube()[0]
    found = run(data)
    (row,) = found.catalogue
    assert abs(row["continuum_mjy"] - 120.0) < 3.5 * row["continuum_mjy_err"]
    assert math.isnan(row["line_flux_jykms"])


def test_significance_is_normal_away_from_sources():
    levels = measure_levels(noise(9).astype(np.float32), FWHM)
    assert levels.rms == pytest.approx(0.01, rel=0.03)
    assert not levels.by_place
    assert np.allclose(levels.channel, 0.01, rtol=0.15)


def test_a_beam_larger_than_the_image_is_refused():
    with pytest.raises(CubefocusError, match="not smaller than the image"):
        search_cube(cube_of(noise(2)), Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), SHAPE), (200.0, 200.0, 0.0))


def test_a_cube_without_noise_is_refused():
    with pytest.raises(CubefocusError, match="no channel has noise"):
        run(np.zeros(SHAPE))


def test_voxels_that_touch_at_a_corner_are_one_island():
    height = np.zeros((4, 6, 6), dtype=np.float32)
    height[0, 1, 1], height[1, 2, 2], height[3, 5, 5] = 6.0, 5.0, 9.0
    found = islands(height, 4.0)
    ordered = found.chosen(np.ones(len(found), dtype=bool))
    assert len(ordered) == 2
    assert ordered.peak.tolist() == [9.0, 6.0]
    assert ordered.place.tolist() == [[3, 5, 5], [0, 1, 1]]
    assert ordered.size.tolist() == [1, 2]
    assert ordered.labels[1, 2, 2] == 2


def test_bright_sources_whose_rims_touch_are_two_and_a_ridge_is_one():
    z, y, x = np.ogrid[:3, :20, :60]
    flat = np.exp(-0.5 * ((z - 1) ** 2 / 4 + (y - 10.0) ** 2 / 9))
    two = flat * (40.0 * np.exp(-0.5 * ((x - 18.0) / 4.0) ** 2) + 25.0 * np.exp(-0.5 * ((x - 38.0) / 4.0) ** 2))
    assert islands(two + 1.0, 4.0).peak.tolist() == pytest.approx([41.0, 26.0], rel=0.02)
    ridge = two + 14.0 * flat * np.exp(-0.5 * ((x - 28.0) / 5.0) ** 2)
    (found,) = islands(ridge + 1.0, 4.0).peak
    assert found > 40.0


def test_expected_false_islands_are_those_of_noise():
    """Of 20 000 heights of normal noise above 3, as many lie above 4 as the tail has there."""
    rng = np.random.default_rng(1)
    u = -np.log(rng.uniform(size=20_000))
    heights = np.sqrt(9.0 + 2.0 * u)
    rate = FalseRate.of(heights, 3.0)
    assert rate.slope == pytest.approx(1.0, rel=0.03)
    assert float(rate.above(np.array(4.0))) == pytest.approx((heights > 4.0).sum(), rel=0.1)


def test_reliability_falls_with_significance_and_is_kept_by_the_threshold():
    rate = FalseRate.of(np.linspace(4.0, 5.0, 30), 4.0)
    values = np.array([4.2, 12.0, 6.0, 4.4])
    trust = rate.reliability(values)
    assert trust[1] > 0.999
    assert trust[1] >= trust[2] >= trust[3] >= trust[0]
    assert rate.threshold_for(values, 0.95) in {6.0, 12.0}
    assert math.isinf(FalseRate.of(np.full(50, 9.0), 4.0).threshold_for(np.array([4.1]), 0.95))
