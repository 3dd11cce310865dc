"""A source as the fit describes it: where it is, how large, and its spectrum of a continuum and lines.

The parameters are free of limits, so that steps of the fit and their errors are too. Widths are exponentials: with the
matrix of second moments

    S = exp(m) [cosh r + sinh(r) / r (a, b; b, -a)],    r^2 = a^2 + b^2,

m is the logarithm of the product of both standard deviations, r that of their ratio, and (a, b) = (0, 0) is round,
where a position angle has no meaning. The spectrum is a power law times a continuum and Gaussian lines:

    T(nu) = (nu_0 / nu)^alpha [F + sum over lines of L exp(-(z - z_0)^2 / (2 s_z^2))]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cubefocus.cube.scale import SIGMA_TO_FWHM

SHAPE = ("x", "y", "m", "a", "b")
CONTINUUM = ("flux", "index")
LINE = ("line", "z", "log_width")
N_FIXED = len(SHAPE) + len(CONTINUUM)


@dataclass(frozen=True)
class Component:
    """A source of the model, as the dirty cube shows it: behind the primary beam.

    Attributes
    ----------
    values : ndarray, shape (7 + 3 lines,)
        x, y (pixels), m, a, b, flux (Jy, of the continuum in the middle channel), index, and for each line: its peak
        (Jy), centre (channel) and the logarithm of its standard deviation (channels).
    """

    values: np.ndarray

    @classmethod
    def of(cls, x: float, y: float, cov: np.ndarray, lines: list[tuple[float, float]], flux: float = 0.0) -> Component:
        """A source with second moments `cov` (xx, xy; xy, yy in pixels squared) and lines (centre, FWHM) of no flux."""
        m, a, b = shape_parameters(cov)
        parts = [v for z, fwhm in lines for v in (0.0, z, math.log(max(fwhm, 0.5) / SIGMA_TO_FWHM))]
        return cls(np.array([x, y, m, a, b, flux, 0.0, *parts], dtype=np.float64))

    @property
    def n_lines(self) -> int:
        """Number of its lines."""
        return (len(self.values) - N_FIXED) // len(LINE)

    @property
    def centre(self) -> tuple[float, float]:
        """Its place (x, y), pixels."""
        return float(self.values[0]), float(self.values[1])

    @property
    def cov(self) -> np.ndarray:
        """Second moments, shape (2, 2), pixels squared."""
        return moments(*self.values[2:5])[0]

    def line(self, number: int = 0) -> tuple[float, float, float]:
        """Peak (Jy), centre and FWHM (channels) of a line."""
        peak, z, log_width = self.values[N_FIXED + 3 * number : N_FIXED + 3 * number + 3]
        return float(peak), float(z), SIGMA_TO_FWHM * math.exp(log_width)

    @property
    def amplitudes(self) -> list[int]:
        """Places of the parameters in which the model is linear: continuum and peaks of lines."""
        return [5, *range(N_FIXED, len(self.values), len(LINE))]

    def moved(self, step: np.ndarray) -> Component:
        """The source after a step of its parameters."""
        return replace(self, values=self.values + step)


def moments(m: float, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Second moments, shape (2, 2), and their derivatives by m, a and b, shape (3, 2, 2)."""
    r = math.hypot(a, b)
    small = r < 1e-4
    sinc = 1.0 + r * r / 6.0 if small else math.sinh(r) / r
    slope = (1.0 + r * r / 10.0) / 3.0 if small else (math.cosh(r) - sinc) / r**2  # (d sinc / d r) / r
    unit, first, second = np.eye(2), np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    deviator = a * first + b * second
    cov = math.cosh(r) * unit + sinc * deviator
    by_a = sinc * a * unit + slope * a * deviator + sinc * first
    by_b = sinc * b * unit + slope * b * deviator + sinc * second
    scale = math.exp(m)
    return scale * cov, scale * np.stack([cov, by_a, by_b])


def shape_parameters(cov: np.ndarray) -> tuple[float, float, float]:
    """m, a and b of second moments."""
    values, vectors = np.linalg.eigh(cov)
    values = np.maximum(values, 1e-4)
    log = (vectors * np.log(values)) @ vectors.T
    return 0.5 * (log[0, 0] + log[1, 1]), 0.5 * (log[0, 0] - log[1, 1]), float(log[0, 1])


def cov_of(sigma_x: float, sigma_y: float, pa: float) -> np.ndarray:
    """Second moments of standard deviations along axes at `pa`, from the x axis clockwise with y up, degrees."""
    c, s = math.cos(math.radians(pa)), math.sin(math.radians(pa))
    first, second = np.array([c, -s]), np.array([s, c])
    return sigma_x**2 * np.outer(first, first) + sigma_y**2 * np.outer(second, second)


def axes_of(cov: np.ndarray) -> tuple[float, float, float]:
    """Standard deviations along the major and minor axis, and the angle of the major axis from the x axis clockwise.

    Returns
    -------
    major, minor : float
    angle : float
        Degrees, 0 to 180.
    """
    values, vectors = np.linalg.eigh(cov)
    angle = math.degrees(math.atan2(-vectors[1, 1], vectors[0, 1])) % 180.0
    return math.sqrt(max(values[1], 0.0)), math.sqrt(max(values[0], 0.0)), angle


@dataclass(frozen=True, eq=False)
class Spectral:
    """What spectra are made on.

    Attributes
    ----------
    log_ratio : ndarray, shape (channel,)
        ln(nu_0 / nu), nu_0 being the frequency of the middle channel.
    weight : ndarray, shape (channel,)
        1 over the relative noise of each channel, 0 for one without data.
    """

    log_ratio: np.ndarray
    weight: np.ndarray

    def of(self, component: Component, gain: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Weighted spectrum of a source, shape (channel,), and its derivatives (parameter, channel).

        Parameters
        ----------
        component : Component
        gain : ndarray, shape (channel,)
            Primary beam at the source over that of the middle channel.
        """
        values = component.values
        channels = np.arange(len(self.weight))
        law = np.exp(values[6] * self.log_ratio) * self.weight * gain
        total, rows = values[5] * law, [law, None]
        for peak, z, log_width in values[N_FIXED:].reshape(-1, 3):
            off = (channels - z) / math.exp(log_width)
            profile = np.exp(-0.5 * np.minimum(off**2, 80.0)) * law
            total = total + peak * profile
            rows += [profile, peak * profile * off / math.exp(log_width), peak * profile * off**2]
        rows[1] = total * self.log_ratio
        return total, np.stack(rows)
