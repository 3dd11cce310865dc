"""The chain with real, untrained networks of a bundle."""

import numpy as np
import pytest
from bundles import with_joint_shapes

from cubefocus.alma.chain import Chain
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.predict import Trained
from cubefocus.specs import chain_among


def test_networks_know_their_sizes_and_run_on_any_cube(checkpoints, scene, source):
    one = scene([source(40, 30, 10)], n_pixels=70, n_channels=24)
    # Untrained maps hover about a half: everything is one blob, which still has to go through all steps.
    chain = Chain.load(Bundle.from_checkpoints(checkpoints, {"blobs": {"threshold": 0.4}}))
    assert (chain.image_size, chain.n_channels) == (32, 16)
    fields = chain.find_blobs([one.cube])
    assert fields[0].probability.shape == (70, 70)
    assert fields[0].probability.std() > 0
    spectra = chain.predict_spectra(np.zeros((3, 16)))
    assert spectra.shape == (3, 16)
    assert len(chain.detect([one.cube]).candidates) > 0


def test_a_chain_with_one_network_for_all_shapes_asks_it_once(checkpoints, monkeypatch):
    bundle = Bundle.from_checkpoints(with_joint_shapes(checkpoints), {})
    bundle.require(chain_among(bundle.networks))
    asked = []
    predict = Trained.predict
    monkeypatch.setattr(Trained, "predict", lambda *given: asked.append(given[0].task.name) or predict(*given))
    joint, separate = Chain.load(bundle), Chain.load(Bundle.from_checkpoints(checkpoints, {}))
    images = np.random.default_rng(1).normal(size=(5, 64, 64)).astype(np.float32)
    said = {name: joint.predict_parameters(name, images) for name in ("sigma_x", "sigma_y", "pa", "flux")}
    assert asked == ["shape", "flux"]
    assert said["sigma_x"] == pytest.approx(separate.predict_parameters("sigma_x", images), abs=1e-5)
    assert not np.array_equal(joint.predict_parameters("sigma_x", images[::-1]), said["sigma_x"])


def test_network_that_is_missing_is_named_when_its_step_comes(checkpoints, scene, source):
    del checkpoints["deep_gru"]
    one = scene([source(40, 30, 10)], n_pixels=70, n_channels=24)
    chain = Chain.load(Bundle.from_checkpoints(checkpoints, {"blobs": {"threshold": 0.4}}))
    fields = chain.find_blobs([one.cube])
    with pytest.raises(CubefocusError, match="has no trained deep_gru"):
        chain.find_lines(fields)
