"""From images to visibilities and back, against sums over sources and definitions written out."""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cubefocus.denoise import gridder
from cubefocus.denoise.lofar import dutch_stations, primary_beam, track
from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import ARCSEC

pytest.importorskip("ducc0", reason="ducc0 is not installed")
pytest.importorskip("lofarantpos", reason="lofarantpos is not installed")

SIZE, CELL = 128, 2.0


@pytest.fixture(scope="module")
def tracks():
    return track(dutch_stations(), integration_s=1800.0)


@pytest.fixture(scope="module")
def weights(tracks):
    return gridder.briggs_weights(tracks, SIZE, CELL)


def direct(image, cell, tracks):
    """Visibilities as the sum over the pixels that are not 0."""
    beam, total = primary_beam(tracks, image.shape, cell), np.zeros(len(tracks.uvw), complex)
    for y, x in np.argwhere(image):
        east, north = (image.shape[1] // 2 - x) * cell * ARCSEC, (y - image.shape[0] // 2) * cell * ARCSEC
        towards = np.sqrt(1 - east**2 - north**2) - 1
        path = tracks.uvw @ [east, north, towards] / tracks.wavelength_m
        total += image[y, x] * beam[y, x] * np.exp(2j * np.pi * path)
    return total


@pytest.mark.parametrize("shape", [(128, 128), (96, 160)])
def test_visibilities_are_the_sum_over_sources_with_the_w_term(tracks, shape):
    cell = 40.0  # wide, so that the w term turns the phases by many radians
    image = np.zeros(shape)
    image[30, 40], image[90, 20], image[shape[0] // 2, shape[1] // 2], image[5, 70] = 1.0, 2.0, 0.5, 0.1
    expected = direct(image, cell, tracks)
    assert np.abs(gridder.predict(image, cell, tracks) - expected).max() < 1e-6 * np.abs(expected).max()
    flat = direct(image, cell, replace(tracks, uvw=tracks.uvw * [1, 1, 0]))
    assert np.abs(flat - expected).max() > 0.5


def test_dirty_image_of_a_source_peaks_at_its_place_with_its_flux_behind_the_primary_beam(tracks):
    cell = 30.0  # the source is 0.4 deg off
    weights = gridder.briggs_weights(tracks, SIZE, cell)
    image = np.zeros((SIZE, SIZE))
    image[97, 31] = 1.0
    dirty = gridder.dirty(gridder.predict(image, cell, tracks), weights, tracks, SIZE, cell)
    assert np.unravel_index(dirty.argmax(), dirty.shape) == (97, 31)
    attenuated = primary_beam(tracks, image.shape, cell)[97, 31]
    assert attenuated < 0.99
    assert dirty[97, 31] == pytest.approx(attenuated, rel=1e-6)


def test_dirty_beam_is_1_in_the_middle_and_less_elsewhere(tracks, weights):
    psf = gridder.psf(weights, tracks, SIZE, CELL)
    assert psf[SIZE // 2, SIZE // 2] == pytest.approx(1.0, abs=1e-6)
    assert np.sort(psf.ravel())[-2] < 0.9
    assert psf[1:, 1:] == pytest.approx(psf[:0:-1, :0:-1], abs=1e-3)  # but for the w term


@pytest.mark.parametrize("robust", [None, 0.0, -2.0])
def test_noise_of_the_dirty_image_is_what_was_asked_for(tracks, robust):
    size, cell = 256, 10.0  # of many beams, also of natural weights
    weights = np.ones(len(tracks.uvw)) if robust is None else gridder.briggs_weights(tracks, size, cell, robust)
    given = None if robust is None else weights
    noise = [gridder.noise(tracks, 1e-4, seed, given) for seed in (1, 2, 3)]
    images = [gridder.dirty(one, weights, tracks, size, cell) for one in noise]
    assert np.std(images) == pytest.approx(1e-4, rel=0.04)
    assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] == pytest.approx(0.0, abs=0.1)


def test_noise_of_a_seed_is_the_same_and_alike_in_both_parts(tracks):
    noise = gridder.noise(tracks, 1e-4, 7)
    assert np.array_equal(noise, gridder.noise(tracks, 1e-4, 7))
    assert not np.array_equal(noise, gridder.noise(tracks, 1e-4, 8))
    sigma = 1e-4 * np.sqrt(len(noise))
    assert noise.real.std() == pytest.approx(sigma, rel=0.03)
    assert noise.imag.std() == pytest.approx(sigma, rel=0.03)
    assert np.mean(noise.real * noise.imag) / sigma**2 == pytest.approx(0.0, abs=0.03)
    assert not gridder.noise(tracks, 0.0, 7).any()


def cells_of(tracks, size, cell):
    """Cell of each visibility, one by one; None beyond half a turn per pixel."""
    padded = -(-int(np.ceil(1.2 * size)) // 4) * 4
    step = 1.0 / (padded * cell * ARCSEC)
    found = []
    for u, v in tracks.uvw[:, :2] / tracks.wavelength_m / step:
        column, row = (u, v) if v >= 0 else (-u, -v)
        inside = -padded // 2 <= column < padded // 2 and row < padded // 2
        found.append((int(np.floor(column)), int(np.floor(row))) if inside else None)
    return found


@pytest.mark.parametrize("cell", [CELL, 6.0])
def test_weights_are_those_of_the_definition(tracks, cell):
    cells = cells_of(tracks, SIZE, cell)
    counts = Counter(one for one in cells if one is not None)
    mean = sum(n**2 for n in counts.values()) / sum(counts.values())
    for robust in (-1.0, 0.0, 0.5):
        factor = (5 * 10**-robust) ** 2 / mean
        expected = [0.0 if one is None else 1 / (1 + counts[one] * factor) for one in cells]
        assert gridder.briggs_weights(tracks, SIZE, cell, robust) == pytest.approx(np.array(expected))


def test_low_robustness_is_uniform_and_high_is_natural(tracks):
    cells = cells_of(tracks, SIZE, CELL)
    counts = [*Counter(one for one in cells if one is not None).values()]
    uniform = gridder.briggs_weights(tracks, SIZE, CELL, -2.0)
    sums = Counter()
    for one, weight in zip(cells, uniform, strict=True):
        sums[one] += weight
    total = np.array([weight for one, weight in sums.items() if one is not None])
    assert np.ptp(counts) > 10
    assert np.ptp(total) / total.mean() < 0.01  # the same weight in every cell
    natural = gridder.briggs_weights(tracks, SIZE, CELL, 2.0)
    assert np.ptp(natural[natural > 0]) < 0.02


def test_noise_grows_from_natural_to_uniform_weights(tracks):
    lost = [gridder.effective_sqrt(tracks, gridder.briggs_weights(tracks, SIZE, CELL, r)) for r in (2.0, 0.0, -2.0)]
    assert np.sqrt(len(tracks.uvw)) > lost[0] > lost[1] > lost[2]


def test_imaging_is_the_adjoint_of_prediction(tracks, weights):
    """<A x, W y> = <x, A* W y>, where A has the primary beam in it."""
    rng = np.random.default_rng(5)
    image = rng.standard_normal((SIZE, SIZE))
    visibilities = rng.standard_normal(len(tracks.uvw)) + 1j * rng.standard_normal(len(tracks.uvw))
    there = np.vdot(gridder.predict(image, CELL, tracks), weights * visibilities).real
    dirty = gridder.dirty(visibilities, weights, tracks, SIZE, CELL) * weights.sum()
    back = np.sum(image * primary_beam(tracks, image.shape, CELL) * dirty)
    size = np.linalg.norm(gridder.predict(image, CELL, tracks)) * np.linalg.norm(weights * visibilities)
    assert abs(there - back) < 1e-8 * size


def test_power_of_the_visibilities_is_that_of_the_dirty_image(tracks, weights):
    """<A x, W A x> = sum(x PB D) with the dirty image D of A x: Parseval's theorem for weights W."""
    image = np.random.default_rng(6).random((SIZE, SIZE))
    visibilities = gridder.predict(image, CELL, tracks)
    dirty = gridder.dirty(visibilities, weights, tracks, SIZE, CELL) * weights.sum()
    power = np.sum(weights * np.abs(visibilities) ** 2)
    assert np.sum(image * primary_beam(tracks, image.shape, CELL) * dirty) == pytest.approx(power, rel=1e-7)


@pytest.mark.parametrize(("major", "minor", "angle"), [(9.5, 5.5, 30.0), (12.0, 6.0, 135.0), (8.0, 7.0, 90.0)])
def test_beam_of_a_gaussian_is_its_own(major, minor, angle):
    y, x = np.mgrid[:64, :64]
    north, east = (y - 32) * 2.0, (32 - x) * 2.0
    turn = np.radians(angle)
    along, across = north * np.cos(turn) + east * np.sin(turn), -north * np.sin(turn) + east * np.cos(turn)
    psf = np.exp(-4 * np.log(2) * ((along / major) ** 2 + (across / minor) ** 2))
    psf[3, 5] = 0.9  # a lobe elsewhere is none of the main one
    assert gridder.beam_of(psf, 2.0) == pytest.approx((major, minor, angle), rel=1e-6)


def test_a_beam_that_cannot_be_fitted_is_refused():
    with pytest.raises(CubefocusError, match="smaller pixels"):
        gridder.beam_of(np.pad([[1.0]], 20), 2.0)
    with pytest.raises(CubefocusError, match="reaches the edge"):
        gridder.beam_of(np.ones((32, 32)), 2.0)


def test_what_cannot_be_gridded_is_refused(tracks, weights):
    with pytest.raises(CubefocusError, match="even and at least 32"):
        gridder.predict(np.zeros((33, 64)), CELL, tracks)
    with pytest.raises(CubefocusError, match="1 pixels that are no numbers"):
        gridder.predict(np.pad([[np.nan]], 20), CELL, tracks)
    with pytest.raises(CubefocusError, match="even and at least 32"):
        gridder.psf(weights, tracks, 30, CELL)
    with pytest.raises(CubefocusError, match="add up to 0"):
        gridder.psf(0 * weights, tracks, SIZE, CELL)
    with pytest.raises(CubefocusError, match="too wide for every baseline"):
        gridder.briggs_weights(tracks, SIZE, 20_000.0)
    with pytest.raises(CubefocusError, match="0 or more"):
        gridder.noise(tracks, -1.0, 1)


def test_without_ducc0_the_error_says_how_to_get_it(monkeypatch, tracks, weights):
    monkeypatch.setitem(sys.modules, "ducc0.wgridder", None)
    with pytest.raises(CubefocusError, match=r"GPL.*pip install 'cubefocus\[lofar\]'"):
        gridder.psf(weights, tracks, SIZE, CELL)
