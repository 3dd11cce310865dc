"""Fluxes in apertures and flags: right for Gaussians, and for sources that the model does not describe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.alma.aperture import aperture_fluxes
from cubefocus.alma.fit_images import window_images
from cubefocus.alma.fitted import EDGE, fit_cube
from cubefocus.cube.cube import Cube
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.model import Scene
from cubefocus.fit.run import fit_cube_of
from cubefocus.fit.solve import Solution
from cubefocus.fit.source import Component
from cubefocus.instrument.observation import Observation
from cubefocus.settings import FitSettings

WHITE = 0.05
KMS = 299792.458 * 10e6 / 230e9  # of a channel
PLACES = (17.0, 45.0)  # of the sources of a cube along both axes: far enough from each other, and from the edges
SOURCE = Truth(x=32.0, y=31.0, sigma_x=2.0, sigma_y=2.0, pa=0.0, continuum=1.0, lines=((4.0, 15.5, 3.0),))
APERTURE = ("continuum_mjy_aperture", "line_flux_jykms_aperture")
MODEL = ("continuum_mjy", "line_flux_jykms")


def fitted(instrument, data, beam, white=None, settings=None):
    """Catalogue of a cube; its noise is measured if it is not known."""
    size = {"n_channels": instrument.n_channels, "n_pixels": instrument.n_pixels}
    setup = Observation(**size, cell_arcsec=0.1, channel_width_mhz=10.0)
    cube = Cube(data.astype(np.float32), setup.header(unit="Jy/beam"))
    noise = None if white is None else instrument.known_noise(beam, white)
    return fit_cube(cube, beam, settings=settings, box_level=0.15, noise=noise).catalogue


def fluxes_of(*parts):
    """Continuum (mJy) and line flux (Jy km/s) of a source that is the sum of Gaussians."""
    areas = [peak * fwhm * np.sqrt(np.pi / (4 * np.log(2))) for part in parts for peak, _, fwhm in part.lines]
    return 1e3 * sum(part.continuum for part in parts), KMS * sum(areas)


def part_of(source, dx, dy, continuum, line, shift, sigma):
    """A part of a source that is elsewhere, with shares of its fluxes and its line shifted by some channels."""
    lines = tuple((line * peak, z + shift, fwhm) for peak, z, fwhm in source.lines)
    return replace(source, x=source.x + dx, y=source.y + dy, sigma_x=sigma, sigma_y=sigma,
                   continuum=continuum * source.continuum, lines=lines)  # fmt: skip


def rotating_disc():
    """A disc of even brightness, 6 pixels in radius, inclined, whose line moves by a third of a channel a pixel."""
    grid = np.arange(-7.0, 7.1)
    places = [(dx, dy) for dx in grid for dy in grid if dx**2 + (dy / 0.6) ** 2 < 36.0]
    return [part_of(SOURCE, dx, dy, 1 / len(places), 1 / len(places), 0.35 * dx, 0.7) for dx, dy in places]


def gradient():
    """A Gaussian image whose line moves across it."""
    offsets = np.arange(-6.0, 6.1)
    share = np.exp(-0.5 * (offsets / 2.5) ** 2)
    share /= share.sum()
    places = [(i, j) for i in range(len(offsets)) for j in range(len(offsets))]
    weights = {(i, j): share[i] * share[j] for i, j in places}
    return [part_of(SOURCE, offsets[i], offsets[j], weights[i, j], weights[i, j], 0.35 * offsets[i], 0.7)
            for i, j in places]  # fmt: skip


def two_components():
    """Two clouds nearer to each other than the beam, of which one has most of the continuum."""
    return [SOURCE, part_of(SOURCE, 2.4, 1.6, 0.1, 0.4, 2.0, 2.0)]


@pytest.fixture(scope="module")
def wide_band():
    return UvInstrument(n_channels=32)


@pytest.fixture(scope="module")
def gaussians(uv, uv_beam):
    """Rows of 120 Gaussian sources in 30 cubes and their truth."""
    rng, pairs = np.random.default_rng(8), []
    for _ in range(30):
        sources = [random_source(rng, x, y) for x in PLACES for y in PLACES]
        table = fitted(uv, uv.dirty(*sources) + uv.noise(rng, WHITE), uv_beam, WHITE)
        assert len(table) == len(sources)
        pairs += [(nearest(table, source), source) for source in sources]
    return pairs


def random_source(rng, x, y):
    size = rng.uniform(1.2, 3.0)
    line = (rng.uniform(1.5, 4.0), rng.uniform(5.0, 10.0), rng.uniform(2.0, 4.5))
    return Truth(x + rng.uniform(-3, 3), y + rng.uniform(-3, 3), size, size * rng.uniform(0.6, 1.0),
                 rng.uniform(0.0, 90.0), rng.uniform(0.4, 1.0), (line,))  # fmt: skip


def nearest(table, source):
    return table[int(np.argmin(np.hypot(table["x"] - source.x, table["y"] - source.y)))]


def pulls(row, names, wanted):
    return [(row[name] - value) / row[f"{name}_err"] for name, value in zip(names, wanted, strict=True)]


def flags(row):
    return set(row["flags"].split(";"))


def test_gaussians_have_no_poor_fit(gaussians):
    poor = ["poor_fit" in flags(row) for row, _ in gaussians]
    assert len(poor) == 120
    assert sum(poor) <= 1
    assert np.mean([row["misfit"] for row, _ in gaussians]) == pytest.approx(1.0, abs=0.08)


def test_aperture_fluxes_of_gaussians_are_unbiased_and_their_errors_hold(gaussians):
    found = np.array([pulls(row, APERTURE, fluxes_of(source)) for row, source in gaussians])
    n = len(found)
    assert np.abs(found.mean(axis=0)).max() < 3.0 / np.sqrt(n)
    assert ((found.std(axis=0) > 1.0 - 3.0 / np.sqrt(2 * n)) & (found.std(axis=0) < 1.0 + 3.0 / np.sqrt(2 * n))).all()
    assert (np.mean(np.abs(found) < 1.96, axis=0) > 0.88).all()


def test_aperture_fluxes_of_gaussians_agree_with_those_of_the_model(gaussians):
    for model, aperture in zip(MODEL, APERTURE, strict=True):
        differs = [(row[aperture] - row[model]) / row[f"{aperture}_err"] for row, _ in gaussians]
        assert np.abs(differs).max() < 4.0
        assert np.median([row[f"{aperture}_err"] / row[f"{model}_err"] for row, _ in gaussians]) > 1.0


@pytest.mark.parametrize("make", [rotating_disc, gradient, two_components])
def test_a_source_that_is_no_gaussian_has_a_poor_fit_and_its_flux_in_the_aperture(wide_band, make):
    """The fit is held to one source: bright as these are, it would take more for most of them."""
    parts = make()
    data = wide_band.dirty(*parts) + wide_band.noise(np.random.default_rng(0), WHITE)
    (row,) = fitted(wide_band, data, wide_band.beam(), settings=FitSettings(most=1))
    assert "poor_fit" in flags(row)
    assert row["misfit"] > 10.0
    wanted = fluxes_of(*parts)
    aperture = np.abs(pulls(row, APERTURE, wanted))
    assert aperture.max() < 3.0
    if make is not gradient:  # its sums over space and over the line are those of a Gaussian
        model = np.abs(pulls(row, MODEL, wanted))
        assert (model > 3.5).all()
        assert (model > 2.0 * aperture).all()


def test_a_line_of_two_parts_counts_whole_in_the_aperture(wide_band):
    """The model has the stronger one in `line_flux_jykms`."""
    source = replace(SOURCE, lines=((4.0, 14.5, 2.0), (1.5, 18.0, 3.0)))
    data = wide_band.dirty(source) + wide_band.noise(np.random.default_rng(0), WHITE)
    (row,) = fitted(wide_band, data, wide_band.beam())
    assert np.abs(pulls(row, APERTURE, fluxes_of(source))).max() < 3.0
    assert row["line_flux_jykms"] < 0.8 * fluxes_of(source)[1]


def test_fluxes_scale_with_the_cube_and_flags_do_not_change(uv, uv_beam):
    sources = replace(SOURCE, lines=((3.0, 6.0, 3.0),)), replace(SOURCE, x=38.0, y=33.0, lines=((2.0, 9.0, 3.0),))
    data = uv.dirty(*sources) + uv.noise(np.random.default_rng(4), WHITE)
    once, scaled = fitted(uv, data, uv_beam), fitted(uv, 1e-3 * data, uv_beam)
    assert "blended" in flags(once[0])
    assert list(once["flags"]) == list(scaled["flags"])
    np.testing.assert_allclose(scaled["misfit"], once["misfit"], rtol=1e-2)
    for name in APERTURE:
        np.testing.assert_allclose(scaled[name], 1e-3 * once[name], rtol=1e-3)
        np.testing.assert_allclose(scaled[f"{name}_err"], 1e-3 * once[f"{name}_err"], rtol=1e-2)


def test_fluxes_of_blended_sources_know_what_the_other_one_takes(uv, uv_beam):
    """Their errors hold, and are larger than that of a source alone."""
    rng, found, errors = np.random.default_rng(12), [], []
    first = replace(SOURCE, lines=((3.0, 6.0, 3.0),))
    second = replace(SOURCE, x=38.0, y=33.0, lines=((2.0, 9.0, 3.0),))
    for _ in range(15):
        table = fitted(uv, uv.dirty(first, second) + uv.noise(rng, WHITE), uv_beam, WHITE)
        found += [pulls(nearest(table, one), APERTURE, fluxes_of(one)) for one in (first, second)]
        errors.append(nearest(table, first)["continuum_mjy_aperture_err"])
    assert np.abs(np.mean(found, axis=0)).max() < 3.0 / np.sqrt(len(found))
    assert np.std(found, axis=0).max() < 1.4
    alone = fitted(uv, uv.dirty(first) + uv.noise(rng, WHITE), uv_beam, WHITE)
    assert np.median(errors) > 1.05 * alone["continuum_mjy_aperture_err"][0]


def test_aperture_fluxes_are_those_on_the_sky(uv):
    primary = np.full((1, uv.n_pixels, uv.n_pixels), 0.5)
    source = replace(SOURCE, lines=((3.0, 7.0, 3.0),))
    data = 0.5 * uv.dirty(source) + uv.noise(np.random.default_rng(6), WHITE)
    (row,) = fitted(uv, data, uv.beam(primary_beam=primary))
    assert np.abs(pulls(row, APERTURE, fluxes_of(source))).max() < 3.5


def test_without_channels_off_the_line_there_are_no_aperture_fluxes(uv, uv_beam):
    source = replace(SOURCE, continuum=0.3, lines=((4.0, 7.5, 11.0),))
    (row,) = fitted(uv, uv.dirty(source) + uv.noise(np.random.default_rng(2), WHITE), uv_beam)
    assert np.isnan([row[name] for name in APERTURE]).all()
    assert np.isfinite([row[name] for name in MODEL]).all()


def test_an_image_has_a_continuum_in_the_aperture_and_no_misfit():
    image = UvInstrument(n_channels=1)
    source = replace(SOURCE, lines=())
    (row,) = fitted(image, image.dirty(source) + image.noise(np.random.default_rng(1), WHITE), image.beam())
    assert abs(row["continuum_mjy_aperture"] - 1e3) < 3.0 * row["continuum_mjy_aperture_err"]
    assert np.isnan(row["line_flux_jykms_aperture"])
    assert np.isnan(row["misfit"])
    assert "poor_fit" not in flags(row)


def test_channels_and_pixels_without_data_do_not_count(uv, uv_beam):
    source = replace(SOURCE, lines=((3.0, 7.0, 3.0),))
    data = uv.dirty(source) + uv.noise(np.random.default_rng(9), WHITE)
    data[3] = np.nan  # off the line
    data[8] = np.nan  # on it
    data[:, 44:, :] = np.nan
    (row,) = fitted(uv, data, uv_beam)
    assert np.abs(pulls(row, APERTURE, fluxes_of(source))).max() < 3.5


@pytest.mark.parametrize("blank", [10, 0])
def test_sources_near_the_end_of_the_data_are_flagged_and_the_others_are_right(uv, uv_beam, blank):
    """Near a border of blank pixels within the image, and near the edge of the image."""
    rng, lobe = np.random.default_rng(3), np.mean(uv_beam.fwhm)
    far, near = [], []
    for number in range(24):
        source = random_source(rng, 0.0, 32.0)
        off = lobe * (0.4 + 1.8 * number / 23)  # of the centre from the first pixel with data
        source = replace(source, x=blank + off, sigma_x=2.0, sigma_y=1.6)
        data = uv.dirty(source) + uv.noise(rng, WHITE)
        data[:, :, :blank] = np.nan
        row = nearest(fitted(uv, data, uv_beam), source)
        pull = [(row["x"] - source.x) / row["x_err"], *pulls(row, MODEL, fluxes_of(source))]
        is_near = "at_image_edge" in flags(row)
        (near if is_near else far).append(pull)
        assert is_near or off > (EDGE - 0.1) * lobe - 1.0
        assert not is_near or off < (EDGE + 0.1) * lobe
    assert len(far) >= 8
    assert np.sqrt(np.mean(np.square(far))) < 1.3
    assert np.abs(near).max() > 5.0


def test_an_aperture_without_data_has_no_flux(uv, uv_beam):
    source = replace(SOURCE, lines=((4.0, 7.5, 3.0),))
    data = uv.dirty(source) + uv.noise(np.random.default_rng(5), WHITE)
    data[:, :20, :20] = np.nan
    found = fit_cube_of(data, uv_beam, uv.frequencies_hz, [uv.component(source)], None, uv.known_noise(uv_beam, WHITE))
    beyond, there = aperture_fluxes(data, found, [0, 0], np.array([[2, 2, 6, 6], [29, 28, 36, 35]]))
    assert np.isnan([beyond.continuum, beyond.line]).all()
    assert np.isfinite([there.continuum, there.line]).all()


def test_images_of_a_part_of_the_image_hold_what_reaches_it_and_nothing_less():
    """Behind a restoring beam sources that are far away are left out, where they are 0."""
    beam = Beam.gaussian(np.array([[7.0, 5.0, 30.0]]), (4, 120, 120))
    scene = Scene.of(np.random.default_rng(1).normal(size=(4, 120, 120)).astype(np.float32), beam, np.full(4, 1e11))
    places = ((20.0, 20.0), (60.0, 35.0), (100.0, 90.0), (64.0, 52.0))
    components = [Component.of(x, y, 9.0 * np.eye(2), [], 1.0) for x, y in places]
    part = np.arange(50, 70), np.arange(55, 80)
    near = window_images(Fitted(scene, Solution(components, 0.0, True), np.ones(4), []), *part)
    endless = replace(scene, beam=replace(beam, restoring=None))
    every = window_images(Fitted(endless, Solution(components, 0.0, True), np.ones(4), []), *part)
    assert near == pytest.approx(every, abs=1e-6)
    assert (np.abs(near).max(axis=(1, 2)) > 1e-3).tolist() == [False, False, False, True]
