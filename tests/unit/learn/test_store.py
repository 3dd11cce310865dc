"""A set that does not fit on the device gives the same samples as one that does."""

import numpy as np
import pytest
import torch

from cubefocus.learn.store import Store

CPU = torch.device("cpu")


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    return {"images": rng.normal(size=(10, 4, 4)).astype(np.float32), "targets": np.arange(10, dtype=np.float32)}


@pytest.mark.parametrize(("share", "near"), [(0.0, 0), (0.35, 3), (0.99, 9), (1.0, 10), (5.0, 10)])
def test_samples_are_the_same_wherever_they_lie(data, share, near):
    size = sum(array.nbytes for array in data.values())
    whole, parted = (Store(data, list(data), CPU, "set", room) for room in (None, share * size))
    assert parted.n_near == near
    assert parted.digest == whole.digest
    for rows in (torch.arange(10), torch.tensor([9, 0, 3, 3]), torch.tensor([1]), torch.tensor([8, 9])):
        for key, values in parted.take(rows).items():
            assert torch.equal(values, whole.take(rows)[key])
            assert torch.equal(values, torch.from_numpy(data[key])[rows])
