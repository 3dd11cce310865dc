"""Visibilities that an image predicts, without automatic differentiation: for residuals and for tests."""

from __future__ import annotations

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.instrument.response import ARCSEC
from cubefocus.resolve.optional import load
from cubefocus.resolve.visibilities import Visibilities, Window

# ducc0 has its first axis to the west here, as x, and exp(-2 pi i (u x + v y)): u keeps its sign, v changes it. The w
# term, left out, turns the phase at the rim of a field of ALMA by hundredths of a radian.
AXES = (1.0, -1.0, 0.0)
SMALLEST = 32  # pixels, of ducc0


def predict(
    window: Window, image: np.ndarray, cell_arcsec: float, epsilon: float = 1e-7, threads: int = 1
) -> np.ndarray:
    """Visibilities of an image through the primary beam of a window.

    Pixels are points at the multiples of the cell in direction cosines; w is not looked at, as the field is narrow.

    Parameters
    ----------
    window : Window
    image : ndarray, shape (y, x)
        Jy/arcsec^2, not attenuated; the phase centre at pixel (y // 2, x // 2), east to the left, north up.
    cell_arcsec : float
    epsilon : float
        Relative error, rms.
    threads : int

    Returns
    -------
    ndarray of complex128, shape (row,)
        Jy.

    Raises
    ------
    CubefocusError
        If the image is not finite or has another shape than the primary beam, or ducc0 is not installed.
    """
    image = np.asarray(image, dtype=np.float64)
    _check(image, window)
    apparent = image * window.primary_beam * cell_arcsec**2
    cell = cell_arcsec * ARCSEC
    found = load("ducc0.wgridder").dirty2vis(
        uvw=np.ascontiguousarray(window.uvw_m * AXES),
        freq=np.array([window.frequency_hz]),
        dirty=np.ascontiguousarray(apparent.T),
        pixsize_x=cell,
        pixsize_y=cell,
        epsilon=epsilon,
        do_wgridding=False,
        nthreads=threads,
    )
    return np.asarray(found[:, 0])


def _check(image: np.ndarray, window: Window) -> None:
    shape, bad = window.primary_beam.shape, np.count_nonzero(~np.isfinite(image))
    if image.shape != shape or bad:
        raise CubefocusError(
            f"the image has the shape {image.shape} and {bad} pixels that are no numbers; give one of {shape}, 0 where "
            "it is empty"
        )
    if min(shape) < SMALLEST or shape[0] % 2 or shape[1] % 2:
        raise CubefocusError(
            f"an image of {shape[1]} x {shape[0]} pixels; its sides must be even and at least {SMALLEST}"
        )


def at_frequency(
    samples: np.ndarray, spectral_index: np.ndarray, reference_hz: float, frequency_hz: float
) -> np.ndarray:
    """Samples of the sky at another frequency than the one that they are told at.

    Parameters
    ----------
    samples : ndarray, shape (sample, y, x)
    spectral_index : ndarray, shape (sample,) or (0,)
        Of each: brightness goes as frequency^index; none: it is the same at all frequencies.
    reference_hz : float
        Where the samples are told, see `Visibilities.frequency_hz`.
    frequency_hz : float

    Returns
    -------
    ndarray, shape (sample, y, x)
    """
    if not len(spectral_index):
        return samples
    return samples * ((frequency_hz / reference_hz) ** np.asarray(spectral_index))[:, None, None]


def predicted_mean(visibilities: Visibilities, samples: np.ndarray, spectral_index: np.ndarray) -> list[np.ndarray]:
    """Mean over the samples of what they predict, for each window.

    A prediction is linear in the image, so it is that of the mean at the frequency of the window.

    Parameters
    ----------
    visibilities : Visibilities
    samples : ndarray, shape (sample, y, x)
        Jy/arcsec^2, at `Visibilities.frequency_hz`.
    spectral_index : ndarray, shape (sample,) or (0,)

    Returns
    -------
    list of ndarray of complex128, shape (row,)
        Jy.
    """
    reference = visibilities.frequency_hz
    return [
        predict(
            window,
            at_frequency(samples, spectral_index, reference, window.frequency_hz).mean(axis=0),
            visibilities.cell_arcsec,
        )
        for window in visibilities.windows
    ]
