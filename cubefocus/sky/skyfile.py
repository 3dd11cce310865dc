"""A user's sky model: its FITS file brought to Jy/pixel, and the observing set-up that its grid asks for."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.spectral import frequencies
from cubefocus.cube.units import read_unit
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation

logger = logging.getLogger(__name__)

UNITS = "Jy/pixel, Jy/arcsec2, MJy/sr, or Jy/beam with BMAJ and BMIN"


def load_sky(
    path: str | Path, given: Mapping[str, Any] | None = None, moved: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, Observation]:
    """Read a sky model and find the observing set-up that fits it.

    Size, cell, frequencies and phase centre come from the file where it has them; what else an `Observation` holds
    comes from ``given``.

    Parameters
    ----------
    path : path
        FITS cube or image; pixel (y // 2, x // 2) becomes the phase centre.
    given : mapping, optional
        Fields of `Observation`, for what the file does not say.
    moved : mapping, optional
        Fields of `Observation` that hold whatever the file says: with them the same picture is seen elsewhere on
        the sky, smaller or at another frequency.

    Returns
    -------
    ndarray of float32, shape (channel, y, x)
        Jy/pixel, frequency increasing.
    Observation

    Raises
    ------
    CubefocusError
        If the file is unreadable, has no unit or one that cannot be turned into Jy/pixel, is rotated, or does not
        say what neither ``given`` nor ``moved`` say.
    """
    return place_sky(read_cube(path), path, given, moved)


def place_sky(
    cube: Cube, path: str | Path, given: Mapping[str, Any] | None = None, moved: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, Observation]:
    """A sky model that is read already, in Jy/pixel, and its set-up: see `load_sky`."""
    given, moved = dict(given or {}), dict(moved or {})
    try:
        grid = _celestial(cube, moved) | _spectral(cube)
        values = _complete(given | grid | moved) | {"n_channels": cube.data.shape[0], "n_pixels": cube.data.shape[2]}
        observation = Observation.from_mapping(values)
        if not {"direction", "cell_arcsec"} & set(moved):
            _check_projection(cube, observation)
        data = cube.data * _to_jy_per_pixel(cube, observation)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    return (data[::-1] if _descending(cube) else data), observation


def keep_frame(header: fits.Header, sky: Cube) -> None:
    """Give a dirty cube's header the rest frequency and the velocity frame of the sky that was observed.

    A sky without a rest frequency leaves the header without one: the middle of the band is no line's.
    """
    header.remove("RESTFRQ", ignore_missing=True)
    if sky.rest_frequency_hz is not None:
        header["RESTFRQ"] = sky.rest_frequency_hz
    if sky.velocity_frame is not None:
        header["SPECSYS"] = sky.velocity_frame


def _has_celestial(cube: Cube) -> bool:
    return "CTYPE1" in cube.header and "CTYPE2" in cube.header


def _celestial(cube: Cube, moved: Mapping[str, Any]) -> dict[str, Any]:
    """Cell and phase centre of the file; nothing without celestial axes."""
    if not _has_celestial(cube):
        return {}
    kinds = [str(cube.header[f"CTYPE{axis}"]).upper()[:4].rstrip("-") for axis in (1, 2)]
    if kinds != ["RA", "DEC"]:
        raise CubefocusError(f"its image axes are {' and '.join(kinds)}; reproject it to RA and DEC, in this order")
    scales = cube.wcs.pixel_scale_matrix * 3600.0
    cell = abs(scales[1, 1])
    if cell == 0 or max(abs(scales[0, 1]), abs(scales[1, 0])) > 1e-4 * cell or scales[0, 0] > 0 or scales[1, 1] < 0:
        raise CubefocusError("it is rotated or mirrored; reproject it with north up and east to the left")
    if abs(abs(scales[0, 0]) - cell) > 1e-4 * cell:
        raise CubefocusError(f"its pixels are {abs(scales[0, 0]):.6g} x {cell:.6g} arcsec; regrid it to square ones")
    found: dict[str, Any] = {"cell_arcsec": float(f"{cell:.12g}")}  # degrees and back leave a tail of digits
    if "direction" not in moved:
        found["direction"] = _direction(cube)
    return found


def _direction(cube: Cube) -> str:
    position = cube.positions(cube.data.shape[2] // 2, cube.data.shape[1] // 2)
    frame = "ICRS" if position.frame.name == "icrs" else "J2000"
    right_ascension = position.ra.to_string("hourangle", precision=8)
    return f"{frame} {right_ascension} {position.dec.to_string('deg', precision=7)}"


def _has_spectral(cube: Cube) -> bool:
    return "CTYPE3" in cube.header


def _descending(cube: Cube) -> bool:
    return _has_spectral(cube) and len(cube.data) > 1 and bool(np.diff(cube.frequencies_hz)[0] < 0)


def _spectral(cube: Cube) -> dict[str, Any]:
    """Frequency of the middle channel and channel width of the file; nothing without a spectral axis."""
    if not _has_spectral(cube):
        return {}
    channels = np.sort(cube.frequencies_hz)
    if len(channels) == 1:
        return _one_channel(cube, float(channels[0]))
    width = float(np.mean(np.diff(channels)))
    middle = len(channels) // 2
    even = channels[middle] + width * (np.arange(len(channels)) - middle)
    if width <= 0 or np.abs(channels - even).max() > 0.01 * width:
        raise CubefocusError("its channels are not evenly spaced in frequency; regrid it along frequency")
    return {"frequency_ghz": float(channels[middle]) / 1e9, "channel_width_mhz": width / 1e6}


def _one_channel(cube: Cube, frequency_hz: float) -> dict[str, Any]:
    """Frequency of an image, and its width from the edges of its channel, as far as the header says them."""
    if not math.isfinite(frequency_hz):
        return {}
    found = {"frequency_ghz": frequency_hz / 1e9}
    if cube.header.get("CDELT3"):
        edges = frequencies(cube.header, np.array([-0.5, 0.5]))
        found["channel_width_mhz"] = float(f"{abs(edges[1] - edges[0]) / 1e6:.9g}")  # the difference leaves a tail
    return found


def _complete(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse to take a default for what a sky model must say itself."""
    for name, way in (
        ("cell_arcsec", "CTYPE1, CTYPE2 and CDELT1, CDELT2 to its header, or give --cell"),
        ("direction", "CTYPE1, CTYPE2 and CRVAL1, CRVAL2 to its header, or give --direction"),
        ("frequency_ghz", "a FREQ axis to its header, or give --frequency"),
        ("channel_width_mhz", "a FREQ axis with CDELT3 to its header, or give --channel-width"),
    ):
        if name not in values:
            raise CubefocusError(f"does not say its {name}: add {way}")
    return values


def _check_projection(cube: Cube, observation: Observation) -> None:
    """The simulation is on a SIN grid about the phase centre; over a wide field another projection is elsewhere."""
    if not _has_celestial(cube):
        return
    _, n_y, n_x = cube.data.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        target = WCS(observation.header(cube.data.shape)).celestial
        corners = np.array([[0, 0, n_x - 1, n_x - 1], [0, n_y - 1, 0, n_y - 1]], dtype=float)
        found = target.world_to_pixel(cube.wcs.pixel_to_world(*corners))
    shift = float(np.abs(np.subtract(found, corners)).max())
    if not shift < 0.5:
        raise CubefocusError(f"its corners are {shift:.1f} px from where a SIN projection about its centre has them; "
                             "reproject it")  # fmt: skip


def _to_jy_per_pixel(cube: Cube, observation: Observation) -> np.float32:
    """Factor from the unit of the file to Jy/pixel."""
    text = str(cube.header.get("BUNIT", "")).strip()
    if not text:
        raise CubefocusError(f"has no BUNIT; write its unit into the header: {UNITS}")
    area = observation.cell_arcsec**2 * u.arcsec**2
    unit = read_unit(text)
    if unit.is_equivalent(u.Jy / u.pix):
        return np.float32(unit.to(u.Jy / u.pix))
    if unit.is_equivalent(u.Jy / u.beam):
        if cube.beam is None or "BMIN" not in cube.header:
            raise CubefocusError(f"is in {text} but has no BMAJ and BMIN; add them, or give it in {UNITS}")
        major, minor, _ = cube.beam
        beam = math.pi * major * minor / (4 * math.log(2)) * u.arcsec**2
        logger.info("a beam of %.3g x %.3g arcsec turns %s into Jy/pixel", major, minor, text)
        return np.float32(unit.to(u.Jy / u.beam) * (area / beam).to_value(u.one))
    if unit.is_equivalent(u.Jy / u.sr):
        return np.float32((1 * unit * area).to_value(u.Jy))
    raise CubefocusError(f"is in '{text}'; it must be in {UNITS}")
