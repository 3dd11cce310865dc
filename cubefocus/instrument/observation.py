"""The observing set-up: what is pointed where, for how long, and on which pixel and frequency grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from cubefocus.errors import CubefocusError, shown
from cubefocus.files import read_yaml
from cubefocus.provenance import digest
from cubefocus.sections import section
from cubefocus.settings import SetupSettings

FRAMES = {"J2000": "fk5", "ICRS": "icrs"}
SETUP_STREAM = 3  # of a cube's seed; 1 is its white noise and 2 the thermal noise of the engine fft


@section("observation")
class Observation(SetupSettings):
    """One observing set-up, with what follows from it; `cubefocus.settings.SetupSettings` has the fields.

    Cubes have the shape (n_channels, n_pixels, n_pixels), the phase centre is at pixel ``n_pixels // 2``, and
    ``frequency_ghz`` is that of channel ``n_channels // 2``.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.hour_angle_h, self.centre  # both refuse what they cannot read

    @classmethod
    def list_from_mapping(cls, values: Mapping[str, Any]) -> list[Observation]:
        """Set-ups that differ in some fields, from a section ``observation`` with a list ``alternatives``.

        Parameters
        ----------
        values : mapping
            As for `from_mapping`; ``alternatives`` has one mapping for each set-up, with the fields that are its own.
            Without that key there is one set-up.

        Raises
        ------
        CubefocusError
            If `from_mapping` refuses one, or ``alternatives`` is not a list of mappings.
        """
        shared = {name: value for name, value in values.items() if name != "alternatives"}
        own = values.get("alternatives") or [{}]
        if not isinstance(own, list) or not all(isinstance(one, Mapping) for one in own):
            raise CubefocusError(f"observation.alternatives is {shown(own)}: give a list such as [{{hour_angle: 2h}}]")
        return [cls.from_mapping({**shared, **one}) for one in own]

    @classmethod
    def from_yaml(cls, path: str | Path) -> Observation:
        """Read a set-up from a YAML file: its keys at the top level, or in a section ``observation``.

        Raises
        ------
        CubefocusError
            If the file is absent, is not YAML, or holds something that `from_mapping` refuses.
        """
        values = read_yaml(path)
        if isinstance(values, Mapping) and isinstance(values.get("observation"), Mapping):
            values = values["observation"]
        if not isinstance(values, Mapping):
            raise CubefocusError(f"{path}: holds no observing set-up; write lines such as 'cell_arcsec: 0.1'")
        try:
            return cls.from_mapping(values)
        except CubefocusError as error:
            raise CubefocusError(f"{path}: {error}") from error

    def digest(self) -> str:
        """Short hash of all values: equal for equal set-ups."""
        return digest(asdict(self))

    @property
    def centre(self) -> SkyCoord:
        """Phase centre as a sky coordinate.

        Raises
        ------
        CubefocusError
            If `direction` cannot be read.
        """
        frame, _, position = self.direction.strip().partition(" ")
        try:
            return SkyCoord(position, frame=FRAMES[frame.upper()])
        except (KeyError, ValueError) as error:
            raise CubefocusError(
                f"observation.direction is '{self.direction}', which cannot be read: "
                "give frame, right ascension and declination as in J2000 03h59m59.96s -34d59m59.50s"
            ) from error

    @property
    def hour_angle_h(self) -> float:
        """Hour angle of the middle of the observation in hours, 0 at transit."""
        text = self.hour_angle.strip().lower()
        try:
            hours = 0.0 if text == "transit" else float(text.removesuffix("h"))
        except ValueError:
            hours = math.nan
        if not abs(hours) <= 12:
            raise CubefocusError(
                f"observation.hour_angle is '{self.hour_angle}': give transit, or hours between -12 and 12 such as -2h"
            )
        return hours

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency of each channel in Hz, shape (n_channels,)."""
        offsets = np.arange(self.n_channels) - self.n_channels // 2
        return self.frequency_ghz * 1e9 + offsets * self.channel_width_mhz * 1e6

    @property
    def cube_shape(self) -> tuple[int, int, int]:
        """Shape of the cubes of this set-up, (channel, y, x)."""
        return self.n_channels, self.n_pixels, self.n_pixels

    def header(self, shape: tuple[int, int, int] | None = None, unit: str = "Jy/pixel") -> fits.Header:
        """Header of a cube on this set-up's grid: RA---SIN, DEC--SIN, FREQ.

        Parameters
        ----------
        shape : (channel, y, x), optional
            Of the cube, when it is not `cube_shape`; the phase centre stays at pixel (y // 2, x // 2).
        unit : str
            BUNIT.
        """
        n_channels, n_y, n_x = shape or self.cube_shape
        centre, step = self.centre, self.cell_arcsec / 3600.0
        header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3)])
        header.update({"NAXIS1": n_x, "NAXIS2": n_y, "NAXIS3": n_channels, "WCSAXES": 3, "BUNIT": unit})
        axes = (
            ("RA---SIN", centre.ra.deg, -step, n_x // 2, "deg"),
            ("DEC--SIN", centre.dec.deg, step, n_y // 2, "deg"),
            ("FREQ", self.frequency_ghz * 1e9, self.channel_width_mhz * 1e6, n_channels // 2, "Hz"),
        )
        for axis, (kind, value, delta, pixel, axis_unit) in enumerate(axes, start=1):
            header[f"CTYPE{axis}"], header[f"CRVAL{axis}"], header[f"CDELT{axis}"] = kind, float(value), float(delta)
            header[f"CRPIX{axis}"], header[f"CUNIT{axis}"] = float(pixel + 1), axis_unit
        header["SPECSYS"] = "LSRK"
        if centre.frame.name == "fk5":
            header["RADESYS"], header["EQUINOX"] = "FK5", 2000.0
        else:
            header["RADESYS"] = "ICRS"
        return header


def draw_observation(observations: Sequence[Observation], noise_seed: int) -> Observation:
    """The set-up of a cube, drawn evenly by its noise seed: the same whatever batch the cube is in."""
    rng = np.random.default_rng(np.random.SeedSequence([noise_seed, SETUP_STREAM]))
    return observations[int(rng.integers(len(observations)))]


def in_j2000(observation: Observation) -> Observation:
    """The same set-up with its direction in J2000: simobserve and tclean disagree about ICRS by 0.02 arcsec."""
    centre = observation.centre.transform_to("fk5")
    right_ascension, declination = (
        centre.ra.to_string("hourangle", precision=7),
        centre.dec.to_string("deg", precision=6),
    )
    return replace(observation, direction=f"J2000 {right_ascension} {declination}")
