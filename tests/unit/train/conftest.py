"""Fixtures of the training tests."""

import pytest
import torch
from train_products import make_products

SMALL = {
    "image_size": 32,
    "blobs_finder": {"latent": 32},
    "deep_gru": {"hidden": 8},
    "resnet": {"widths": [4, 8, 8, 16]},
}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def products():
    return make_products


@pytest.fixture
def small_models():
    return SMALL
