"""The search of the residual: quiet in noise, awake to faint sources, and its significance is a chi^2."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.fit.search import highest_peaks
from cubefocus.fit.source import cov_of

FAINT = Truth(x=40.2, y=23.7, sigma_x=2.6, sigma_y=2.6, continuum=1.0, lines=((2.0, 9.0, 4.0),))


def at_snr(uv, source: Truth, snr: float, white: float) -> Truth:
    """The same source with so much flux that a template of its own shape has this signal to noise."""
    factor = snr * white / math.sqrt((uv.dirty(source) ** 2).sum())
    lines = tuple((peak * factor, z, fwhm) for peak, z, fwhm in source.lines)
    return replace(source, continuum=source.continuum * factor, lines=lines)


@pytest.mark.parametrize(("white", "thermal"), [(0.1, 0.0), (0.1, 0.1), (0.02, 0.1), (0.0, 0.1)])
def test_noise_has_no_peak_that_would_be_fitted(uv, uv_beam, white, thermal):
    """Of twenty draws, their noise measured in them, all but two at most are below 5.5, and none has a source of 7."""
    rng = np.random.default_rng(12)
    found = [highest_peaks(uv.scene(uv.noise(rng, white, thermal), uv_beam), [])[0].significance for _ in range(20)]
    assert sum(value > 5.5 for value in found) <= 2
    assert max(found) < 7.0
    assert min(found) > 2.0, "the highest of hundreds of places and templates"


def test_faint_source_is_found_where_it_is(uv, uv_beam):
    source = at_snr(uv, FAINT, 8.0, 0.1)
    for seed in range(10):
        cube = uv.dirty(source) + uv.noise(np.random.default_rng(seed), 0.1)
        peak = highest_peaks(uv.scene(cube, uv_beam, 0.1), [])[0]
        assert peak.significance > 5.0
        assert math.hypot(peak.x - source.x, peak.y - source.y) < 4.0
        assert abs(peak.z - 9.0) < 3.0


@pytest.mark.parametrize(
    "source",
    [FAINT, replace(FAINT, lines=()), replace(FAINT, continuum=0.0), replace(FAINT, sigma_x=0.1, sigma_y=0.1),
     replace(FAINT, sigma_x=5.0, sigma_y=5.0, lines=((2.0, 4.0, 8.0),))],
    ids=["both", "continuum", "line", "point", "extended"],
)  # fmt: skip
def test_significance_of_a_source_without_noise_is_its_signal_to_noise(uv, uv_beam, source):
    """The bank has not its very shape nor place: up to a fifth is lost, nothing is won."""
    source = at_snr(uv, source, 50.0, 0.1)
    peak = highest_peaks(uv.scene(uv.dirty(source), uv_beam, 0.1), [])[0]
    assert 40.0 < peak.significance < 50.5
    assert math.hypot(peak.x - source.x, peak.y - source.y) < 2.0
    if source.lines:
        assert abs(peak.z - source.lines[0][1]) <= 1.0
        assert 0.5 < peak.fwhm / source.lines[0][2] < 2.0


def test_peak_becomes_a_round_source_to_start_from(uv, uv_beam):
    peak = highest_peaks(uv.scene(uv.dirty(FAINT), uv_beam, 0.1), [])[0]
    one = peak.component()
    assert one.centre == (peak.x, peak.y)
    assert one.cov == pytest.approx(cov_of(peak.sigma, peak.sigma, 0.0))
    assert one.line()[1:] == pytest.approx((peak.z, peak.fwhm))


def test_what_is_fitted_is_not_found_again(uv, uv_beam):
    second = replace(FAINT, x=20.0, y=45.0, continuum=0.3, lines=((0.7, 4.0, 4.0),))
    scene = uv.scene(uv.dirty(FAINT, second), uv_beam, 0.1)
    assert math.hypot((first := highest_peaks(scene, [])[0]).x - FAINT.x, first.y - FAINT.y) < 2.0
    other = highest_peaks(scene, [uv.component(FAINT)])[0]
    assert math.hypot(other.x - 20.0, other.y - 45.0) < 2.0
    assert other.significance < first.significance
    assert highest_peaks(scene, [uv.component(FAINT), uv.component(second)])[0].significance < 0.5


def test_nothing_is_looked_for_where_it_was_in_vain(uv, uv_beam):
    scene = uv.scene(uv.dirty(FAINT), uv_beam, 0.1)
    first = highest_peaks(scene, [])[0]
    second = highest_peaks(scene, [], [(first.x, first.y)])[0]
    assert math.hypot(second.x - first.x, second.y - first.y) >= uv_beam.sigma
    assert second.significance < first.significance


def test_blank_border_has_no_peaks(uv, uv_beam):
    y, x = np.mgrid[:64, :64] - 32
    rng = np.random.default_rng(5)
    for _ in range(5):
        cube = np.where(np.hypot(x, y) <= 24, uv.noise(rng, 0.1, 0.05), np.nan)
        peak = highest_peaks(uv.scene(cube, uv_beam), [])[0]
        assert math.hypot(peak.x - 32, peak.y - 32) < 27
        assert peak.significance < 6.0


def test_cube_of_one_channel_is_searched_for_continuum():
    uv = UvInstrument(n_channels=1)
    source = at_snr(uv, replace(FAINT, lines=()), 30.0, 0.1)
    peak = highest_peaks(uv.scene(uv.dirty(source), uv.beam(), 0.1), [])[0]
    assert 24.0 < peak.significance < 30.5
    assert math.hypot(peak.x - source.x, peak.y - source.y) < 2.0
    assert peak.component().n_lines == 0  # it could not be told from the continuum


def test_dirty_beam_in_bands_finds_the_same(uv, uv_beam):
    source = at_snr(uv, FAINT, 30.0, 0.1)
    cube = uv.dirty(source)
    one = highest_peaks(uv.scene(cube, uv_beam, 0.1), [])[0]
    several = replace(uv_beam, bands=(slice(0, 6), slice(6, 16)), transfer=np.repeat(uv_beam.transfer, 2, axis=0))
    two = highest_peaks(uv.scene(cube, several, 0.1), [])[0]
    assert two.significance == pytest.approx(one.significance, rel=1e-4)
    assert (two.x, two.y, two.z) == (one.x, one.y, one.z)


def test_noisy_channels_weigh_less(uv, uv_beam):
    """A spike in a channel of ten times the noise is none."""
    growth = np.ones(16)
    growth[11] = 10.0
    noise = growth[:, None, None] * uv.noise(np.random.default_rng(3), 0.1)
    cube = noise + uv.dirty(replace(FAINT, continuum=0.0, lines=((1.0, 11.0, 1.0),)))
    flat, weighed = (highest_peaks(uv.scene(cube, uv_beam, white), [])[0].significance for white in (0.1, None))
    assert weighed < 6.0
    assert flat > 2 * weighed
