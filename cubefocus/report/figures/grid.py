"""What figures of images on common grids share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cubefocus.errors import CubefocusError


def no_boxes() -> np.ndarray:
    """No boxes, shape (0, 4)."""
    return np.empty((0, 4))


def label_row(row: np.ndarray, title: str) -> None:
    """Label a row of images at its left end only."""
    row[0].set_ylabel(f"{title}$y$ (px)")
    for axis in row[1:]:
        axis.tick_params(labelleft=False)


def check_shapes(title: str, images: Mapping[str, np.ndarray]) -> None:
    """Refuse images of one cube that are not of one shape (y, x)."""
    shapes = {name: image.shape for name, image in images.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise CubefocusError(f"{title}: images of different shapes or not (y, x): {told}; give them on one grid")


def scaled(image: np.ndarray) -> np.ndarray:
    """An image over its own range; NaN stays NaN and is drawn blank."""
    finite = image[np.isfinite(image)]
    if finite.size == 0 or finite.max() == finite.min():
        return np.zeros_like(image, dtype=float)
    return (image - finite.min()) / (finite.max() - finite.min())


def refuse_none(panels: Sequence[object]) -> None:
    """Refuse to draw a figure of no cube."""
    if not panels:
        raise CubefocusError("no cubes to draw; choose at least one")
