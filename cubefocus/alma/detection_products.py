"""Images and spectra of detected sources in one HDF5 file a batch, one group a cube."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cubefocus.alma.searched import Searched
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path


def source_products(searched: Searched) -> dict[str, np.ndarray]:
    """Arrays of one cube, sources in the order of the catalogue.

    Returns
    -------
    dict of ndarray
        ``integrated`` (y, x) with NaN where there is no data, ``probability`` (y, x), ``spectra/dirty`` (NaN in blank
        channels) and ``spectra/clean`` (n, channel), ``focused`` and ``line_images`` (n, size, size),
        ``index/source_id`` (n,).
    """
    chosen = searched.catalogued
    arrays = {"integrated": searched.integrated, "probability": searched.probability}
    if chosen:
        arrays |= {
            "spectra/dirty": np.stack([one.cut.spectrum for one in chosen]),
            "spectra/clean": np.stack([one.part.peaks.clean for one in chosen]),
            "focused": np.stack([one.cut.focused for one in chosen]),
            "line_images": np.stack([one.line_image for one in chosen]),
        }
    return arrays | {"index/source_id": np.arange(len(chosen), dtype=np.int64)}


def write_detection_products(
    path: str | Path, products: Iterable[tuple[int, Mapping[str, np.ndarray]]], provenance: Mapping[str, Any]
) -> None:
    """Write `source_products` of each cube to the group named by its cube id; provenance is an attribute (JSON).

    Cubes and their products are taken one by one, so that those of a large batch need not be in memory together.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        for cube_id, arrays in products:
            group = file.create_group(f"{cube_id:06d}")
            for key, value in arrays.items():
                options = {"compression": "gzip", "shuffle": True} if value.size else {}
                group.create_dataset(key, data=value, **options)


def read_probability(paths: Iterable[str | Path]) -> dict[int, np.ndarray]:
    """Read the maps of Blobs Finder, shape (y, x), by cube id.

    Raises
    ------
    CubefocusError
        If a file is truncated or damaged.
    """
    maps: dict[int, np.ndarray] = {}
    for path in paths:
        try:
            with h5py.File(path) as file:
                maps |= {int(cube): group["probability"][()] for cube, group in file.items()}
        except OSError as error:
            raise CubefocusError(f"{path}: truncated or damaged HDF5 ({error}); delete it and run again") from error
    return maps
