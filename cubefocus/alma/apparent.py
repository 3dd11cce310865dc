"""Columns of a source as the image shows it: how sure its place on the sky is, and its size behind the beam."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.fit.seen import ellipse


def apparent(axes: np.ndarray, cell_arcsec: float, moments: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
    """Errors of right ascension and declination, and the axes of a source with those of the beam.

    Parameters
    ----------
    axes : ndarray, shape (2, 2)
        Offsets to the east and north by x and y, arcsec a pixel: `cubefocus.cube.celestial.local_axes`.
    cell_arcsec : float
        Size of a pixel.
    moments : ndarray, shape (2, 2)
        Second moments of the image of the source, pixels^2.
    covariance : ndarray, shape (5, 5)
        Of its x and y (pixels) and its moments xx, xy and yy.

    Returns
    -------
    dict
        ``ra_err`` (times cos(dec)) and ``dec_err`` (arcsec), and with their errors ``major_convolved``,
        ``minor_convolved`` (FWHM, arcsec) and ``position_angle_convolved`` (deg, north through east); NaN without
        celestial axes.
    """
    place = axes @ covariance[:2, :2] @ axes.T
    row = {name: _root(place[at, at]) for at, name in enumerate(("ra_err", "dec_err"))}
    found = ellipse(moments, covariance[2:, 2:])
    for name in ("major", "minor"):
        for end in ("", "_err"):
            row[f"{name}_convolved{end}"] = getattr(found, f"{name}{end}") * cell_arcsec
    turn = math.radians(found.angle)
    east, north = (axes @ np.array([math.cos(turn), -math.sin(turn)])).tolist()
    known = math.isfinite(east)
    row["position_angle_convolved"] = math.degrees(math.atan2(east, north)) % 180.0 if known else math.nan
    row["position_angle_convolved_err"] = found.angle_err if known else math.nan
    return row


def _root(variance: float) -> float:
    return math.nan if math.isnan(variance) else math.sqrt(max(float(variance), 0.0))
