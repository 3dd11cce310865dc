"""Memory that is kept between the steps of a training."""

import platform
import resource

import pytest
import torch

from cubefocus.learn.memory import kept_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
SIZE = 48 * 2**20  # bytes; larger than what the C library ever keeps by itself


def new_pages(steps):
    """Pages that the system clears for arrays that come and go."""
    for _ in range(8):  # the first ones lay out the memory
        torch.ones(SIZE // 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.ones(SIZE // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


def test_arrays_find_the_memory_of_the_step_before_and_give_it_back_at_the_end():
    free = new_pages(5)
    before = resident()
    with kept_memory():
        kept = new_pages(5)
        assert resident() > before + SIZE / 2
    assert resident() < before + SIZE / 2
    assert free > 5 * SIZE / resource.getpagesize() / 2
    assert kept < free / 10


def test_memory_is_given_back_after_an_error_too():
    before = resident()

    def step():
        torch.ones(SIZE // 4)
        raise RuntimeError("in a step")

    with pytest.raises(RuntimeError, match="in a step"), kept_memory():
        step()
    assert resident() < before + SIZE / 2
