"""Cubes as users have them that once went wrong: few beams, extended sources, what is over-subtracted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from test_search import AREA, FWHM, KMS, SIGMA, Line, nearest, noise, run

from cubefocus.search.bank import significance
from cubefocus.search.card import card_figure
from cubefocus.search.levels import Levels, measure_levels
from cubefocus.search.sources import portraits_of
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


def extended(level: float) -> np.ndarray:
    """A source over a third of the field, (channel, y, x): Gaussian in the image and in frequency."""
    z, y, x = np.ogrid[:24, :96, :96]
    image = np.exp(-0.5 * (((x - 45) / 12.0) ** 2 + ((y - 50) / 10.0) ** 2))
    return level * image * np.exp(-0.5 * ((z - 12) / 2.5) ** 2)


def test_a_source_over_a_third_of_the_field_is_no_noise():
    """Taken for noise it makes that of its place and channels larger, and its own flux and size with it."""
    levels = measure_levels((noise(6) + extended(0.2)).astype(np.float32), FWHM)
    assert levels.channel == pytest.approx(0.01, rel=0.35)
    assert levels.place == pytest.approx(1.0, abs=0.15)
    image = measure_levels((noise(6)[:1] + extended(0.2)[12:13]).astype(np.float32), FWHM)
    assert image.rms == pytest.approx(0.01, rel=0.25)
    row = run(noise(6) + extended(0.2)).catalogue[0]
    flux = 0.2 * 2 * math.pi * 12.0 * 10.0 / AREA * 2.5 * math.sqrt(2 * math.pi)  # Jy x channel
    assert row["line_flux_jykms"] / KMS == pytest.approx(flux, rel=0.06)
    assert max(row["fwhm_x"], row["fwhm_y"]) == pytest.approx(2.355 * math.sqrt(12.0**2 - SIGMA**2), rel=0.06)


def test_noise_that_differs_from_place_to_place_is_no_source():
    """The edge of a mosaic is as far above the noise of its middle as a source."""
    y, x = np.mgrid[:96, :96]
    sensitivity = np.exp(-0.5 * ((x - 48) ** 2 + (y - 48) ** 2) / 30.0**2)
    data = np.where(sensitivity > 0.2, noise(7) / sensitivity, np.nan).astype(np.float32)
    levels = measure_levels(data, FWHM)
    ratio = (levels.rms * levels.place * sensitivity / 0.01)[sensitivity > 0.2]
    assert 0.85 < np.median(ratio) < 1.2
    assert np.percentile(ratio, 2) > 0.65


def test_a_line_above_a_continuum_that_was_subtracted_too_much_is_a_source():
    line = Line(40.0, 50.0, 12.0, 0.8)
    row = nearest(run(noise(8) + line.cube() + Line(40.0, 50.0, 12.0, 0.0, continuum=-0.06).cube()).catalogue, line)
    assert math.hypot(row["x"] - 40.0, row["y"] - 50.0) < 0.5
    assert abs(row["line_flux_jykms"] / KMS - 0.8) < 4 * row["line_flux_jykms_err"] / KMS
    assert row["continuum_mjy"] < -4 * row["continuum_mjy_err"]
    absorbed = run(noise(8) + Line(40.0, 50.0, 12.0, -0.8).cube()).catalogue
    assert not len(absorbed)


def test_the_noise_of_an_image_of_few_beams_rises_to_its_edge():
    """An image divided by its primary beam, which is eleven beams wide: there is no room for large boxes."""
    y, x = np.mgrid[:96, :96]
    primary, beam = np.exp(-0.5 * ((x - 48) ** 2 + (y - 48) ** 2) / 25.0**2), 8.0
    for seed in (11, 12):
        white = np.random.default_rng(seed).standard_normal((16, 96, 96))
        smooth = gaussian_filter(white, (0, beam / 2.355, beam / 2.355))
        data = np.where(primary > 0.2, smooth / smooth.std() / primary, np.nan).astype(np.float32)
        levels = measure_levels(data, beam)
        for low, high in ((0.2, 0.3), (0.3, 0.5), (0.5, 0.8), (0.8, 1.0)):
            ratio = levels.rms * levels.place * primary
            assert 0.8 < np.median(ratio[(primary > low) & (primary < high)]) < 1.2


def test_the_card_of_what_is_no_gaussian_shows_no_fit():
    """The Gaussian that was refused is a part of the source: its contours and its line say something wrong."""
    labels = []
    for data in (noise(5) + ring(14.0, 0.12), noise(5) + Line(40.0, 50.0, 12.0, 0.8).cube()):
        found = run(data)
        portrait = portraits_of(found.described)[0]
        axes = card_figure(portrait, "").axes
        labels.append([text for one in axes for text in one.get_legend_handles_labels()[1]])
    assert labels == [[], ["fit"]]
