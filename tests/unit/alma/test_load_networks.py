"""The chain with real, untrained networks of a bundle."""

import numpy as np
import pytest

from cubefocus.alma.chain import Chain
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle


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


def test_network_that_is_missing_is_named_when_its_step_comes(checkpoints, scene, source):
    del checkpoints["deep_gru"]
    one = scene([source(40, 30, 10)], n_pixels=70, n_channels=24)
    chain = Chain.load(Bundle.from_checkpoints(checkpoints, {"blobs": {"threshold": 0.4}}))
    fields = chain.find_blobs([one.cube])
    with pytest.raises(CubefocusError, match="has no trained deep_gru"):
        chain.find_lines(fields)
