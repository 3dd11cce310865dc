"""Noise of a dirty cube: what CASA put in, and the white noise that brings the central source to a target SNR.

The signal-to-noise ratio of a cube is the peak of its central source on the integrated image divided by the rms of
the noise there. Noise is independent between channels, so over n channels both parts grow with the square root of n
and add in quadrature:

    noise on the integrated image = sqrt(n (thermal^2 + white^2))
"""

from __future__ import annotations

import math

import numpy as np

from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation


def central_peak(data: np.ndarray, x: float, y: float) -> float:
    """Peak of a source on the integrated image: the strongest of the 3 x 3 pixels around its centre.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        Dirty cube in Jy/beam, NaN counted as 0.
    x, y : float
        Centre in pixels.

    Returns
    -------
    float
        Jy/beam summed over channels, without its sign (a source seen in absorption is negative).
    """
    column, row = round(float(x)), round(float(y))
    cut = data[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    if cut.size == 0:
        raise CubefocusError(f"the source at x={x}, y={y} px is outside the image of {data.shape[2]} x {data.shape[1]}")
    return float(np.abs(np.nansum(cut, axis=0, dtype=np.float64)).max())


def image_snr(peak: float, thermal: float, white: float, n_channels: int) -> float:
    """SNR on the integrated image of a source with this peak there; infinite without noise."""
    noise = math.sqrt(n_channels * (thermal**2 + white**2))
    return peak / noise if noise > 0 else math.inf


def white_rms(peak: float, snr: float, thermal: float, n_channels: int) -> float:
    """Rms per voxel of the white noise that brings a source to a target SNR on the integrated image.

    Parameters
    ----------
    peak : float
        Peak of the source on the integrated image, Jy/beam.
    snr : float
        Target.
    thermal : float
        Rms per voxel of the noise that is in the cube already, Jy/beam.
    n_channels : int

    Returns
    -------
    float
        Jy/beam; 0 where the noise already there leaves less than the target, which then cannot be reached
        (`image_snr` gives what is).

    Raises
    ------
    CubefocusError
        If the target is not above 0.
    """
    if not snr > 0:
        raise CubefocusError(f"the target SNR is {snr}; it must be above 0")
    return math.sqrt(max((peak / snr) ** 2 / n_channels - thermal**2, 0.0))


def add_white(data: np.ndarray, rms: float, rng: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise of this rms (Jy/beam) to each voxel; NaN stays NaN. Returns a new float32 array."""
    if rms < 0 or not math.isfinite(rms):
        raise CubefocusError(f"the rms of the white noise is {rms} Jy/beam; it must be 0 or more")
    return (data + np.float32(rms) * rng.standard_normal(data.shape, dtype=np.float32)).astype(np.float32)


def nominal_peak(observation: Observation, dirty: Cube) -> float:
    """Peak on the integrated image (Jy/beam) that the noise of an empty field is scaled to.

    It is that of a source as wide as the beam, which shows half of its peak brightness, with a flat spectrum at a
    quarter of `inbright`, the continuum of a source whose line is three times as bright. So a field without
    sources cannot be told from the others by its noise.
    """
    major, minor, _ = dirty.beam or (math.nan, math.nan, math.nan)
    beam_pixels = math.pi * major * minor / (4 * math.log(2)) / observation.cell_arcsec**2
    return 0.5 * 0.25 * observation.inbright * beam_pixels * len(dirty.data)
