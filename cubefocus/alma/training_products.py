"""Training products: what one batch of cubes yields for the networks, in one HDF5 file.

Datasets: ``images/{dirty,sky}`` (cube, y, x); ``spectra/{dirty,sky}`` (source, channel); ``focused`` and
``line_images`` (source, 64, 64); ``targets/*`` (source,); ``index/{cube_id,source_id}`` (source,). A file may
hold some of them only: the products cut out with predicted parameters serve one network each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.table import Table

from cubefocus.cube import cutouts
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.provenance import decode

TARGETS = ("sigma_x", "sigma_y", "pa", "flux_line")
Products = dict[str, np.ndarray]


def boxes_of(table: Table) -> np.ndarray:
    """Boxes of a catalogue as an array of int of shape (n, 4): x0, y0, x1, y1, half-open."""
    return np.stack([np.asarray(table[name], dtype=int) for name in ("x0", "y0", "x1", "y1")], axis=1)


def ranges_of(table: Table) -> np.ndarray:
    """Line ranges of a catalogue as an array of shape (n, 2): z0, z1 in channels."""
    return np.stack([np.asarray(table[name], dtype=float) for name in ("z0", "z1")], axis=1)


def box_centres(boxes: np.ndarray) -> np.ndarray:
    """Centres (x, y) of half-open boxes in pixels, shape (n, 2)."""
    return 0.5 * (boxes[:, :2] + boxes[:, 2:] - 1)


def true_products(dirty: np.ndarray, sky: np.ndarray, truth: Table, dilation: float, size: int) -> Products:
    """Cut out of one cube what the networks learn from, with the true parameters (MNRAS 4.5).

    Parameters
    ----------
    dirty, sky : ndarray, shape (channel, y, x)
        Jy/beam and Jy/pixel.
    truth : Table
        The rows of this cube in the truth table.
    dilation : float
        Factor on the extents of the source masks.
    size : int
        Side of focused and line images in pixels.
    """
    boxes, ranges = boxes_of(truth), ranges_of(truth)
    spectra = cutouts.box_spectra(dirty, boxes)
    lines = line_images(dirty, truth, spectra, dilation, size) if len(truth) else np.zeros((0, size, size))
    return {
        "images/dirty": cutouts.integrate(dirty)[np.newaxis],
        "images/sky": cutouts.integrate(sky)[np.newaxis],
        "spectra/dirty": spectra,
        "spectra/sky": cutouts.box_spectra(sky, boxes),
        "focused": focused_images(dirty, box_centres(boxes), ranges, size),
        "line_images": np.asarray(lines, dtype=np.float32),
        **labels(truth),
    }


def focused_images(dirty: np.ndarray, centres: np.ndarray, ranges: np.ndarray, size: int) -> np.ndarray:
    """Focused image of each source, shape (n, size, size), around ``centres`` (n, 2) over ``ranges`` (n, 2)."""
    images = [cutouts.focus(dirty, x, y, z0, z1, size) for (x, y), (z0, z1) in zip(centres, ranges, strict=True)]
    return np.array(images, dtype=np.float32).reshape(-1, size, size)


def line_images(dirty: np.ndarray, sources: Table, spectra: np.ndarray, dilation: float, size: int) -> np.ndarray:
    """Line image of each row of a catalogue, shape (n, size, size), given its dirty spectrum (n, channel)."""
    images = []
    for row, spectrum, limits in zip(sources, spectra, ranges_of(sources), strict=True):
        trend = cutouts.continuum_trend(spectrum, limits[np.newaxis])
        shape = (float(row["sigma_x"]), float(row["sigma_y"]), float(row["pa"]))
        images.append(
            cutouts.line_image(dirty, (row["x"], row["y"]), (limits[0], limits[1]), shape, trend, dilation, size)
        )
    return np.array(images, dtype=np.float32).reshape(-1, size, size)


def labels(truth: Table) -> Products:
    """Targets and identity of each source of a truth table."""
    targets = {f"targets/{name}": np.asarray(truth[name], dtype=np.float32) for name in TARGETS}
    index = {f"index/{name}": np.asarray(truth[name], dtype=np.int64) for name in ("cube_id", "source_id")}
    return targets | index


def concatenate(parts: Iterable[Products]) -> Products:
    """Join the products of several cubes or files along their first axis."""
    parts = list(parts)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def write_products(path: str | Path, products: Mapping[str, np.ndarray], provenance: Mapping[str, Any]) -> None:
    """Write products as HDF5, with the provenance as JSON in the attribute ``provenance``."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        for key, value in products.items():
            file.create_dataset(key, data=value, compression="gzip" if value.size else None, shuffle=bool(value.size))


def products_provenance(path: str | Path) -> dict[str, Any]:
    """Read the provenance of an HDF5 file of this program, whatever it holds; errors as `load_products`."""
    with _opened(Path(path)) as file:
        return decode(file.attrs.get("provenance"), path)


def join_products(paths: Iterable[str | Path]) -> Products:
    """Read all datasets of several product files that hold the same ones, and join them; errors as `load_products`."""
    paths = [Path(path) for path in paths]
    return load_products(paths, _names(Path(paths[0])))


def load_products(paths: Iterable[str | Path], keys: Iterable[str]) -> Products:
    """Read some datasets of several product files and join them.

    Parameters
    ----------
    paths : iterable of path
    keys : iterable of str
        Names of datasets, such as ``spectra/dirty``.

    Returns
    -------
    dict of ndarray

    Raises
    ------
    CubefocusError
        If a file is absent, damaged, or lacks one of the datasets.
    """
    keys = list(keys)
    parts = [_load(Path(path), keys) for path in paths]
    if not parts:
        raise CubefocusError("no product files were given to load")
    return concatenate(parts)


def integrated_images(paths: Iterable[str | Path], kind: str) -> dict[int, np.ndarray]:
    """Integrated images of some product files by cube id; ``kind`` is ``dirty`` or ``sky``."""
    products = load_products(paths, (f"images/{kind}", "images/cube_id"))
    return dict(zip(products["images/cube_id"].tolist(), products[f"images/{kind}"], strict=True))


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.is_file():
        raise CubefocusError(f"{path}: no such product file; run the rule that makes it")
    try:
        with h5py.File(path) as file:
            yield file
    except OSError as error:
        raise CubefocusError(f"{path}: truncated or damaged HDF5 ({error}); delete it and run again") from error


def _names(path: Path) -> list[str]:
    names: list[str] = []
    with _opened(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _load(path: Path, keys: list[str]) -> Products:
    with _opened(path) as file:
        missing = [key for key in keys if key not in file]
        if missing:
            raise CubefocusError(f"{path}: has no dataset {', '.join(missing)}; delete it and make it again")
        return {key: file[key][()] for key in keys}
