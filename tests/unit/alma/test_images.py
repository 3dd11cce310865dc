"""An image has one channel and no lines: its sources are found by their continuum."""

import numpy as np
import pytest

from cubefocus.alma.chain import Chain
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import scale01
from cubefocus.errors import CubefocusError

NOISE, PEAK, SIGMA = 0.01, 1.0, 3.0


def image_of(scene, n_channels=1):
    """Two Gaussian sources, each of the same flux, in white noise."""
    y, x = np.mgrid[:96, :96]
    places = ((30, 40), (70, 55))
    sky = sum(PEAK * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * SIGMA**2)) for px, py in places)
    noise = np.random.default_rng(3).normal(0.0, NOISE, (n_channels, 96, 96))
    header = scene([], n_channels=4).cube.header
    header["NAXIS3"] = n_channels
    return sky, Cube((sky + noise).astype(np.float32), header)


def chain_of(sky):
    def never(spectra):
        raise AssertionError("an image has no spectra")

    def parameter(name, images):
        return np.full(len(images), {"pa": 30.0, "flux": 1.0}.get(name, SIGMA))

    return Chain(lambda images: scale01(sky)[np.newaxis].astype(np.float32), never, parameter)


def test_sources_of_an_image_have_places_and_fluxes_and_no_lines(scene):
    sky, cube = image_of(scene)
    found = chain_of(sky).detect([cube])
    table = found.catalogue
    table.sort("x")
    assert table["x"] == pytest.approx([30, 70], abs=0.2)
    assert table["y"] == pytest.approx([40, 55], abs=0.2)
    # A box where the source is above 0.15 of its peak, at 1.95 sigma, holds this share of its flux.
    assert table["flux"] == pytest.approx([0.9 * 2 * np.pi * SIGMA**2 * PEAK] * 2, rel=0.05)
    assert table["flux_err"] == pytest.approx(NOISE * np.sqrt([13 * 13] * 2), rel=0.3)
    assert table["snr"] == pytest.approx([PEAK / NOISE] * 2, rel=0.15)
    for name in ("z", "fwhm_z", "velocity", "flux_line", "frequency_err"):
        assert np.isnan(table[name]).all(), name
    assert table["frequency"] == pytest.approx(cube.frequencies_hz[0] / 1e9)
    assert set(table["flags"]) == {"continuum_image"}
    assert set(found.candidates["reason"]) == {"kept"}


def test_two_or_three_channels_are_refused(scene):
    sky, cube = image_of(scene, n_channels=3)
    with pytest.raises(CubefocusError, match=r"3 channels.*at least 4, or one image"):
        chain_of(sky).detect([cube])
