"""Steps 7-8: 3D model, line image, flux and continuum (MNRAS 4.4 v-vi, Eq. 19)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cubefocus.alma.candidate import Candidate, Field
from cubefocus.alma.morphology import PredictParameter
from cubefocus.cube.cutouts import channel_slice, clip_box, continuum_trend, line_free, line_image

DISAGREES_SIGMA = 5.0
DISAGREES_SHARE = 0.5
"""A flux that is off from the sum of its voxels by more than so many standard errors of the noise, and by more than
this share of the sum, is flagged: 3 in 100 of the demo's sources are, whose networks were trained on such cubes."""


def cut_line_images(field: Field, dilation: float, size: int) -> np.ndarray:
    """Line image of each live candidate, shape (n, size, size), Jy/beam x channel.

    Its mask is the candidate's 3D Gaussian model, dilated; f(z) is fitted to its dirty spectrum outside all of the
    line ranges that were found in it.
    """
    images = np.zeros((len(field.alive), size, size), dtype=np.float32)
    for row, candidate in enumerate(field.alive):
        assert candidate.line is not None
        assert candidate.spectrum is not None
        value = candidate.measured
        trend = continuum_trend(candidate.spectrum, candidate.ranges)
        shape = (value["sigma_x"], value["sigma_y"], value["pa"])
        place = (value["x"], value["y"])
        images[row] = line_image(field.cube.data, place, candidate.line.range, shape, trend, dilation, size)
        candidate.line_image = images[row]
    return images


def measure_fluxes(candidates: Sequence[Candidate], images: np.ndarray, predict: PredictParameter) -> None:
    """Let the network say the flux of each line image: ``flux_line``, Jy/beam summed over box and line range."""
    if len(candidates) == 0:
        return
    for candidate, value in zip(candidates, np.asarray(predict("flux", images)).reshape(-1), strict=True):
        candidate.measured["flux_line"] = float(value)


def measure_continuum(field: Field, candidate: Candidate) -> None:
    """Continuum, peak, total flux and their errors, as the truth table defines them.

    ``continuum`` is the mean of the voxels in the box outside the line range (Jy/beam); ``peak`` the highest voxel in
    box and line range, ``snr`` that over the noise of a voxel; ``flux`` is ``flux_line`` plus the continuum times the
    number of voxels in box and line range.
    The noise of the box-summed spectrum about a straight line, outside all lines, gives the errors; it holds the
    correlation of the pixels. The error of the network is not in them: where ``flux`` is far from the sum of the
    voxels that it estimates, as on cubes unlike those of the training, the flag ``flux_disagrees`` says so.
    """
    assert candidate.line is not None
    assert candidate.spectrum is not None
    value, n_channels = candidate.measured, field.n_channels
    x0, y0, x1, y1 = clip_box(np.array(candidate.box), field.integrated.shape)
    channels = channel_slice(*candidate.line.range, n_channels)
    n_pixels = int(np.isfinite(field.integrated[y0:y1, x0:x1]).sum())
    n_line = channels.stop - channels.start
    free = line_free(np.array([candidate.line.range]), n_channels) & np.isfinite(candidate.spectrum)
    voxels = field.cube.data[channels, y0:y1, x0:x1]
    held = np.isfinite(voxels)
    value["peak"] = float(voxels[held].max()) if held.any() else math.nan
    value["snr"] = value["peak"] / field.voxel_rms if field.voxel_rms > 0 else math.inf
    if not free.any():
        candidate.flags.add("no_continuum_channels")
    mean = float(candidate.spectrum[free].mean()) if free.any() else math.nan
    value["continuum"] = mean / n_pixels
    value["flux"] = value["flux_line"] + (mean * n_line if free.any() else 0.0)
    rms = spectrum_rms(candidate.spectrum, candidate.ranges)
    continuum_part = n_line / math.sqrt(free.sum()) if free.any() else 0.0
    if _disagrees(value["flux"], candidate.spectrum[channels], rms * math.sqrt(n_line)):
        candidate.flags.add("flux_disagrees")
    value["flux_err"] = rms * math.sqrt(n_line)
    value["flux_line_err"] = rms * math.hypot(math.sqrt(n_line), continuum_part)
    value["continuum_err"] = rms / math.sqrt(free.sum()) / n_pixels if free.any() else math.nan


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
