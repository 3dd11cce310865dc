"""What the page of a search says of a cube: how it was taken, in which frame, with what beam and how much noise."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.alma.catalogue import KM_S, rest_frequency_of
from cubefocus.cube.celestial import frame_of
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import gaussian_area

Facts = list[tuple[str, str]]
FRAMES = {"FK5": "FK5 (J2000)", "ICRS": "ICRS"}


def of_cube(cube: Cube, rest_frequency_ghz: float | None) -> Facts:
    """Size, frames, rest frequency and beam of a cube.

    Parameters
    ----------
    cube : Cube
    rest_frequency_ghz : float or None
        That was given; that of the header is taken if None.
    """
    return [("cube", _size(cube)), ("frame", _frames(cube)), ("rest frequency", _rest(cube, rest_frequency_ghz)),
            ("beam", _beam(cube))]  # fmt: skip


def of_noise(rms: float, channel: np.ndarray, place: np.ndarray | None) -> Facts:
    """Noise of a voxel.

    Parameters
    ----------
    rms : float
        Of the median channel, Jy/beam.
    channel : ndarray, shape (channel,)
        By channel, Jy/beam; infinite for one without data.
    place : ndarray, shape (y, x), or None
        By place, relative; None where it is the same everywhere.
    """
    known = 1e3 * channel[np.isfinite(channel)]
    text = f"{1e3 * rms:.4g} mJy/beam in the median channel"
    if len(known) > 1:
        text += f", {known.min():.4g} to {known.max():.4g} by channel"
    blank = len(channel) - len(known)
    if blank:
        text += f" ({blank} of {len(channel)} hold no data)"
    if place is None:
        return [("noise", f"{text}; the same everywhere in the image")]
    return [("noise", f"{text}; {place.min():.3g} to {place.max():.3g} times that by place")]


def _size(cube: Cube) -> str:
    ghz = cube.frequencies_hz / 1e9
    n_channels, n_y, n_x = cube.data.shape
    text = f"{n_x} x {n_y} pixels of {cube.cell_arcsec:.4g} arcsec, "
    if n_channels == 1:
        return text + ("one channel" if math.isnan(ghz[0]) else f"one channel at {ghz[0]:.6g} GHz")
    step = abs(float(np.median(np.diff(ghz))))
    width = KM_S * step / float(np.median(ghz))
    return text + (
        f"{n_channels} channels of {1e3 * step:.4g} MHz ({width:.4g} km/s), {ghz.min():.6g} to {ghz.max():.6g} GHz"
    )


def _frames(cube: Cube) -> str:
    frame = FRAMES.get(frame_of(cube.wcs))
    places = "no celestial axes" if frame is None else f"right ascension and declination in {frame}"
    if len(cube.data) == 1:
        return places
    own = cube.velocity_frame
    return f"{places}; frequency and radio velocity " + (
        f"in {own}" if own else "in a frame that the header does not say"
    )


def _rest(cube: Cube, given: float | None) -> str:
    own = rest_frequency_of(cube)
    if given is not None:
        return f"{given:.8g} GHz, as given"
    return "not known: no velocity and no redshift" if own is None else f"{own:.8g} GHz, of the header"


def _beam(cube: Cube) -> str:
    if cube.beam is None:
        return "none in the header"
    major, minor, angle = cube.beam
    area = gaussian_area(major / cube.cell_arcsec, minor / cube.cell_arcsec)
    text = f"{major:.4g} x {minor:.4g} arcsec, position angle {angle:.3g} deg, {area:.3g} pixels in area"
    if cube.beams is None:
        return text
    known = cube.beams[np.isfinite(cube.beams[:, 0]), 0]
    return text + f"; one for each channel, {known.min():.4g} to {known.max():.4g} arcsec"
