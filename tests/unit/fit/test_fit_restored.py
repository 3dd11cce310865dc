"""Cubes that CLEAN restored: sources behind a Gaussian beam, noise of another correlation, errors that are true."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from uv_instrument import FWHM, Truth, UvInstrument

from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.fit.model import Scene
from cubefocus.fit.restored import measure_restored
from cubefocus.fit.solve import Priors, solve, with_amplitudes
from cubefocus.fit.source import Component, cov_of

SHAPE = (16, 64, 64)
BRIGHT = (Truth(x=22.3, y=25.6, continuum=3.0, lines=((10.0, 8.2, 3.0),)), Truth(x=41.7, y=40.2, continuum=2.0))


def beam_cov(uv: UvInstrument) -> np.ndarray:
    """Second moments of the Gaussian that the dirty beam has about its peak, pixels squared."""
    return np.linalg.inv(np.cov(np.stack([uv.u, uv.v]), bias=True)) / (4.0 * math.pi**2)


def beam_of(uv: UvInstrument) -> np.ndarray:
    """The same as FWHM and angle from +y towards -x, shape (1, 3)."""
    values, vectors = np.linalg.eigh(beam_cov(uv))
    angle = math.degrees(math.atan2(-vectors[0, 1], vectors[1, 1]))
    return np.array([[FWHM * math.sqrt(values[1]), FWHM * math.sqrt(values[0]), angle]])


def restored(uv: UvInstrument, *sources: Truth) -> np.ndarray:
    """Sources behind the restoring beam, from the closed formula of a Gaussian with the second moments of both."""
    cube, area = np.zeros((uv.n_channels, uv.n_pixels, uv.n_pixels)), math.sqrt(np.linalg.det(beam_cov(uv)))
    y, x = np.mgrid[: uv.n_pixels, : uv.n_pixels]
    for source in sources:
        cov = beam_cov(uv) + cov_of(source.sigma_x, source.sigma_y, source.pa)
        p, dx, dy = np.linalg.inv(cov), x - source.x, y - source.y
        image = np.exp(-0.5 * (p[0, 0] * dx**2 + 2 * p[0, 1] * dx * dy + p[1, 1] * dy**2))
        image *= area / math.sqrt(np.linalg.det(cov))
        cube += source.spectrum(uv.frequencies_hz)[:, None, None] * image
    return cube


@pytest.fixture(scope="module")
def beam(uv):
    return Beam.gaussian(beam_of(uv), SHAPE)


@pytest.mark.parametrize("sources", [(), BRIGHT], ids=["noise", "bright lines"])
def test_noise_is_that_of_the_visibilities_at_each_spatial_frequency(uv, beam, sources):
    """In rings, from many cubes' worth of noise; nowhere less than noise with the correlation of the beam."""
    rng, grid = np.random.default_rng(4), beam.grid
    noise = measure_restored(restored(uv, *sources) + uv.noise(rng, thermal=0.1), beam)
    true = np.mean([(grid.cut(torch.from_numpy(uv.noise(rng, thermal=0.1))).abs() ** 2).numpy().mean(axis=0)
                    for _ in range(4)], axis=0) / 64**2  # fmt: skip
    like_beam = 0.1**2 * beam.transfer[0]
    assert noise.rms == pytest.approx(0.1, rel=0.06)
    assert (noise.relative == 1.0).all()
    rows, columns = grid.kept
    radius = np.hypot(rows[:, None], columns[None])
    for low in range(0, 16, 4):
        ring = grid.inside & (radius >= low) & (radius < low + 4)
        assert noise.power[ring].mean() == pytest.approx(np.maximum(true, like_beam)[ring].mean(), rel=0.2)
    assert (noise.power[grid.inside] >= 0.8 * like_beam[grid.inside]).all()


def test_white_noise_is_measured_as_white(uv, beam):
    noise = measure_restored(uv.noise(np.random.default_rng(6), white=0.1), beam)
    far = beam.grid.inside & (beam.transfer[0] < 0.01 * beam.transfer[0].max())
    assert noise.rms == pytest.approx(0.1, rel=0.02)
    assert noise.power[far].mean() == pytest.approx(0.01, rel=0.1)


def test_channels_of_more_noise_are_told_and_blank_ones_take_no_part(uv, beam):
    growth = np.linspace(1.0, 2.0, 16)
    cube = growth[:, None, None] * uv.noise(np.random.default_rng(8), white=0.1)
    cube[5] = np.nan
    noise = measure_restored(cube, beam)
    assert np.flatnonzero(np.isinf(noise.relative)).tolist() == [5]
    used = np.isfinite(noise.relative)
    assert noise.relative[used] == pytest.approx(growth[used] / np.median(growth), rel=0.08)


def test_noise_of_an_image_is_taken_to_have_the_correlation_of_the_beam(uv):
    """One channel does not tell sources from noise at a spatial frequency, but its rms is robust."""
    one = Beam.gaussian(beam_of(uv), (1, 64, 64))
    image = uv.noise(np.random.default_rng(9), thermal=0.1)[:1] + restored(uv, Truth())[:1]
    noise = measure_restored(image, one)
    assert noise.rms == pytest.approx(0.1, rel=0.2)
    assert noise.power[one.grid.inside] == pytest.approx(noise.rms**2 * one.transfer[0][one.grid.inside])


@pytest.mark.parametrize(
    ("data", "words"),
    [(np.full(SHAPE, np.nan), "no pixel of the cube"), (np.zeros(SHAPE), "the same in all channels")],
)
def test_cube_without_noise_or_data_is_refused(beam, data, words):
    with pytest.raises(CubefocusError, match=words):
        measure_restored(data, beam)


def test_true_values_lie_in_the_stated_intervals(uv, beam):
    """48 sources behind the restoring beam, with noise of the correlation of the dirty beam; SNR 8 to 40 a channel."""
    rng, pulls = np.random.default_rng(2), []
    for _ in range(16):
        sources = [
            Truth(x=x + rng.uniform(-3, 3), y=y + rng.uniform(-3, 3), sigma_x=rng.uniform(2.5, 4.0),
                  sigma_y=rng.uniform(2.0, 3.0), pa=rng.uniform(0, 90), continuum=rng.uniform(0.4, 2.0),
                  lines=((rng.uniform(2.0, 5.0), rng.uniform(4.0, 12.0), rng.uniform(3.0, 5.0)),))
            for x, y in ((16, 18), (46, 20), (30, 46))
        ]  # fmt: skip
        cube = (restored(uv, *sources) + uv.noise(rng, thermal=0.05)).astype(np.float32)
        scene = Scene.of(cube, beam, uv.frequencies_hz, measure_restored(cube, beam))
        true = [uv.component(one) for one in sources]
        starts = with_amplitudes(scene, [Component(one.values + 0.1 * rng.standard_normal(10)) for one in true])
        found = solve(scene, starts, Priors.of_beam(beam.sigma))
        assert found.converged
        for number, (one, wanted) in enumerate(zip(found.components, true, strict=True)):
            error = np.sqrt(np.diag(found.covariance_of(number)))
            pulls.append(((one.values - wanted.values) / error)[[0, 1, 2, 5, 7, 8, 9]])  # not the axes of round ones
    pulls = np.array(pulls)
    assert len(pulls) == 48
    assert abs(pulls.mean()) < 0.15
    # 68 +- 2.5 % and 95 +- 1.2 % of 336 values, and a little more, as the noise is taken for no less than the beam's.
    assert 0.62 < (np.abs(pulls) < 1.0).mean() < 0.80
    assert (np.abs(pulls) < 1.96).mean() > 0.92
    assert np.abs(pulls).max() < 5.0


def test_each_channel_has_its_beam(uv):
    """Beams that shrink along the band: bands follow their change, and the flux stays what it is in Jy."""
    own, source = beam_of(uv), Truth(lines=(), continuum=1.0)
    scale = np.linspace(1.1, 0.9, 16)
    beams = np.repeat(own, 16, axis=0) * np.column_stack([scale, scale, np.ones(16)])
    few, many = (Beam.gaussian(beams, SHAPE, change) for change in (0.3, 0.01))
    assert 1 <= len(few.bands) < len(many.bands) <= 16
    assert [band.start for band in many.bands[1:]] == [band.stop for band in many.bands[:-1]]
    areas = [transfer[0, 0] for transfer in Beam.gaussian(beams, SHAPE, 1e-4).transfer]
    assert areas == pytest.approx(2.0 * math.pi * beams[:, 0] * beams[:, 1] / FWHM**2)
    cov, y, x = cov_of(source.sigma_x, source.sigma_y, source.pa), *np.mgrid[:64, :64]
    cube = np.zeros(SHAPE)
    for channel, ratio in enumerate(scale**2):
        both = np.linalg.inv(ratio * beam_cov(uv) + cov)
        dx, dy = x - source.x, y - source.y
        cube[channel] = np.exp(-0.5 * (both[0, 0] * dx**2 + 2 * both[0, 1] * dx * dy + both[1, 1] * dy**2))
        cube[channel] *= ratio * math.sqrt(np.linalg.det(beam_cov(uv)) * np.linalg.det(both))
    cube += uv.noise(np.random.default_rng(1), thermal=0.01)
    scene = Scene.of(cube.astype(np.float32), many, uv.frequencies_hz, measure_restored(cube, many))
    found = solve(scene, with_amplitudes(scene, [uv.component(source)]), Priors.of_beam(many.sigma))
    assert found.components[0].values[5] == pytest.approx(1.0, rel=0.02)
    assert found.components[0].cov == pytest.approx(cov, rel=0.06, abs=0.15)


def test_beams_of_another_number_of_channels_are_refused(uv):
    with pytest.raises(CubefocusError, match="3 beams for a cube of 16 channels"):
        Beam.gaussian(np.repeat(beam_of(uv), 3, axis=0), SHAPE)
