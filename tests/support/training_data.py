"""Small training products and networks."""

import pytest
from train_products import make_products

SMALL = {
    "image_size": 32,
    "blobs_finder": {"variant": "mnras", "latent": 32},
    "deep_gru": {"hidden": 8},
    "resnet": {"widths": [4, 8, 8, 16]},
}


@pytest.fixture
def products():
    return make_products


@pytest.fixture
def small_models():
    return SMALL
