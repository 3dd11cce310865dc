"""Products of a posterior say what its samples say, on the sky, whole or not at all."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from resolved import CENTRE, SHAPE, drawn, gaussian, observed

import cubefocus.resolve.products as products
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.resolve.products import write_products
from cubefocus.settings import PriorSettings

SKY = 0.02 * gaussian(36.0, 20.0, 2.4, 1.6, 30.0) + 1e-6
FILES = {"mean.fits", "deviation.fits", "relative_error.fits", "samples.fits", "power_spectrum.ecsv",
         "parameters.ecsv", "weights.ecsv", "residuals.h5", "rounds.ecsv"}  # fmt: skip


@pytest.fixture
def seen():
    return observed(SKY)


def test_images_are_the_moments_of_the_samples_on_the_sky(tmp_path, seen):
    posterior = drawn(SKY, converged=False)
    write_products(tmp_path / "made", seen, posterior, {"seed": 4})
    assert {path.name for path in (tmp_path / "made").iterdir()} == FILES
    names = ("mean", "deviation", "relative_error", "samples")
    images = {name: fits.getdata(tmp_path / "made" / f"{name}.fits") for name in names}
    headers = [fits.getheader(tmp_path / "made" / f"{name}.fits") for name in names]
    np.testing.assert_allclose(images["samples"], posterior.samples, rtol=1e-6)
    np.testing.assert_allclose(images["mean"], posterior.samples.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(images["deviation"], posterior.samples.std(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(images["relative_error"], images["deviation"] / images["mean"], rtol=1e-5)
    for header in headers:
        sky = WCS(header).celestial.pixel_to_world(SHAPE[1] // 2, SHAPE[0] // 2)
        assert (sky.ra.deg, sky.dec.deg) == pytest.approx(CENTRE)
        assert header["CONVERGD"] is False
        assert "inference: NOT converged after 2 rounds" in list(header["HISTORY"])
        assert header["PROVENAN"] == '{"seed": 4}'
    assert [header["BUNIT"] for header in headers] == ["Jy/arcsec2", "Jy/arcsec2", "", "Jy/arcsec2"]


def test_the_relative_error_of_nothing_is_no_number(tmp_path, seen):
    posterior = drawn(SKY)
    posterior.samples[:, 3, 5] = 0.0
    write_products(tmp_path, seen, posterior, {})
    relative = fits.getdata(tmp_path / "relative_error.fits")
    assert list(zip(*np.nonzero(~np.isfinite(relative)), strict=True)) == [(3, 5)]


def test_the_spectrum_has_its_spread(tmp_path, seen):
    posterior = drawn(SKY)
    write_products(tmp_path, seen, posterior, {})
    table = read_table(tmp_path / "power_spectrum.ecsv")
    assert str(table["k"].unit) == "1 / arcsec"
    np.testing.assert_array_equal(table["k"], posterior.wavenumbers)
    np.testing.assert_allclose(table["mean"], posterior.power.mean(axis=0))
    assert np.all((table["low"] < table["high"]) & (table["low"] > 0))


def test_parameters_are_told_beside_their_priors(tmp_path, seen):
    posterior = drawn(SKY, spectral_index=np.linspace(-1.0, 0.0, 12))
    write_products(tmp_path, seen, posterior, {})
    table = read_table(tmp_path / "parameters.ecsv")
    names = ["offset", "zero_mode", "fluctuations", "slope", "flexibility", "asperity", "spectral_index"]
    assert list(table["name"]) == names
    prior = PriorSettings()
    assert tuple(table[3]["prior_mean", "prior_deviation"]) == prior.slope
    assert tuple(table[0]["prior_mean", "posterior_deviation"]) == (prior.offset, 0.0)
    np.testing.assert_allclose(table[3]["posterior_mean"], posterior.parameters["slope"].mean())
    assert table[6]["posterior_mean"] == pytest.approx(-0.5)


def test_a_prior_that_is_not_recorded_is_no_number(tmp_path, seen):
    posterior = replace(drawn(SKY), facts={"converged": True, "verdict": "converged"})
    write_products(tmp_path, seen, posterior, {})
    table = read_table(tmp_path / "parameters.ecsv")
    assert np.isnan(table["prior_mean"]).all()
    assert len(table) == 5


def test_weights_are_told_by_baseline(tmp_path, seen):
    write_products(tmp_path, seen, drawn(SKY), {})
    assert len(read_table(tmp_path / "weights.ecsv")) == 0
    factors = np.random.default_rng(0).normal([1.0, 1.5], 0.1, (12, 2))
    posterior = drawn(SKY, baselines_m=np.array([10.0, 60.0, 160.0]), noise_factors=factors)
    write_products(tmp_path, seen, posterior, {})
    table = read_table(tmp_path / "weights.ecsv")
    assert [*table["low_m"], table["high_m"][-1]] == [10.0, 60.0, 160.0]
    np.testing.assert_allclose(table["mean"], factors.mean(axis=0))


@pytest.mark.parametrize("frequencies", [(230e9,), (215e9, 245e9)])
def test_residuals_of_the_true_sky_are_the_noise(tmp_path, frequencies):
    # All samples are the truth, so what is left is noise as the weights state it, at each frequency.
    seen = observed(SKY, frequencies, index=2.0)
    posterior = drawn(SKY, spread=0.0, spectral_index=np.full(12, 2.0))
    write_products(tmp_path, seen, posterior, {})
    with h5py.File(tmp_path / "residuals.h5") as file:
        assert len(file) == len(frequencies)
        for number, window in enumerate(seen.windows):
            group = file[f"window{number}"]
            parts = group["normalised"][()].view(float)
            assert (parts**2).mean() == pytest.approx(1.0, abs=4.0 * np.sqrt(2.0 / parts.size))
            np.testing.assert_allclose(group["residual"][()] * np.sqrt(window.weights), group["normalised"][()])
            np.testing.assert_array_equal(group["uvw_m"][()], window.uvw_m)


def test_rounds_say_whether_it_has_converged(tmp_path, seen):
    write_products(tmp_path, seen, drawn(SKY, converged=False), {"seed": 4})
    table = read_table(tmp_path / "rounds.ecsv")
    assert table.meta["converged"] is False
    assert table.meta["verdict"] == "NOT converged after 2 rounds"
    assert table.meta["provenance"] == {"seed": 4}
    assert list(table["energy"]) == [9.5, 4.5]


def test_all_or_none(tmp_path, seen, monkeypatch):
    write_products(tmp_path, seen, drawn(SKY), {"seed": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fails(*_):
        raise CubefocusError("no")

    monkeypatch.setattr(products, "predicted_mean", fails)
    with pytest.raises(CubefocusError, match="no"):
        write_products(tmp_path, seen, drawn(SKY, seed=9), {"seed": 2})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_same_posterior_gives_the_same_bytes(tmp_path, seen):
    for name in ("a", "b"):
        write_products(tmp_path / name, seen, drawn(SKY), {"seed": 1})
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
