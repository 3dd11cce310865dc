"""The C library is told to keep memory inside only; what that is worth is measured in benchmarks/memory.py."""

import ctypes
import platform

import pytest

from cubefocus.learn.memory import DEFAULT_MMAP_MAX, MMAP_MAX, kept_memory


class Library:
    """Notes what it is told, as the C library takes it."""

    def __init__(self):
        self.options, self.trimmed = {}, 0

    def mallopt(self, option, value):
        self.options[option] = value
        return 1

    def malloc_trim(self, pad):
        self.trimmed += 1
        return 1


@pytest.fixture
def library(monkeypatch):
    told = Library()
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: told)
    return told


def test_freed_memory_is_kept_inside_and_given_back_at_the_end(library):
    with kept_memory():
        assert (library.options[MMAP_MAX], library.trimmed) == (0, 0)
    assert (library.options[MMAP_MAX], library.trimmed) == (DEFAULT_MMAP_MAX, 1)


def test_it_is_given_back_after_an_error_too(library):
    with pytest.raises(RuntimeError, match="in a step"), kept_memory():
        raise RuntimeError("in a step")
    assert (library.options[MMAP_MAX], library.trimmed) == (DEFAULT_MMAP_MAX, 1)


def test_another_c_library_is_left_alone(library, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with kept_memory():
        pass
    assert (library.options, library.trimmed) == ({}, 0)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
def test_the_library_of_this_machine_takes_what_it_is_told(monkeypatch):
    real, answers = ctypes.CDLL(None), []

    class Listening:
        def mallopt(self, option, value):
            answers.append(real.mallopt(option, value))

        def malloc_trim(self, pad):
            real.malloc_trim(pad)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Listening())
    with kept_memory():
        pass
    assert answers == [1] * len(answers)
    assert len(answers) == 5
