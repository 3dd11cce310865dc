"""Folders of images: one FITS file each, named by its number among the images of all splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from cubefocus.denoise.image import ImageFile, open_image
from cubefocus.errors import CubefocusError


def image_path(folder: str | Path, number: int, kind: str = "") -> Path:
    """File of an image: ``<number>.fits``, or ``<number>.<kind>.fits`` for what else is known of it."""
    return Path(folder) / f"{number:04d}{f'.{kind}' if kind else ''}.fits"


def numbers_in(folder: str | Path) -> list[int]:
    """Numbers of the images of a folder, in their order.

    Raises
    ------
    CubefocusError
        If there are none.
    """
    found = sorted(int(path.stem) for path in Path(folder).glob("[0-9]*.fits") if path.stem.isdigit())
    if not found:
        raise CubefocusError(f"{folder}: holds no images; let Snakemake make it again")
    return found


def read_image(path: str | Path) -> np.ndarray:
    """An image as a whole, float32 (y, x) in Jy/arcsec^2.

    Raises
    ------
    CubefocusError
        As `cubefocus.denoise.image.open_image`.
    """
    return _whole(open_image(path))


def read_probability(path: str | Path) -> np.ndarray:
    """Probability of diffuse emission in each pixel, (y, x), as `cubefocus.denoise.apply` writes it.

    Raises
    ------
    CubefocusError
        As `cubefocus.denoise.image.open_image`.
    """
    return _whole(open_image(path, plain=True))


def _whole(image: ImageFile) -> np.ndarray:
    n_y, n_x = image.shape
    return image.read((0, n_y), (0, n_x))


def read_images(folders: Iterable[str | Path]) -> Iterator[tuple[int, np.ndarray]]:
    """Number and image, (y, x) in Jy/arcsec^2, of each file of some folders.

    Raises
    ------
    CubefocusError
        If a file cannot be read, or a folder has none.
    """
    for folder in folders:
        for number in numbers_in(folder):
            yield number, read_image(image_path(folder, number))
