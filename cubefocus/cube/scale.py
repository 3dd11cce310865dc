"""How large the beam of a cube is, and what is known of a Gaussian by its FWHM."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.cube.cube import Cube

SIGMA_TO_FWHM = math.sqrt(8.0 * math.log(2.0))


def beam_px(cube: Cube) -> list[float] | None:
    """Minor and major axis of the dirty beam (FWHM) in pixels; None if the header does not say them."""
    cell = cube.cell_arcsec
    if cube.beam is None or not cell > 0:
        return None
    major, minor, _ = cube.beam
    return [minor / cell, major / cell] if 0 < minor <= major < math.inf else None


def beam_area_px(cube: Cube) -> float:
    """Area of the dirty beam in pixels, that of a Gaussian of its FWHM, at least 1; 1 if the header does not say it."""
    axes = beam_px(cube)
    return max(gaussian_area(*axes), 1.0) if axes else 1.0


def gaussian_area(major: float, minor: float) -> float:
    """Integral of a Gaussian of peak 1 with these FWHM, in their unit squared."""
    return math.pi * major * minor / (4.0 * math.log(2.0))


def gaussian_moments(major: float, minor: float, angle: float) -> np.ndarray:
    """Second moments (xx, xy; xy, yy) of a Gaussian with these FWHM, in their unit squared.

    The angle of the major axis is from +y towards -x, deg.
    """
    turn = math.radians(angle)
    along, across = np.array([-math.sin(turn), math.cos(turn)]), np.array([math.cos(turn), math.sin(turn)])
    return (np.outer(along, along) * major**2 + np.outer(across, across) * minor**2) / SIGMA_TO_FWHM**2
