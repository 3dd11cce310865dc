"""A device is taken by its name, or refused in one line."""

import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.learn.distributed import pick_device


def test_cpu_is_always_there():
    assert pick_device("cpu") == torch.device("cpu")


def test_a_name_that_torch_does_not_know_is_refused():
    with pytest.raises(CubefocusError, match=r"device is 'gpu'.*give auto, cpu or cuda"):
        pick_device("gpu")
