"""Visibilities of a small sky and samples about it, drawn and not inferred, for what is made of a posterior."""

import json

import numpy as np
from astropy.table import Table

from cubefocus.cube.scale import gaussian_moments
from cubefocus.denoise.skyfits import sky_header
from cubefocus.resolve.posterior import Posterior
from cubefocus.resolve.predict import ARCSEC, predict
from cubefocus.resolve.visibilities import Visibilities, Window
from cubefocus.settings import PriorSettings

CELL = 0.2
SHAPE = (48, 64)
CENTRE = (59.99983, -34.99986)
HEADER = sky_header(SHAPE, CELL, CENTRE)
SPEED_OF_LIGHT = 299792458.0


def gaussian(x, y, major_arcsec, minor_arcsec, pa_deg, shape=SHAPE, cell=CELL):
    """Gaussian of peak 1."""
    form = np.linalg.inv(gaussian_moments(major_arcsec, minor_arcsec, pa_deg))
    rows, columns = np.indices(shape)
    offset = np.stack([(columns - x) * cell, (rows - y) * cell])
    return np.exp(-0.5 * np.einsum("iyx,ij,jyx->yx", offset, form, offset))


def direct_sum(window, image, cell):
    """S exp(2 pi i (u l + v m)), l to the east and m to the north, summed over the pixels."""
    u, v = window.uvw_m[:, :2].T * window.frequency_hz / SPEED_OF_LIGHT
    n_y, n_x = image.shape
    east = -(np.arange(n_x) - n_x // 2) * cell * ARCSEC
    north = (np.arange(n_y) - n_y // 2) * cell * ARCSEC
    flux = image * window.primary_beam * cell**2
    return np.einsum(
        "ry,yx,rx->r", np.exp(2j * np.pi * np.outer(v, north)), flux, np.exp(2j * np.pi * np.outer(u, east))
    )


def window(frequency_hz=230e9, rows=200, seed=0, longest_m=160.0):
    """Empty visibilities at random places of the plane, of noise 1 mJy, with a primary beam."""
    rng = np.random.default_rng(seed)
    uvw = rng.uniform(-longest_m / 2, longest_m / 2, (rows, 3))
    beam = gaussian(SHAPE[1] // 2, SHAPE[0] // 2, 12.0 * 230e9 / frequency_hz, 12.0 * 230e9 / frequency_hz, 0.0)
    antennas = np.zeros(rows, dtype=int), np.ones(rows, dtype=int)
    return Window(
        frequency_hz, np.zeros(rows, complex), np.full(rows, 1e6), uvw, *antennas, np.arange(rows, dtype=float), beam
    )


def observed(sky, frequencies=(230e9,), index=0.0, seed=1):
    """Visibilities of a sky with noise; the sky is at the mean of the frequencies."""
    rng, windows = np.random.default_rng(seed), []
    for number, frequency in enumerate(frequencies):
        empty = window(frequency, seed=number)
        noise = 1e-3 * rng.standard_normal(2 * len(empty.weights)).view(complex)
        seen = predict(empty, sky * (frequency / np.mean(frequencies)) ** index, CELL) + noise
        windows.append(Window(**{**vars(empty), "visibilities": seen}))
    return Visibilities(tuple(windows), HEADER.copy(), {"source": "drawn"})


def drawn(sky, spread=0.1, number=12, seed=2, converged=True, **more):
    """Samples about a sky: its level and each pixel log-normal; the rest of a posterior as an inference leaves it."""
    rng = np.random.default_rng(seed)
    samples = sky * np.exp(spread * (rng.standard_normal((number, 1, 1)) + rng.standard_normal((number, *sky.shape))))
    prior = PriorSettings()
    names = ("zero_mode", "fluctuations", "slope", "flexibility", "asperity")
    rounds = {"round": [1, 2], "energy": [9.5, 4.5], "reduced_chi2": [1.5, 1.01], "change": [3.0, 0.1]}
    rounds |= {"seconds": [1.0, 1.0], "cpu_seconds": [1.0, 1.0], "samples": [8, 12], "method": ["mgvi", "geovi"]}
    verdict = f"{'converged' if converged else 'NOT converged'} after 2 rounds"
    facts = {"converged": converged, "verdict": verdict, "seed": 1}
    return Posterior(
        samples=samples,
        wavenumbers=np.array([0.1, 0.2, 0.4]),
        power=np.exp(rng.standard_normal((number, 3))),
        parameters={name: rng.normal(*getattr(prior, name), number) for name in names},
        rounds=Table(rounds),
        header=HEADER.copy(),
        facts={**facts, "prior": json.dumps(prior.to_dict())},
        **more,
    )
