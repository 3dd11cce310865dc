"""Grids that keep all that a dirty image says, and beams: what is read off them, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from uv_instrument import FWHM, Truth, UvInstrument

from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam, asymmetry, channels_of
from cubefocus.fit.grid import Grid
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import Noise

GRID = Grid((40, 50), (80, 100), (13, 11))


def waves(image: np.ndarray, grid: Grid) -> np.ndarray:
    """Transform of an image at all kept frequencies, rows from -v to v: a direct sum over its pixels."""
    v, u = (np.arange(-half, half + 1) for half in grid.half)
    along_y = np.exp(-2j * np.pi * np.outer(v, np.arange(grid.shape[0])) / grid.padded[0])
    along_x = np.exp(-2j * np.pi * np.outer(np.arange(grid.shape[1]), u) / grid.padded[1])
    return along_y @ image @ along_x


def test_samples_are_the_band_limited_image_at_their_places():
    image = np.random.default_rng(1).normal(size=GRID.shape)
    transform = waves(image, GRID)
    v, u = (np.arange(-half, half + 1) for half in GRID.half)
    y, x = (np.arange(n) * step for n, step in zip(GRID.samples, GRID.steps, strict=True))
    assert y[-1] <= 39 < y[-1] + GRID.steps[0]
    assert x[-1] <= 49 < x[-1] + GRID.steps[1]
    wanted = (np.exp(2j * np.pi * np.outer(y, v) / 80) @ transform @ np.exp(2j * np.pi * np.outer(u, x) / 100)).real
    found = GRID.sampled(GRID.cut(torch.from_numpy(image[None])))[0].numpy()
    # A sample counts for several pixels, so that sums of squares over both agree.
    assert found * GRID.scale == pytest.approx(wanted / (80 * 100), abs=1e-12)


def test_samples_of_a_band_limited_image_have_its_sum_of_squares():
    grid = Grid((40, 50), (80, 100), (20, 25))
    y, x = np.mgrid[:40, :50]
    # Two blobs far from the edge without power beyond the largest frequency.
    blobs = [np.exp(-0.5 * (((x - a) / 4.0) ** 2 + ((y - b) / 4.0) ** 2)) for a, b in ((20.3, 18.7), (27.9, 22.2))]
    first, second = (grid.sampled(grid.cut(torch.from_numpy(blob[None])))[0] for blob in blobs)
    assert float((first * first).sum()) == pytest.approx((blobs[0] ** 2).sum(), rel=1e-4)
    assert float((first * second).sum()) == pytest.approx((blobs[0] * blobs[1]).sum(), rel=1e-4)


def test_grid_is_no_finer_than_the_image_and_holds_all_frequencies():
    for half in (3, 10, 19, 31, 39):
        grid = Grid((40, 40), (80, 80), (half, half))
        assert all(step >= 1.0 for step in grid.steps)
        assert all(2 * half < cells <= 80 for cells in grid.cells)
        assert grid.inside.sum() == (2 * half + 1) * (half + 1)


def test_transfer_is_the_density_of_the_baselines(uv, uv_beam):
    """The transform of the dirty beam at a frequency: the mean over baselines of the waves' sum over the pixels."""
    assert len(uv_beam.bands) == 1
    assert uv_beam.transfer.shape == (1, *uv_beam.grid.inside.shape)
    at = np.arange(-63, 64)
    for row, column in ((0, 0), (3, 7), (-5, 4), (12, 0)):
        v, u = row / 128, column / 128
        sums = [np.cos(2 * np.pi * np.outer(base - k, at)).sum(axis=1) for base, k in ((uv.v, v), (uv.u, u))]
        mirrored = [np.cos(2 * np.pi * np.outer(base + k, at)).sum(axis=1) for base, k in ((uv.v, v), (uv.u, u))]
        wanted = 0.5 * np.mean(sums[0] * sums[1] + mirrored[0] * mirrored[1])
        assert uv_beam.transfer[0][row, column] == pytest.approx(wanted, abs=2e-3 * uv_beam.transfer.max())


def test_longest_baseline_is_read_off_a_dirty_beam_that_ends_at_its_edge(uv, uv_beam):
    longest = [np.abs(k).max() * 2 * uv.n_pixels for k in (uv.v, uv.u)]
    for psf in (uv.psf(), uv.psf()[:, 32:-32, 32:-32]):
        half = Beam.of_psf(psf, (16, 64, 64)).grid.half
        assert all(base <= found <= base + 8 for base, found in zip(longest, half, strict=True))


def test_main_lobe_of_baselines_of_a_gaussian_density(uv, uv_beam):
    """The second derivatives of a dirty beam at its peak are the second moments of its baselines."""
    spread = np.linalg.eigvalsh(
        np.cov(np.stack([uv.u, uv.v]), bias=True) + np.outer(m := [uv.u.mean(), uv.v.mean()], m)
    )
    wanted = FWHM / (2 * np.pi * np.sqrt(spread))
    assert uv_beam.fwhm == pytest.approx(tuple(wanted), rel=0.05)
    assert uv_beam.sigma == pytest.approx(math.sqrt(uv_beam.fwhm[0] * uv_beam.fwhm[1]) / FWHM)


def test_scale_and_place_of_the_dirty_beam_in_its_file_do_not_matter(uv, uv_beam):
    half, psf = uv_beam.grid.half, np.zeros((1, 128, 128))
    psf[:, 14:114, 14:114] = uv.psf()[:, 14:114, 14:114]
    moved = np.full((1, 128, 128), np.nan)
    moved[:, 17:117, 10:110] = 7.0 * psf[:, 14:114, 14:114]
    wanted = Beam.of_psf(psf, (16, 64, 64), half=half).transfer
    assert Beam.of_psf(moved, (16, 64, 64), half=half).transfer == pytest.approx(wanted, abs=1e-4)


def test_bands_follow_the_change_of_the_dirty_beam():
    uv = UvInstrument(n_channels=6, bandwidth=0.4, scaled=True)
    few, many = (Beam.of_psf(uv.psf(), (6, 64, 64), change, (28, 28)) for change in (0.2, 0.02))
    assert 1 <= len(few.bands) < len(many.bands) <= 6
    for beam in (few, many):
        band = channels_of(beam.bands, 6)
        assert [beam.band_of(channel) for channel in range(6)] == band.tolist()
        assert (np.diff(band) >= 0).all()
        assert set(band) == set(range(len(beam.bands)))
    same = Beam.of_psf(np.repeat(uv.psf()[:1], 6, axis=0), (6, 64, 64), 0.02, (28, 28))
    assert same.bands == (slice(0, 6),)


def test_channels_whose_dirty_beam_is_blank_do_not_count(uv, uv_beam):
    psf = np.repeat(uv.psf(), 16, axis=0)
    psf[[0, 8, 15]] = np.nan
    psf[3] = 0.0
    beam = Beam.of_psf(psf, (16, 64, 64), half=uv_beam.grid.half)
    assert beam.bands == (slice(0, 16),)
    assert beam.transfer == pytest.approx(uv_beam.transfer, abs=1e-4 * uv_beam.transfer.max())


@pytest.mark.parametrize("psf", [np.zeros((1, 64, 64)), np.full((1, 64, 64), np.nan), -np.ones((1, 64, 64))])
def test_dirty_beam_without_a_peak_is_refused(psf):
    with pytest.raises(CubefocusError, match="no peak"):
        Beam.of_psf(psf, (4, 32, 32))


def test_dirty_beam_of_another_number_of_channels_is_refused():
    with pytest.raises(CubefocusError, match="a PSF of 3 channels for a cube of 4"):
        Beam.of_psf(np.ones((3, 64, 64)), (4, 32, 32))


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 140.0])
def test_restoring_beam_makes_of_a_point_a_gaussian_with_its_angle_from_north_through_east(angle):
    """Convolved with a Gaussian, second moments add, and the peak is the flux in the beam's area."""
    beam = Beam.gaussian(np.array([[9.0, 6.0, angle]]), (2, 64, 64))
    noise = Noise(np.ones(beam.grid.inside.shape), np.ones(2), 1.0, 0.0)
    scene = Scene.of(np.zeros((2, 64, 64), dtype=np.float32), beam, np.array([1e9, 1.001e9]), noise)
    source = Truth(x=31.0, y=33.0, sigma_x=1.0, sigma_y=1.0)
    image = scene.images([UvInstrument(n_channels=2).component(source)], 0)[0].numpy()
    y, x = (np.arange(n) * step for n, step in zip(beam.grid.samples, beam.grid.steps, strict=True))
    turn = math.radians(angle)
    along = (y[:, None] - 33.0) * math.cos(turn) - (x[None] - 31.0) * math.sin(turn)
    across = (y[:, None] - 33.0) * math.sin(turn) + (x[None] - 31.0) * math.cos(turn)
    major, minor = 9.0 / FWHM, 6.0 / FWHM
    wanted = np.exp(-0.5 * (along**2 / (major**2 + 1.0) + across**2 / (minor**2 + 1.0)))
    wanted *= major * minor / math.sqrt((major**2 + 1.0) * (minor**2 + 1.0))
    assert image.reshape(wanted.shape) * beam.grid.scale == pytest.approx(wanted, abs=0.01)


def test_beam_of_a_measured_response_is_that_of_its_dirty_beams(instrument, setup, tmp_path):
    response = get_response(setup, tmp_path / "cache")
    measured = Beam.of_response(response, change=1.0)
    by_hand = Beam.of_psf(response.psf(), response.shape, 1.0, measured.grid.half)
    assert measured.transfer == pytest.approx(by_hand.transfer)
    assert measured.log_pb.shape == (2, 40, 40)
    assert np.exp(measured.log_pb[0, 20, 20]) == pytest.approx(1.0)
    assert measured.fwhm == pytest.approx((4.0, 0.8 / 0.3), rel=1e-6)
    assert measured.noise.shape == measured.grid.inside.shape
    assert len(Beam.of_response(response, change=0.01).bands) == 3
    # No noise where there are no baselines.
    v, u = (np.abs(instrument.uv(setup.frequencies_hz[-1])[:, axis]).max() * 80 * 0.3 / 206265 for axis in (1, 0))
    rows, columns = measured.grid.kept
    beyond = (np.abs(rows) > v + 1)[:, None] | (columns > u + 1)[None]
    assert measured.noise[beyond].max() == 0.0
    assert measured.noise.max() > 0.0


def test_a_dirty_beam_is_the_same_on_both_sides_of_its_peak_and_a_dirty_image_is_not():
    """Wherever its peak is, and whatever part of it is known; one of another unit, too."""
    uv = UvInstrument()
    psf = uv.psf()[0]
    for part in (psf, psf[10:, 30:], psf[40:100, 50:], 3e-3 * psf, np.where(np.abs(psf) > 0.9, psf, np.nan)):
        assert asymmetry(part) < 1e-6
    assert asymmetry(psf + np.random.default_rng(1).normal(0.0, 1e-3, psf.shape)) < 0.1
    pair = uv.dirty(Truth(x=22.0, y=25.0, lines=()), Truth(x=41.0, y=40.0, continuum=0.5, lines=()))[0]
    assert asymmetry(pair) > 0.2
    assert asymmetry(psf[uv.n_pixels :]) == math.inf, "its peak is at the edge"
