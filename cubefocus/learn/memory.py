"""Memory that a training gives free and needs again at the next step."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # of malloc.h
LARGEST_THRESHOLD = 32 * 2**20  # bytes; what the GNU C library arrives at by itself for arrays of many MB
DEFAULT_MMAP_MAX = 65536


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep what is freed inside, and give it back at the end.

    Left to itself, it returns large arrays to the system at once, which clears every page of them again when the next
    step asks for them: on a CPU, some 40 000 pages in a step of Blobs Finder (``benchmarks/results/memory.md``). Does
    nothing where the C library is not GNU's.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(MMAP_MAX, 0)
    library.mallopt(TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        library.mallopt(MMAP_MAX, DEFAULT_MMAP_MAX)
        library.mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD)
        library.mallopt(TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
        library.malloc_trim(0)
