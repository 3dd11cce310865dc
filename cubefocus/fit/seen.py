"""What a fitted source looks like on the sky behind the beam: its size as an image shows it, with errors.

A Gaussian behind a Gaussian is one whose second moments are the sum of both. They are what the fit knows well of a
small source: its own size is the difference of two numbers that hardly differ, its size in the image is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.sky import ROUND, STEP, on_sky
from cubefocus.fit.source import Component

UNKNOWN = 180.0 / math.sqrt(12.0)  # deg: scatter of an angle of which nothing is known


@dataclass(frozen=True, eq=False)
class Seen:
    """A source on the sky by its moments.

    Attributes
    ----------
    centre : (x, y)
        Pixels.
    moments : ndarray, shape (2, 2)
        Second moments (xx, xy; xy, yy), those of the beam included, pixels^2.
    continuum : float
        Flux density of the continuum in the middle channel, Jy.
    covariance : ndarray, shape (6, 6)
        Of x, y, xx, xy, yy and the continuum.
    """

    centre: tuple[float, float]
    moments: np.ndarray
    continuum: float
    covariance: np.ndarray


@dataclass(frozen=True)
class Ellipse:
    """Axes of second moments.

    Attributes
    ----------
    major, minor : float
        FWHM of a Gaussian with these moments, pixels.
    angle : float
        Of the major axis from the x axis clockwise with y up, deg, in [0, 180).
    major_err, minor_err, angle_err : float
        Standard errors; that of the angle is at most the scatter of one of which nothing is known.
    """

    major: float
    minor: float
    angle: float
    major_err: float
    minor_err: float
    angle_err: float


def seen(component: Component, covariance: np.ndarray, beam: Beam) -> Seen:
    """Moments of a fitted source on the sky behind the beam of the middle channel.

    Parameters
    ----------
    component : Component
        As the fit has it, behind the primary beam.
    covariance : ndarray, shape (p, p)
        Of its parameters.
    beam : Beam

    Returns
    -------
    Seen
    """
    values = _moments_of(component, beam)
    scale = np.maximum(np.abs(component.values), 1e-2) * STEP
    scale[component.amplitudes] = max(float(np.abs(component.values[component.amplitudes]).max()), 1e-30) * STEP
    columns = []
    for step in np.diag(scale):
        there, back = (_moments_of(component.moved(sign * step), beam) for sign in (1.0, -1.0))
        columns.append((there - back) / (2.0 * step.sum()))
    by = np.stack(columns, axis=1)
    x, y, xx, xy, yy, continuum = values.tolist()
    return Seen((x, y), np.array([[xx, xy], [xy, yy]]) + beam.lobe, continuum, by @ covariance @ by.T)


def _moments_of(component: Component, beam: Beam) -> np.ndarray:
    source = on_sky(component, beam)
    (xx, xy), (_, yy) = source.cov
    return np.array([*source.centre, xx, xy, yy, source.values[5]])


def ellipse(moments: np.ndarray, covariance: np.ndarray) -> Ellipse:
    """Axes of second moments, and their errors to first order.

    Parameters
    ----------
    moments : ndarray, shape (2, 2)
        Pixels^2.
    covariance : ndarray, shape (3, 3)
        Of xx, xy and yy.

    Returns
    -------
    Ellipse
    """
    values, vectors = np.linalg.eigh(moments)
    low, high = np.sqrt(np.maximum(values, 0.0)).tolist()
    first, second = vectors[:, 1], vectors[:, 0]
    errors = []
    for size, axis in ((high, first), (low, second)):
        by = np.array([axis[0] ** 2, 2.0 * axis[0] * axis[1], axis[1] ** 2])
        errors.append(_root(by @ covariance @ by) / (2.0 * size) if size > 0 else math.inf)
    angle_err = UNKNOWN
    if high > (1.0 + ROUND) * low:
        by = np.array([first[0] * second[0], first[0] * second[1] + first[1] * second[0], first[1] * second[1]])
        angle_err = min(math.degrees(_root(by @ covariance @ by) / float(values[1] - values[0])), UNKNOWN)
    angle = math.degrees(math.atan2(-first[1], first[0])) % 180.0
    major, minor, major_err, minor_err = (SIGMA_TO_FWHM * value for value in (high, low, *errors))
    return Ellipse(major, minor, angle, major_err, minor_err, angle_err)


def _root(variance: float) -> float:
    return math.sqrt(max(float(variance), 0.0))
