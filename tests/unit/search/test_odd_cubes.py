"""Cubes as users have them that once went wrong: few beams, extended sources, what is over-subtracted."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter
from test_search import FWHM, SIGMA, noise, run

from cubefocus.search.bank import significance
from cubefocus.search.levels import Levels
from cubefocus.tables.columns import column


def test_of_the_templates_with_few_independent_values_none_stands_out_by_chance():
    """The noise of a wide template is read off few values: where it comes out low, noise would stand out everywhere."""
    highest = []
    for seed in range(30):
        data = noise(seed, (16, 56, 56)) / 0.01
        found = significance(data.astype(np.float32), Levels(np.ones(16), np.ones((56, 56))), (FWHM, FWHM, 0.0))
        highest += [found.positive.max(), found.negative.max()]
    assert 3.6 < np.median(highest) < 4.03


def ring(radius: float, flux: float) -> np.ndarray:
    """A ring that no Gaussian is like, (channel, y, x)."""
    z, y, x = np.ogrid[:24, :96, :96]
    image = np.exp(-0.5 * ((np.hypot(x - 48, y - 48) - radius) / 1.5) ** 2)
    seen = gaussian_filter(image, SIGMA)
    return flux * seen / seen.max() * np.exp(-0.5 * ((z - 12) / 2.0) ** 2)


def test_what_the_voxels_say_has_the_box_and_the_significance_of_its_island():
    """A Gaussian that was refused may lie anywhere, and be as wide as the cube."""
    found = run(noise(5) + ring(14.0, 0.12))
    row, candidate = found.catalogue[0], found.candidates[0]
    assert "from_voxels" in row["flags"]
    assert row["significance"] == candidate["significance"]
    assert [row[name] for name in ("x0", "y0", "x1", "y1")] == [candidate[name] for name in ("x0", "y0", "x1", "y1")]
    assert math.hypot(row["x"] - 48, row["y"] - 48) < 2.0
    assert (column(found.catalogue, "x1") - column(found.catalogue, "x0") < 60).all()
