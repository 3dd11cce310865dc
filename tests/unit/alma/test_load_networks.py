"""The chain with real, untrained networks read from checkpoints."""

import numpy as np
import pytest

from cubefocus.alma.chain import Chain
from cubefocus.errors import CubefocusError

torch = pytest.importorskip("torch")


@pytest.fixture
def models(tmp_path):
    """Folder of untrained networks for 32 px images and 16 channels."""
    from cubefocus.learn.checkpoint import save
    from cubefocus.networks import BlobsFinder, DeepGRU, ResNet

    torch.manual_seed(0)
    kinds = {"blobs_finder": (BlobsFinder, {"image_size": 32, "latent": 8}), "deep_gru": (DeepGRU, {"n_channels": 16})}
    kinds |= {name: (ResNet, {}) for name in ("sigma_x", "sigma_y", "pa", "flux")}
    for name, (kind, arguments) in kinds.items():
        described = {"task": name, "network": kind.__name__, "arguments": arguments, "settings": {}, "epoch": 0}
        described |= {"normalisation": {"mean": 4.0, "std": 1.0}, "best": 0.0, "seed": 0, "provenance": {}}
        save(tmp_path / name / "trained.pt", {"model": kind(**arguments).state_dict(), **described})
    return tmp_path


def test_networks_know_their_sizes_and_run_on_any_cube(models, scene, source):
    one = scene([source(40, 30, 10)], n_pixels=70, n_channels=24)
    # Untrained maps hover about a half: everything is one blob, which still has to go through all steps.
    chain = Chain.load(models, {"blobs": {"threshold": 0.4}})
    assert (chain.image_size, chain.n_channels) == (32, 16)
    fields = chain.find_blobs([one.cube])
    assert fields[0].probability.shape == (70, 70)
    assert fields[0].probability.std() > 0
    spectra = chain.predict_spectra(np.zeros((3, 16)))
    assert spectra.shape == (3, 16)
    assert len(chain.detect([one.cube]).candidates) > 0


def test_network_that_is_missing_is_named_when_its_step_comes(models, scene, source):
    (models / "deep_gru" / "trained.pt").unlink()
    one = scene([source(40, 30, 10)], n_pixels=70, n_channels=24)
    chain = Chain.load(models, {"blobs": {"threshold": 0.4}})
    fields = chain.find_blobs([one.cube])
    with pytest.raises(CubefocusError, match="no trained deep_gru"):
        chain.find_lines(fields)
