"""Engine fft: the convolution against a direct sum, the noise against its exact covariance."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from cubefocus.engines import fft
from cubefocus.engines.fft import FourierOperator
from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError

SHAPE = (3, 37, 40)  # neither square nor even


@pytest.fixture
def response(instrument, setup, tmp_path):
    return get_response(setup, tmp_path / "cache", shape=SHAPE)


@pytest.fixture
def operator(response):
    return FourierOperator(response)


def sky(n_cubes=1, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((n_cubes, *SHAPE), np.float32))


def noise(operator, seeds, **options):
    return operator.observe(torch.zeros(len(seeds), *SHAPE), seeds, blank=False, **options).numpy()


def test_dirty_cube_is_the_convolution_of_the_attenuated_sky(operator, response):
    dirty = operator.observe(sky(), blank=False)[0].numpy()
    for channel in range(SHAPE[0]):
        seen = sky()[0, channel].double().numpy() * response.primary_beam()[channel]
        psf = response.psf()[channel].astype(float)
        direct = fftconvolve(seen, psf)  # linear, not circular
        y0, x0 = psf.shape[0] // 2, psf.shape[1] // 2
        direct = direct[y0 : y0 + SHAPE[1], x0 : x0 + SHAPE[2]]
        assert np.abs(dirty[channel] - direct).max() < 2e-6 * np.abs(direct).max()


def test_point_source_shows_the_dirty_beam_with_its_flux(operator, response, instrument):
    point = torch.zeros(1, *SHAPE)
    point[:, :, 18, 20] = 0.7  # the phase centre
    point[:, :, 30, 9] = 0.2
    dirty = operator.observe(point, blank=False)[0].numpy()
    beam = response.psf()
    rows, columns = np.arange(SHAPE[1])[:, None], np.arange(SHAPE[2])
    y0, x0 = beam.shape[1] // 2, beam.shape[2] // 2
    expected = 0.7 * beam[:, y0 + rows - 18, x0 + columns - 20]
    attenuated = 0.2 * response.primary_beam()[:, 30, 9]
    expected = expected + attenuated[:, None, None] * beam[:, y0 + rows - 30, x0 + columns - 9]
    assert dirty == pytest.approx(expected, abs=1e-6)


def test_operator_is_linear(operator):
    a, b = sky(seed=1), sky(seed=2)
    left = operator.observe(2 * a - 3 * b, blank=False)
    right = 2 * operator.observe(a, blank=False) - 3 * operator.observe(b, blank=False)
    assert (left - right).abs().max() < 1e-5 * right.abs().max()


def test_blank_where_the_primary_beam_is_below_the_limit(operator, response):
    dirty = operator.observe(sky())[0].numpy()
    low = response.primary_beam() < 0.85
    assert low.any()
    assert not low.all()
    assert np.array_equal(np.isnan(dirty), low)


def test_limit_is_that_of_the_setup_not_of_the_measurement(response, setup, tmp_path):
    for limit in (0.5, 0.9):
        cube = fft.observe(sky()[0].numpy(), replace(setup, pblimit=limit), cache=tmp_path / "cache")
        assert np.array_equal(np.isnan(cube.data), response.primary_beam() < limit)


@pytest.mark.parametrize("planes", [1, 2, 100])
def test_neither_batch_nor_chunk_decides_the_result(response, planes):
    skies, seeds = sky(4), [4, 5, 6, 7]
    single = torch.cat(
        [FourierOperator(response).observe(one[None], [seed]) for one, seed in zip(skies, seeds, strict=True)]
    )
    together = FourierOperator(response, planes=planes).observe(skies, seeds)
    assert torch.equal(single.isnan(), together.isnan())
    assert (single - together).nan_to_num().abs().max() < 1e-5 * single.nan_to_num().abs().max()


def test_result_can_take_the_place_of_the_sky(operator):
    skies = sky(2)
    expected = operator.observe(skies.clone(), [1, 2])
    result = operator.observe(skies, [1, 2], out=skies)
    assert result is skies
    assert torch.equal(result.nan_to_num(), expected.nan_to_num())


def test_noise_does_not_depend_on_the_sky(operator):
    with_noise, without = operator.observe(sky(), [3], blank=False), operator.observe(sky(), blank=False)
    assert (with_noise - without).numpy() == pytest.approx(noise(operator, [3]), abs=1e-4)


def test_seeds_repeat_and_differ(operator):
    first, again, other = (noise(operator, [seed])[0] for seed in (8, 8, 9))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.25
    ensemble = np.concatenate([noise(operator, list(range(i, i + 100))) for i in range(0, 800, 100)])
    pixels = ensemble[:, :, [5, 18, 30], [9, 20, 31]].reshape(800, -1)  # far apart, so nearly independent
    assert np.abs(np.corrcoef(pixels.T)[:3, 3:]).max() < 0.13, "channels are independent"
    neighbours = np.corrcoef(pixels[:-1].ravel(), pixels[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.05, "cubes with neighbouring seeds are independent"


def test_noise_has_the_covariance_of_the_visibilities(operator, response, instrument, setup):
    """Against the exact sum over visibilities, each with the noise of its own integration."""
    ensemble = np.concatenate([noise(operator, list(range(i, i + 100))) for i in range(0, 600, 100)])
    sigma = instrument.sigma_jy[instrument.integration]
    for channel, frequency in enumerate(setup.frequencies_hz):
        exact = instrument.beam(frequency, 75, 81, setup.cell_arcsec, weights=sigma**2) / len(sigma)
        rms = np.sqrt(exact[37, 40])
        assert ensemble[:, channel].std() == pytest.approx(rms, rel=0.03)
        assert response.noise_rms[channel] == pytest.approx(rms, rel=1e-6)
        # all pairs of pixels at each offset: the mean product over the image, by Fourier transform
        planes = ensemble[:, channel].astype(float)
        padded = np.fft.rfft2(planes, s=(75, 81))
        products = np.fft.irfft2((np.abs(padded) ** 2).mean(axis=0), s=(75, 81))
        pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones(planes.shape[1:]), s=(75, 81))) ** 2, s=(75, 81))
        covariance = np.fft.fftshift(products / pairs)
        near = (slice(37 - 12, 37 + 13), slice(40 - 12, 40 + 13))
        assert np.abs(covariance[near] - exact[near]).max() < 0.06 * rms**2
        mirrored = exact[:, ::-1]
        assert np.abs(covariance[near] - mirrored[near]).max() > 0.3 * rms**2, "the beam is not symmetric in x"


def test_no_noise_where_there_are_no_samples(operator, response):
    """The transform of noise on the operator's own grid is zero beyond the longest baseline."""
    power = response.noise_power()
    v_max, u_max = power.shape[1] // 2, power.shape[2] - 1
    uv = torch.zeros(1, 3, operator._size[1] // 2 + 1, operator._size[0], dtype=torch.complex64)
    operator._add_noise(uv, slice(0, 3), [torch.Generator().manual_seed(1)])
    v = np.abs(np.fft.ifftshift(np.arange(operator._size[0]) - operator._size[0] // 2))
    filled = (uv[0].abs() > 0).numpy()
    assert not filled[:, u_max + 1 :].any()
    assert not filled[:, :, v > v_max].any()
    assert np.array_equal(filled.sum(axis=(1, 2)), (power > 0).sum(axis=(1, 2)))


def test_wrong_shapes_and_seeds_are_refused(operator):
    with pytest.raises(CubefocusError, match="shape"):
        operator.observe(torch.zeros(1, 3, 37, 41))
    with pytest.raises(CubefocusError, match="2 noise seeds for 1"):
        operator.observe(sky(), [1, 2])


@pytest.mark.parametrize(
    ("data", "noise_kind", "seed", "words"),
    [
        (np.full(SHAPE, np.nan, np.float32), "none", 1, "NaN"),
        (np.zeros(SHAPE[1:], np.float32), "none", 1, "shape"),
        (np.zeros(SHAPE, np.float32), "loud", 1, "none or thermal"),
        (np.zeros(SHAPE, np.float32), "thermal", -1, "seed"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(instrument, setup, tmp_path, data, noise_kind, seed, words):
    with pytest.raises(CubefocusError, match=words):
        fft.observe(data, setup, noise_kind, seed, cache=tmp_path / "cache")
    assert instrument.runs == []


def test_remeasured_response_replaces_the_operator(instrument, setup, tmp_path):
    data = sky()[0].numpy()
    before = fft.observe(data, setup, cache=tmp_path / "cache").data
    instrument.uvw_m = instrument.uvw_m * 0.5
    get_response(setup, tmp_path / "cache", shape=SHAPE, remake=True)
    after = fft.observe(data, setup, cache=tmp_path / "cache").data
    assert np.nanmax(np.abs(after - before)) > 0.01 * np.nanmax(np.abs(before))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_cubes_of_the_cpu(response):
    here, there = FourierOperator(response), FourierOperator(response, "cuda")
    expected, result = (one.observe(sky(2), blank=False).cpu() for one in (here, there))
    assert (result - expected).abs().max() < 1e-5 * expected.abs().max()
    draws = there.observe(torch.zeros(50, *SHAPE), list(range(50)), blank=False).cpu()
    assert draws.std().item() == pytest.approx(float(np.sqrt(np.mean(response.noise_rms**2))), rel=0.1)
