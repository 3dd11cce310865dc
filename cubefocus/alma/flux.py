"""Steps 7-8: 3D model, line image, flux and continuum (MNRAS 4.4 v-vi, Eq. 19)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cubefocus.alma.field import Field
from cubefocus.alma.morphology import PredictParameter, position_errors
from cubefocus.alma.rows import Flags, Part, Shape, Source
from cubefocus.cube.cutouts import channel_slice, clip_box, continuum_trend, line_free, line_image
from cubefocus.cube.scale import beam_area_px

DISAGREES_SIGMA = 5.0
DISAGREES_SHARE = 0.5
"""A flux that is off from the sum of its voxels by more than so many standard errors of the noise, and by more than
this share of the sum, is flagged: 3 in 100 of the demo's sources are, whose networks were trained on such cubes."""


def line_images(field: Field, shapes: Sequence[Shape], dilation: float, size: int) -> np.ndarray:
    """Line image of each row, shape (n, size, size), Jy/beam x channel.

    Its mask is the source's 3D Gaussian model, dilated; f(z) is fitted to its dirty spectrum outside all of the line
    ranges that were found in it.
    """
    images = np.zeros((len(shapes), size, size), dtype=np.float32)
    for number, shape in enumerate(shapes):
        part = shape.cut.part
        trend = continuum_trend(shape.cut.spectrum, part.ranges)
        model = (shape.sigma_x, shape.sigma_y, shape.pa)
        place = (shape.x, shape.y)
        images[number] = line_image(field.cube.data, place, part.line.range, model, trend, dilation, size)
    return images


def measure_sources(
    fields: Sequence[Field],
    tables: Sequence[Sequence[Shape]],
    images: Sequence[np.ndarray],
    predict: PredictParameter,
) -> list[tuple[Source, ...]]:
    """Table of sources of each field: the network says the flux of all line images at once, the rest is measured.

    Parameters
    ----------
    fields : sequence of Field
    tables : sequence of sequence of Shape
    images : sequence of ndarray, shape (n, size, size)
        `line_images` of each.
    predict : callable
        ``predict("flux", images)``: Jy/beam summed over box and line range.
    """
    if not any(map(len, tables)):
        return [() for _ in tables]
    said = iter(np.asarray(predict("flux", np.concatenate(images))).reshape(-1).tolist())
    return [
        tuple(measure_source(field, *row, next(said)) for row in zip(table, its, strict=True))
        for field, table, its in zip(fields, tables, images, strict=True)
    ]


def measure_source(field: Field, shape: Shape, image: np.ndarray, flux_line: float) -> Source:
    """Continuum, peak, total flux and their errors, as the truth table defines them, and the flags.

    ``continuum`` is the mean of the voxels in the box outside the line range (Jy/beam); ``peak`` the highest voxel in
    box and line range, ``snr`` that over the noise of a voxel; ``flux`` is ``flux_line`` plus the continuum times the
    number of voxels in box and line range.
    The noise of the box-summed spectrum about a straight line, outside all lines, gives the errors; it holds the
    correlation of the pixels. The error of the network is not in them: where ``flux`` is far from the sum of the
    voxels that it estimates, as on cubes unlike those of the training, the flag ``flux_disagrees`` says so.
    """
    if field.is_image:
        return _measure_in_image(field, shape, image)
    part, spectrum = shape.cut.part, shape.cut.spectrum
    x0, y0, x1, y1 = clip_box(np.array(part.box), field.integrated.shape)
    channels = channel_slice(*part.line.range, field.n_channels)
    n_pixels = int(np.isfinite(field.integrated[y0:y1, x0:x1]).sum())
    n_line = channels.stop - channels.start
    free = line_free(np.array([part.line.range]), field.n_channels) & np.isfinite(spectrum)
    voxels = field.cube.data[channels, y0:y1, x0:x1]
    held = np.isfinite(voxels)
    peak = float(voxels[held].max()) if held.any() else math.nan
    mean = float(spectrum[free].mean()) if free.any() else math.nan
    rms = spectrum_rms(spectrum, part.ranges)
    continuum_part = n_line / math.sqrt(free.sum()) if free.any() else 0.0
    values = {
        "flux_line": flux_line,
        "peak": peak,
        "snr": peak / field.voxel_rms if field.voxel_rms > 0 else math.inf,
        "continuum": mean / n_pixels,
        "flux": flux_line + (mean * n_line if free.any() else 0.0),
        "flux_err": rms * math.sqrt(n_line),
        "flux_line_err": rms * math.hypot(math.sqrt(n_line), continuum_part),
        "continuum_err": rms / math.sqrt(free.sum()) / n_pixels if free.any() else math.nan,
    }
    flags = flags_of(field, part)
    if not free.any():
        flags |= {"no_continuum_channels"}
    if _disagrees(values["flux"], spectrum[channels], values["flux_err"]):
        flags |= {"flux_disagrees"}
    return Source(shape, image, values | position_errors(field, shape), flags)


def _measure_in_image(field: Field, shape: Shape, image: np.ndarray) -> Source:
    """Fluxes of a source in an image: ``flux`` is the sum of the pixels of its box, all of it continuum.

    Noise that is correlated over a beam of A pixels adds up to rms sqrt(n A) over n of them, at most to rms n.
    """
    x0, y0, x1, y1 = clip_box(np.array(shape.cut.part.box), field.integrated.shape)
    pixels = field.integrated[y0:y1, x0:x1]
    held = pixels[np.isfinite(pixels)].astype(np.float64)
    peak, rms, number = float(held.max()), field.voxel_rms, len(held)
    total = min(float(number), math.sqrt(number * beam_area_px(field.cube))) * rms
    values = {
        "flux_line": math.nan,
        "flux_line_err": math.nan,
        "peak": peak,
        "snr": peak / rms if rms > 0 else math.inf,
        "continuum": float(held.mean()),
        "continuum_err": total / number,
        "flux": float(held.sum()),
        "flux_err": total,
    }
    flags = flags_of(field, shape.cut.part) - {"line_not_fitted", "at_band_edge"} | {"continuum_image"}
    return Source(shape, image, values | position_errors(field, shape), flags)


def flags_of(field: Field, part: Part) -> Flags:
    """What a user should know of the place of a source in its cube."""
    x0, y0, x1, y1 = part.box
    z0, z1 = part.line.range
    height, width = field.integrated.shape
    around = field.integrated[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
    line = field.cube.data[channel_slice(z0, z1, field.n_channels), y0:y1, x0:x1]
    holds = {
        "at_image_edge": x0 == 0 or y0 == 0 or x1 == width or y1 == height or np.isnan(around).any(),
        "blank_in_line": field.blanks.partial and np.isnan(line[:, field.blanks.pixels[y0:y1, x0:x1]]).any(),
        "at_band_edge": z0 < 0 or z1 > field.n_channels - 1,
        "line_not_fitted": not part.line.fitted and "extended_range" not in part.flags,
    }
    return frozenset(name for name, it_does in holds.items() if it_does)


def _disagrees(flux: float, line: np.ndarray, error: float) -> bool:
    """Whether a flux is far from the sum of its box's spectrum over the line, beyond noise and the network's error."""
    if not np.isfinite(line).any():
        return True
    total = float(np.nanmean(line, dtype=np.float64)) * len(line)
    off = abs(flux - total)
    return off > DISAGREES_SHARE * abs(total) and not off <= DISAGREES_SIGMA * error


def spectrum_rms(spectrum: np.ndarray, ranges: np.ndarray) -> float:
    """Noise of a spectrum: rms about a straight line outside its line ranges; NaN with fewer than 4 such channels."""
    free = np.isfinite(spectrum)  # blank channels say nothing
    if len(ranges):
        free &= line_free(ranges, len(spectrum))
    if free.sum() < 4:
        return math.nan
    channels = np.flatnonzero(free).astype(float)
    design = np.stack([np.ones_like(channels), channels], axis=1)
    values = spectrum[free].astype(float)
    residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(np.sqrt((residual**2).sum() / (len(values) - 2)))
