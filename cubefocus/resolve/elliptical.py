"""An elliptical Gaussian on the sky in parameters that a fit can move freely, and how its image changes with each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm, expm_frechet

FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))  # in standard deviations
PARAMETERS = ("peak", "east", "north", "log_size", "stretch_north", "stretch_diagonal")
_STRETCHES = (np.diag([-1.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]]))  # of (east, north)


@dataclass(frozen=True)
class Grid:
    """Pixels of an image about the phase centre.

    Attributes
    ----------
    shape : tuple of int
        (y, x).
    cell_arcsec : float
    """

    shape: tuple[int, int]
    cell_arcsec: float

    def offsets(self, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Offset to the east and to the north in arcsec of `parts` points along each side of each pixel.

        Returns
        -------
        east, north : ndarray, shapes (1, x parts) and (y parts, 1)
        """
        y, x = ((np.arange(size * parts) + 0.5) / parts - 0.5 - size // 2 for size in self.shape)
        return -self.cell_arcsec * x[None, :], self.cell_arcsec * y[:, None]

    def offset(self, x: float, y: float) -> tuple[float, float]:
        """Offset to the east and to the north in arcsec of a place in pixels, counted from 0."""
        return self.cell_arcsec * (self.shape[1] // 2 - x), self.cell_arcsec * (y - self.shape[0] // 2)

    def place(self, east: float, north: float) -> tuple[float, float]:
        """(x, y) in pixels, counted from 0, of an offset in arcsec."""
        return self.shape[1] // 2 - east / self.cell_arcsec, self.shape[0] // 2 + north / self.cell_arcsec


def vector(peak: float, east: float, north: float, major: float, minor: float, pa_deg: float) -> np.ndarray:
    """Parameters of a Gaussian with FWHM in arcsec and a position angle, north through east, in `PARAMETERS`' order.

    The size is the logarithm of the geometric mean of the standard deviations in arcsec. The two stretches are the
    logarithm of the axis ratio times cosine and sine of twice the position angle: both are 0, and nothing is
    undefined, where a component is round.
    """
    ratio, angle = math.log(major / minor), 2.0 * math.radians(pa_deg)
    size = 0.5 * math.log(major * minor) - math.log(FWHM)
    return np.array([peak, east, north, size, ratio * math.cos(angle), ratio * math.sin(angle)])


def told(values: np.ndarray) -> dict[str, float]:
    """Peak, flux, FWHM in arcsec and position angle of parameters as `vector` makes them.

    Returns
    -------
    dict
        ``peak`` (Jy/arcsec^2), ``flux`` (Jy), ``major_arcsec``, ``minor_arcsec``, ``pa_deg`` from 0 to 180.
    """
    peak, _, _, size, north, diagonal = map(float, values)
    ratio = math.hypot(north, diagonal)
    return {
        "peak": peak,
        "flux": 2.0 * math.pi * peak * math.exp(2.0 * size),
        "major_arcsec": FWHM * math.exp(size + 0.5 * ratio),
        "minor_arcsec": FWHM * math.exp(size - 0.5 * ratio),
        "pa_deg": math.degrees(0.5 * math.atan2(diagonal, north)) % 180.0,
    }


def slopes(values: np.ndarray) -> dict[str, np.ndarray]:
    """Derivatives of what `told` gives by the parameters, each of shape (6,), of the angle NaN for a round one."""
    facts = told(values)
    *_, north, diagonal = map(float, values)
    ratio = math.hypot(north, diagonal)
    along = np.array([north, diagonal]) / ratio if ratio else np.zeros(2)
    turn = np.array([-diagonal, north]) / ratio**2 if ratio else np.full(2, math.nan)
    unit, zero = np.eye(6), np.zeros(4)
    return {
        "peak": unit[0],
        "flux": 2.0 * facts["flux"] * unit[3] + 2.0 * math.pi * math.exp(2.0 * values[3]) * unit[0],
        "major_arcsec": facts["major_arcsec"] * (unit[3] + np.concatenate([zero, 0.5 * along])),
        "minor_arcsec": facts["minor_arcsec"] * (unit[3] - np.concatenate([zero, 0.5 * along])),
        "pa_deg": np.concatenate([zero, np.degrees(0.5 * turn)]),
    }


def over_pixels(points: np.ndarray, parts: int) -> np.ndarray:
    """Mean over each pixel of what is told at `parts` points along each of its sides, shape (..., y, x)."""
    if parts == 1:
        return points
    y, x = (side // parts for side in points.shape[-2:])
    mean: np.ndarray = points.reshape(*points.shape[:-2], y, parts, x, parts).mean(axis=(-3, -1))
    return mean


def image(values: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Brightness in Jy/arcsec^2 at offsets in arcsec that broadcast against each other."""
    x, y, inverse = _about(values, east, north)
    brightness: np.ndarray = values[0] * np.exp(-0.5 * _form(inverse, x, y))
    return brightness


def gradient(values: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Derivatives of `image` by each parameter, shape (6, ...)."""
    x, y, inverse = _about(values, east, north)
    form = _form(inverse, x, y)
    shape = np.exp(-0.5 * form)
    brightness = values[0] * shape
    scale, stretch = math.exp(-2.0 * values[3]), _stretch(values)
    turned = [
        -0.5 * scale * _form(expm_frechet(-stretch, -one, compute_expm=False), x, y) * brightness for one in _STRETCHES
    ]
    pull = [brightness * (row[0] * x + row[1] * y) for row in inverse]
    return np.stack([shape, *pull, form * brightness, *turned])


def _about(values: np.ndarray, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets from its centre, and the inverse of its covariance in (east, north)."""
    return east - values[1], north - values[2], math.exp(-2.0 * values[3]) * expm(-_stretch(values))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Logarithm of the covariance over the size squared, shape (2, 2)."""
    stretched: np.ndarray = values[4] * _STRETCHES[0] + values[5] * _STRETCHES[1]
    return stretched


def _form(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Quadratic form of a symmetric matrix."""
    form: np.ndarray = matrix[0, 0] * x**2 + 2.0 * matrix[0, 1] * x * y + matrix[1, 1] * y**2
    return form
