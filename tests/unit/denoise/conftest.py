"""Small networks of the denoising study, toy skies and FITS images of them, and a small box, run once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from astropy.io import fits

from cubefocus.denoise.emission import light_up
from cubefocus.denoise.nbody import Box, BoxSettings, run_box
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.sheet import Sheet
from cubefocus.denoise.task import AutoencoderTask, ResidualTask
from cubefocus.learn import checkpoint

NOISE = 2.45e-6


def toy_sky(n_y, n_x, rng, number=6):
    """Gaussians of 1e-7 to 1e-4 Jy/arcsec^2 on an empty sky."""
    y, x = np.mgrid[:n_y, :n_x]
    sky = np.zeros((n_y, n_x))
    for _ in range(number):
        at_y, at_x, sigma = rng.uniform(0, n_y), rng.uniform(0, n_x), rng.uniform(2, 5)
        sky += 10 ** rng.uniform(-6, -4) * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * sigma**2))
    return sky.astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def sky_of():
    return toy_sky


@pytest.fixture
def products():
    """Makes training products of some tiles, with noise, or without."""

    def make(number, noise, tile=32, seed=0):
        rng = np.random.default_rng(seed)
        sky = np.stack([toy_sky(tile, tile, rng, 2) for _ in range(number)])
        observed = (sky + noise * rng.normal(size=sky.shape)).astype(np.float32)
        limits = np.array([LogScale.of(one).limits for one in observed], dtype=np.float32)
        return {"observed": observed, "sky": sky, "limits": limits}

    return make


def saved(task, arguments, path, seed=3):
    """Checkpoint of a network that is not trained, but says something."""
    torch.manual_seed(seed)
    model = checkpoint.build(task.network, arguments)
    if task.network == "Residual":
        torch.nn.init.normal_(model.final.weight, std=0.3)
        with torch.no_grad():  # the batch norms see what they will see
            model.train()(NOISE * torch.randn(4, 1, 64, 64))
    state = {"task": task.name, "network": task.network, "arguments": arguments, "settings": {}, "epoch": 0}
    state |= {"normalisation": task.normalisation({}), "best": {}, "seed": seed, "provenance": {"code": "test"}}
    checkpoint.save(path, {**state, "model": model.state_dict()})
    return path


@pytest.fixture
def save_network():
    return saved


@pytest.fixture(scope="session")
def residual_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "residual.pt"
    return saved(ResidualTask(), {"widths": [4, 4, 6], "scale": NOISE, "output_bias": -1.0}, path)


@pytest.fixture(scope="session")
def autoencoder_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "autoencoder.pt"
    arguments = {"tile": 32, "maps": [4, 6], "neurons": 12, "kernel": 3, "output_bias": 0.2}
    return saved(AutoencoderTask(), arguments, path)


@pytest.fixture
def residual(residual_file):
    return Denoiser.load(residual_file, "cpu")


@pytest.fixture
def autoencoder(autoencoder_file):
    return Denoiser.load(autoencoder_file, "cpu")


@pytest.fixture
def image_file(tmp_path):
    """Writes an image, with cards of a header."""

    def write(image, name="image.fits", **cards):
        header = fits.Header({"BUNIT": "Jy/arcsec2", "OBJECT": "toy", **cards})
        fits.PrimaryHDU(image, fits.Header([card for card in header.cards if card.value is not None])).writeto(
            tmp_path / name
        )
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def box() -> Box:
    """A box with a cluster, of which a run takes two seconds."""
    return run_box(BoxSettings(particles=48, mesh=96, seed=3, steps=16))


@pytest.fixture(scope="session")
def sheet(box: Box) -> Sheet:
    """Its emission."""
    return Sheet(light_up(box))
