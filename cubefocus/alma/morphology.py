"""Step 6: shapes by the three morphology networks, and positions (MNRAS 4.4 iv)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cubefocus.alma.field import Field
from cubefocus.alma.lines import dirty_spectra
from cubefocus.alma.rows import Cut, Part, Shape
from cubefocus.alma.training_products import focused_images
from cubefocus.specs import SHAPES
from cubefocus.stats.noise import noise_of

PredictParameter = Callable[[str, np.ndarray], np.ndarray]
LEAST_SIGMA = 0.5  # px


def cut(field: Field, parts: Sequence[Part], size: int) -> tuple[Cut, ...]:
    """Cut out spectrum and focused image (size, size) of each part that is still there.

    The spectrum is summed over its box, which deblending may have changed; the image, Jy/beam x channel, is taken
    around the centre of the box.
    """
    chosen = [part for part in parts if part.alive]
    centres = np.array([part.box_centre for part in chosen]).reshape(-1, 2)
    ranges = np.array([part.line.range for part in chosen]).reshape(-1, 2)
    images = focused_images(field.cube.data, centres, ranges, size)
    spectra = dirty_spectra(field, [part.box for part in chosen])
    return tuple(Cut(*row) for row in zip(chosen, spectra, images, strict=True))


def measure_shapes(tables: Sequence[Sequence[Cut]], predict: PredictParameter) -> list[tuple[Shape, ...]]:
    """Table of shapes of each field: the networks say sigma_x, sigma_y (px) and pa (deg) of all focused images at once.

    The position is the brightness-weighted centre that blob or deblending found. A network may say a width of no
    extent on a source it never learned; half a pixel is the least that a mask can hold.
    """
    cuts = [cut for table in tables for cut in table]
    if not cuts:
        return [() for _ in tables]
    images = np.array([cut.focused for cut in cuts], dtype=np.float32)
    said = [np.asarray(predict(name, images), dtype=float).reshape(len(cuts)).tolist() for name in SHAPES]
    rows = iter([_shape(cut, *values) for cut, *values in zip(cuts, *said, strict=True)])
    return [tuple(next(rows) for _ in table) for table in tables]


def _shape(cut: Cut, sigma_x: float, sigma_y: float, pa: float) -> Shape:
    at_limit = not (sigma_x > LEAST_SIGMA and sigma_y > LEAST_SIGMA)
    sigma_x, sigma_y = (sigma if sigma > LEAST_SIGMA else LEAST_SIGMA for sigma in (sigma_x, sigma_y))
    return Shape(cut, *cut.part.centre, sigma_x, sigma_y, pa, frozenset({"shape_at_limit"} if at_limit else ()))


def position_errors(field: Field, shape: Shape) -> dict[str, float]:
    """Standard errors of x and y: width of the source over SNR of its peak (Condon 1997, PASP 109, 166, Sec. 4).

    Peak and noise are those of the focused image; the noise is that of the whole plane by its median absolute
    deviation, which the sources in it hardly move.
    """
    part = shape.cut.part
    plane = field.channel_sum(*part.line.range)
    x0, y0, x1, y1 = part.box
    noise, peak = noise_of(plane, "mad"), float(np.nanmax(plane[y0:y1, x0:x1]))
    angle = math.radians(shape.pa)
    along_x = math.hypot(shape.sigma_x * math.cos(angle), shape.sigma_y * math.sin(angle))
    along_y = math.hypot(shape.sigma_x * math.sin(angle), shape.sigma_y * math.cos(angle))
    snr = peak / noise if noise > 0 and peak > 0 else math.nan
    return {"x_err": along_x / snr, "y_err": along_y / snr}
