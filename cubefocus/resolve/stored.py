"""HDF5 files of the study: the header of an image, plain facts, and arrays, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from astropy.io import fits

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path


@contextmanager
def writing(path: str | Path, header: fits.Header, facts: Mapping[str, Any]) -> Iterator[h5py.File]:
    """Give a file with header and facts to put arrays into; it takes its name when the block ends without an error."""
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["header"] = header.tostring()
        for key, value in facts.items():
            file.attrs[key] = value
        yield file


@contextmanager
def reading(path: str | Path, what: str) -> Iterator[tuple[h5py.File, fits.Header, dict[str, Any]]]:
    """Give a file that `writing` wrote, its header and its facts.

    Raises
    ------
    CubefocusError
        If it is not there, not whole, or not what it should be.
    """
    try:
        with h5py.File(path, "r") as file:
            facts = dict(file.attrs)
            yield file, fits.Header.fromstring(facts.pop("header")), facts
    except (OSError, KeyError, TypeError) as error:
        raise CubefocusError(f"{path}: not {what} ({error}); make it again") from error


def plain_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What of a provenance can be told as an attribute: texts and numbers."""
    return {key: value for key, value in provenance.items() if isinstance(value, str | int | float)}
