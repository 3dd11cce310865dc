"""Sums and moments over the voxels of a source: line and continuum, and errors that are the scatter of the noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_search import AREA, FWHM, SHAPE, Line, noise, rotating_ring

from cubefocus.alma.aperture import variance_of_sum
from cubefocus.fit.beam import Beam
from cubefocus.fit.restored import measure_restored
from cubefocus.search.levels import Levels
from cubefocus.search.moments import measure


def test_errors_of_moments_are_the_scatter_of_the_noise():
    """Over the same voxels, so that sums are all that noise changes: centre, moments and W50."""
    sky = 2.0 * rotating_ring()
    mask, window = sky[:, 20:76, 20:76] > 0.02, (slice(0, SHAPE[0]), slice(20, 76), slice(20, 76))
    levels = Levels(np.full(SHAPE[0], 0.01), np.ones(SHAPE[1:]))
    found = [measure(noise(seed) + sky, levels, mask, window, (FWHM, FWHM, 0.0)) for seed in range(60)]
    for name in ("x", "y", "z", "flux", "width"):
        ratio = np.std([getattr(one, name) for one in found]) / np.mean([getattr(one, f"{name}_err") for one in found])
        low = 0.75 if name in "xy" else 0.5  # sums are taken to have noise that is alike over twice the beam's area
        assert low < ratio < 1.25, name
    drawn = np.array([[one.x, one.y, one.moments[0, 0], one.moments[0, 1], one.moments[1, 1]] for one in found])
    stated = np.sqrt(np.mean([np.diag(one.covariance) for one in found], axis=0))
    assert drawn.std(axis=0) == pytest.approx(stated, rel=0.25)


def whole(data: np.ndarray) -> dict[str, Any]:
    """What `measure` needs of an island that its continuum links through the band."""
    mask = np.broadcast_to(data.mean(axis=0) > 0.02, data.shape)
    rows, columns = (np.flatnonzero(mask[0].any(axis=axis)) for axis in (1, 0))
    window = slice(0, len(data)), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    levels = Levels(np.full(len(data), 0.01), np.ones(data.shape[1:]))
    return {"levels": levels, "mask": mask[window], "window": window, "beam": (FWHM, FWHM, 0.0)}


@pytest.mark.parametrize("flux", [0.9, 0.0, -0.5], ids=["emission", "no line", "absorption"])
def test_voxels_that_continuum_links_through_the_band_tell_line_and_continuum(flux):
    """A line in absorption has no voxels above the continuum: what is left is a source without a line."""
    source = Line(44.0, 48.3, 11.0, flux, sigma=2.0, continuum=0.2)
    sky = source.cube()
    found = [measure(noise(seed) + sky, **whole(sky)) for seed in range(12)]
    if flux > 0:  # its faintest channels are not told from the continuum
        assert 0.75 * flux < np.mean([one.flux for one in found]) / AREA < 1.05 * flux
        assert np.mean([one.z for one in found]) == pytest.approx(11.0, abs=0.3)
    else:
        assert all(math.isnan(value) for one in found for value in (one.z, one.flux, one.width))
    assert np.mean([one.continuum for one in found]) / AREA == pytest.approx(0.2, rel=0.15)
    assert np.mean([one.x for one in found]) == pytest.approx(44.0, abs=0.3)


def test_line_over_most_of_the_band_is_no_continuum():
    sky = Line(44.0, 48.3, 12.0, 4.0, fwhm_z=14.0).cube()
    wide = measure(noise(3) + sky, **whole(sky))
    assert math.isnan(wide.continuum)
    assert wide.flux == wide.total > 0


@pytest.mark.parametrize(("correlated", "side"), [(True, 9), (True, 30), (False, 12)])
def test_variance_of_a_sum_is_that_of_the_noise(correlated, side):
    """With the correlation of the beam, where sums over pixels scatter more than independent ones, and without."""
    rng = np.random.default_rng(2)
    planes = [noise(seed) if correlated else 0.01 * rng.standard_normal(SHAPE) for seed in range(20)]
    beam, held = Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), SHAPE), np.ones((side, side), dtype=bool)
    rows, columns = np.arange(20, 20 + side), np.arange(30, 30 + side)
    sums = np.concatenate([one[:, 20 : 20 + side, 30 : 30 + side].sum(axis=(1, 2)) for one in planes])
    ratio = variance_of_sum(held, rows, columns, beam, measure_restored(planes[0].astype(np.float32), beam))
    drawn = float(np.mean(sums**2)) / (1e-4 * held.sum())
    assert ratio == pytest.approx(drawn, rel=0.25) if correlated else drawn < ratio
