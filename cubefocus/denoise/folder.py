"""Folders of images: one FITS file each, named by its number among the images of all splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits

from cubefocus.denoise.image import open_image
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
    image = open_image(path)
    (n_y, n_x) = image.shape
    return image.read((0, n_y), (0, n_x))


def read_probability(path: str | Path) -> np.ndarray:
    """Probability of diffuse emission in each pixel, (y, x), as `cubefocus.denoise.apply` writes it.

    Raises
    ------
    CubefocusError
        If the file cannot be read.
    """
    try:
        values = fits.getdata(path)
    except (OSError, TypeError, ValueError) as error:
        raise CubefocusError(f"{path}: not a readable FITS file ({error}); make it again") from error
    return np.asarray(values, dtype=np.float32).reshape(values.shape[-2:])


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
