"""Smooth and clip, the finder of SoFiA for lines in cubes, with its linker and its reliability.

Written from the descriptions: Serra, Jurek & Floer 2012 (PASA 29, 296), Serra et al. 2015 (MNRAS 448, 1922), Westmeier
et al. 2021 (MNRAS 506, 3962). The cube is smoothed with every pair of a kernel in the image and one along the spectrum,
and what is above a threshold in units of the noise of the smoothed cube, positive or negative, is detected. Detected
voxels are linked to sources, and the negative sources say which of the positive ones are reliable.

With ``kernel: boxcar`` the masks are those of SoFiA-2.2.1 but for one voxel in six thousand of a mask; with the
Gaussian they have 92 to 97 % in common. The Gaussian is what the publications describe, and as wide as it is said to
be: it is the default, and the boxcars are those of `SOFIA_DEFAULTS`. The linker is SoFiA-2's in both.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import COLUMNS, Parameters, parameter
from cubefocus.find.linker import Detections, link, measure
from cubefocus.find.reliability import features, reliability
from cubefocus.find.smoothing import KERNELS, noise, smooth
from cubefocus.tables.columns import LINE_RANGE, dtypes

logger = logging.getLogger(__name__)

LINE_COLUMNS = dtypes("z", *LINE_RANGE)
OWN_COLUMNS = dtypes("n_voxels", "snr_sum", "reliability")

# As MNRAS 518, 3407 (Sec. 5.1) used SoFiA-2, which has defaults for what is not said there.
PARAMETERS: dict[str, Any] = {
    "kernels_xy": (0, 3, 5, 7, 9, 11),  # FWHM of the Gaussians in pixels; 0 does not smooth
    "kernels_z": (0, 3, 5, 7, 9, 11),  # widths of the boxcars in channels, odd; 0 does not smooth
    "kernel": "gaussian",  # in the image; or boxcar, a few passes of which stand for each Gaussian in SoFiA-2
    "threshold": 5.0,  # of detection, in units of the noise of each smoothed cube
    "replacement": 2.0,  # what detected voxels count as in the next smoothing, in units of the noise
    "radius_xy": 1,  # of the linker's ellipsoid, pixels
    "radius_z": 1,  # of the linker's ellipsoid, channels
    "min_size_xy": 5,  # smallest source in x and in y, pixels
    "min_size_z": 5,  # smallest source, channels
    "reliability": 0.9,  # least reliability; 0 keeps all positive detections
    "scale_kernel": 0.4,  # width of the reliability's kernel in units of the spread of the negative detections
    "min_snr": 2.0,  # sources with less, summed, are not reliable; without a say if reliability is 0
    "beam_area": 1.0,  # pixels; voxels within a beam share their noise, which lowers the summed SNR
    "region": 256,  # side of the square in the middle that is searched, pixels; 0 is all
    "scale_noise": False,  # divide each channel by its own noise first
    "subtract_continuum": False,  # subtract the median over the channels from each pixel first
}
SOFIA_DEFAULTS: dict[str, Any] = PARAMETERS | {
    "kernels_xy": (0, 3, 6),
    "kernels_z": (0, 3, 7, 15),
    "kernel": "boxcar",
    "reliability": 0.0,
    "min_snr": 3.0,
    "region": 0,
}
# MNRAS gives 0.5 as the threshold, at which pure noise is one source; so what is searched goes up to values that keep
# the sources of a cube apart that are much brighter. It comes first: `GridFinder` smooths again where it changes.
# With the continuum, which MNRAS did not subtract, a line's range is the whole band: both are tried.
GRID: dict[str, tuple[Any, ...]] = {
    "subtract_continuum": (False, True),
    "threshold": (4.0, 6.0, 10.0, 20.0),
    "radius_xy": (1, 3, 5),
    "radius_z": (1, 3, 5),
}
DEFAULTS_GRID: dict[str, tuple[Any, ...]] = {"threshold": (SOFIA_DEFAULTS["threshold"],)}  # nothing is chosen
NOT_SMOOTHING = (
    "radius_xy", "radius_z", "min_size_xy", "min_size_z", "reliability", "scale_kernel", "min_snr", "beam_area",
)  # fmt: skip


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Find the sources of a cube.

    Parameters
    ----------
    image : ndarray, shape (channel, y, x)
        Dirty cube, with its continuum. Voxels that are not finite, or exactly 0, are no data.
    parameters : mapping
        Those of `PARAMETERS` that differ from it.

    Returns
    -------
    astropy.table.Table
        As `cubefocus.find.interface.Finder` says, one row a source: box, centre x y z, line range z0 z1 (channels: from
        half a channel before the first one to half a channel behind the last one), peak and flux in the unit of the
        cube, snr (peak over noise), snr_sum (flux over noise times sqrt(n_voxels beam_area)), n_voxels, reliability.

    Raises
    ------
    CubefocusError
        If a parameter is not known or out of range, or the cube has not three axes or no noise to measure.
    """
    settings = checked(parameters)
    return _sources(image, smooth_and_clip(image, settings), settings)[0]


def find_with_defaults(image: np.ndarray, parameters: Parameters) -> Table:
    """`find` with the defaults of SoFiA-2 in the place of what MNRAS gives, and `parameters` over these."""
    return find(image, SOFIA_DEFAULTS | dict(parameters))


def masks(image: np.ndarray, parameters: Parameters = PARAMETERS) -> np.ndarray:
    """Voxels of the sources that `find` finds, int32, shape (channel, y, x): 0, or 1 + row of its table."""
    settings = checked(parameters)
    _, labels, rows = _sources(image, smooth_and_clip(image, settings), settings)
    numbers = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int32)
    numbers[rows + 1] = np.arange(1, len(rows) + 1)
    result = np.zeros(image.shape, dtype=np.int32)
    result[region(image, settings)] = numbers[labels]
    return result


class GridFinder:
    """`find` for a grid search: keeps what was detected in each cube, one bit a voxel, and smooths a cube again only
    after a parameter changed that the smoothing depends on."""

    def __init__(self) -> None:
        self._smoothing: dict[str, Any] = {}
        self._kept: dict[bytes, np.ndarray] = {}

    def __call__(self, image: np.ndarray, parameters: Parameters) -> Table:
        settings = checked(parameters)
        smoothing = {name: value for name, value in settings.items() if name not in NOT_SMOOTHING}
        if smoothing != self._smoothing:
            self._smoothing, self._kept = smoothing, {}
        key = hashlib.blake2b(np.ascontiguousarray(image).data).digest()
        shape = image[region(image, settings)].shape
        if key not in self._kept:
            self._kept[key] = np.packbits(smooth_and_clip(image, settings))
        found = np.unpackbits(self._kept[key], count=int(np.prod(shape))).astype(bool).reshape(shape)
        return _sources(image, found, settings)[0]


def checked(parameters: Parameters) -> dict[str, Any]:
    """All parameters, those that are given and the rest from `PARAMETERS`.

    Raises
    ------
    CubefocusError
        If one is not known or out of range.
    """
    unknown = sorted(set(parameters) - set(PARAMETERS))
    if unknown:
        raise CubefocusError(f"smooth_and_clip has no parameter {unknown[0]!r}; it has {', '.join(PARAMETERS)}")
    settings = PARAMETERS | dict(parameters)
    lows = {"radius_xy": 1, "radius_z": 1, "beam_area": 1.0, "scale_kernel": 1e-3}
    for name, default in PARAMETERS.items():
        if isinstance(default, tuple):
            settings[name] = _kernels(name, settings[name])
        elif isinstance(default, bool):
            settings[name] = bool(settings[name])
        elif isinstance(default, str):
            if settings[name] not in KERNELS:
                raise CubefocusError(f"{name} of smooth_and_clip is {settings[name]!r}; give {' or '.join(KERNELS)}")
        else:
            settings[name] = type(default)(parameter(settings, name, default, lows.get(name, 0)))
    return settings


def _kernels(name: str, widths: Any) -> tuple[float, ...]:
    def fits(width: Any) -> bool:
        number = isinstance(width, int | float | np.number) and width >= 0
        return bool(number and (name == "kernels_xy" or width == 0 or width % 2 == 1))

    if not isinstance(widths, list | tuple) or not widths or not all(map(fits, widths)):
        rule = "0 or a width in pixels" if name == "kernels_xy" else "0 or an odd number of channels"
        raise CubefocusError(f"parameter {name!r} of the finder is {widths!r}; give a list, each {rule}")
    return tuple(map(float, widths))


def smooth_and_clip(image: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Detect voxels at every scale.

    Before each smoothing what is detected so far is replaced by `replacement` times the noise, with its sign, so that
    a bright source does not grow with the kernels (Serra et al. 2015).

    Parameters
    ----------
    image : ndarray, shape (channel, y, x)
    settings : mapping
        As made by `checked`.

    Returns
    -------
    ndarray of bool, shape (channel, region, region)

    Raises
    ------
    CubefocusError
        If the cube has not three axes or no noise.
    """
    cube = _normalised(image, settings)[1]
    held, scratch = cube.copy(), (np.empty_like(cube), np.empty_like(cube))
    blank, detected, above = cube == 0, np.zeros(cube.shape, dtype=bool), np.empty(cube.shape, dtype=bool)
    replacement = np.copysign(np.float32(settings["replacement"] * noise(cube)), cube)
    for fwhm_xy, width_z in itertools.product(settings["kernels_xy"], settings["kernels_z"]):
        smoothed = smooth(held, fwhm_xy, width_z, scratch, settings["kernel"])
        np.copyto(smoothed, 0.0, where=blank)  # what is smoothed into them is neither noise nor source
        limit = np.float32(settings["threshold"] * noise(smoothed))
        detected |= np.greater(smoothed, limit, out=above)
        detected |= np.less(smoothed, -limit, out=above)
        np.copyto(held, replacement, where=detected)
    return detected


def region(image: np.ndarray, settings: Mapping[str, Any]) -> tuple[slice, ...]:
    """Slices (channel, y, x) of what is searched: all channels of the square in the middle."""
    if image.ndim != 3:
        raise CubefocusError(f"the finder needs a cube (channel, y, x); the data have {image.ndim} axes")
    sizes = [min(settings["region"] or n, n) for n in image.shape[1:]]
    starts = [(n - size) // 2 for n, size in zip(image.shape[1:], sizes, strict=True)]
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    return slice(0, len(image)), *map(slice, starts, ends)


def _normalised(image: np.ndarray, settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The region that is searched, float32, 0 where there are no data: in its unit, and as its noise is scaled."""
    cube = np.array(image[region(image, settings)], dtype=np.float32)
    blank = ~np.isfinite(cube)
    cube[blank] = 0.0
    if settings["subtract_continuum"]:
        cube -= np.ma.median(np.ma.array(cube, mask=blank), axis=0).filled(0.0).astype(np.float32)
        cube[blank] = 0.0
    if not settings["scale_noise"]:
        return cube, cube
    scaled = cube.copy()
    for channel in scaled:
        if channel.any():
            channel /= noise(channel)
    return cube, scaled


def _sources(image: np.ndarray, found: np.ndarray, settings: Mapping[str, Any]) -> tuple[Table, np.ndarray, np.ndarray]:
    """Table of the reliable sources, labels of all detections in the region, and which of them are in the table."""
    labels = link(found, settings["radius_xy"], settings["radius_z"])
    cube, scaled = _normalised(image, settings)
    level, seen = noise(scaled), measure(scaled, labels)
    large = (seen.size >= [settings[f"min_size_{axis}"] for axis in ("z", "xy", "xy")]).all(axis=1)
    positive, negative = (np.flatnonzero(large & (sign * seen.total > 0)) for sign in (1, -1))
    snr_sum = seen.total / (level * np.sqrt(seen.n_voxels * settings["beam_area"]))
    space = [features(seen, rows, level) for rows in (positive, negative)]
    score = reliability(space[0], space[1], settings["scale_kernel"])
    score[snr_sum[positive] < settings["min_snr"]] = 0.0
    good = score >= settings["reliability"]
    logger.debug("%d positive and %d negative detections, %d reliable", len(positive), len(negative), good.sum())
    rows = positive[good]
    own = {"snr": seen.peak[rows] / level, "snr_sum": snr_sum[rows], "reliability": score[good]}
    table = _table(seen if scaled is cube else measure(cube, labels), rows, region(image, settings), own)
    return table, labels, rows


def _table(seen: Detections, rows: np.ndarray, where: tuple[slice, ...], own: Mapping[str, np.ndarray]) -> Table:
    top, left = where[1].start, where[2].start
    first, stop, (z, y, x) = seen.first[rows], seen.last[rows] + 1, seen.centre[rows].T
    values = {"x0": first[:, 2] + left, "y0": first[:, 1] + top, "x1": stop[:, 2] + left, "y1": stop[:, 1] + top}
    values |= {"x": x + left, "y": y + top, "peak": seen.peak[rows], "flux": seen.total[rows]}
    values |= {"z": z, "z0": first[:, 0] - 0.5, "z1": stop[:, 0] - 0.5, "n_voxels": seen.n_voxels[rows], **own}
    return Table({name: values[name].astype(kind) for name, kind in (COLUMNS | LINE_COLUMNS | OWN_COLUMNS).items()})
