"""The observing set-up: what is pointed where, for how long, and on which pixel and frequency grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.coordinates import SkyCoord
from astropy.io import fits

from cubefocus.errors import CubefocusError
from cubefocus.provenance import digest

FRAMES = {"J2000": "fk5", "ICRS": "icrs"}
SETUP_STREAM = 3  # of a cube's seed; 1 is its white noise and 2 the thermal noise of the engine fft


@dataclass(frozen=True)
class Observation:
    """One observing set-up; the defaults are those of MNRAS Table 2.

    Attributes
    ----------
    array : str
        Name of an antenna configuration file of casadata (``alma/simmos/<array>.cfg``), or the path of one.
    direction : str
        Phase centre: frame (J2000 or ICRS), right ascension, declination.
    frequency_ghz, channel_width_mhz : float
        Frequency of channel ``n_channels // 2`` and distance between channels.
    n_channels, n_pixels : int
        Size of the cube, (n_channels, n_pixels, n_pixels); the phase centre is at pixel ``n_pixels // 2``.
    cell_arcsec : float
        Size of a pixel.
    integration_s, total_time_s : float
        Length of one integration and of the whole observation.
    hour_angle : str
        ``transit``, or the hour angle of the middle of the observation, such as ``-2h`` or ``1.5h``.
    pwv_mm : float
        Precipitable water vapour, for the thermal noise.
    inbright : float
        Brightest voxel of the sky cube in Jy/pixel.
    pblimit : float
        Pixels where the primary beam is below this share of its peak are NaN.
    """

    array: str = "alma.cycle9.3"
    direction: str = "J2000 03h59m59.96s -34d59m59.50s"
    frequency_ghz: float = 230.0
    channel_width_mhz: float = 10.0
    n_channels: int = 128
    n_pixels: int = 360
    cell_arcsec: float = 0.1
    integration_s: float = 10.0
    total_time_s: float = 2400.0
    hour_angle: str = "transit"
    pwv_mm: float = 0.8
    inbright: float = 0.001
    pblimit: float = 0.2

    def __post_init__(self) -> None:
        for name in ("frequency_ghz", "channel_width_mhz", "cell_arcsec", "integration_s", "total_time_s", "inbright"):
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in ("n_channels", "n_pixels"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        self._require("pwv_mm", self.pwv_mm >= 0, "0 or more")
        self._require("pblimit", 0 < self.pblimit < 1, "between 0 and 1")
        self._require("integration_s", self.integration_s <= self.total_time_s, "at most total_time_s")
        self._require("channel_width_mhz", self.frequencies_hz[0] > 0, "small enough for positive frequencies")
        _ = self.hour_angle_h, self.centre  # both refuse what they cannot read

    def _require(self, name: str, holds: bool, wanted: str) -> None:
        if not holds or (isinstance(getattr(self, name), float) and not math.isfinite(getattr(self, name))):
            raise CubefocusError(f"observation: {name} is {getattr(self, name)}; it must be {wanted}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Observation:
        """Make a set-up from plain values, such as the ``observation`` section of a config file.

        Raises
        ------
        CubefocusError
            If a key is unknown or a value has the wrong type or range; the message names the key.
        """
        kinds = {field.name: str(field.type) for field in fields(cls)}
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            raise CubefocusError(f"observation: unknown key {', '.join(unknown)}; known are {', '.join(kinds)}")
        return cls(**{name: _typed(name, value, kinds[name]) for name, value in values.items()})

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
            raise CubefocusError(
                f"observation: alternatives is {own!r}; it must be a list such as [{{hour_angle: 2h}}]"
            )
        return [cls.from_mapping({**shared, **one}) for one in own]

    @classmethod
    def from_yaml(cls, path: str | Path) -> Observation:
        """Read a set-up from a YAML file: its keys at the top level, or in a section ``observation``.

        Raises
        ------
        CubefocusError
            If the file is absent, is not YAML, or holds something that `from_mapping` refuses.
        """
        try:
            values = yaml.safe_load(Path(path).read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CubefocusError(f"{path}: not a readable YAML file ({error})") from error
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
                f"observation: direction '{self.direction}' cannot be read; "
                "write it as 'J2000 03h59m59.96s -34d59m59.50s'"
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
                f"observation: hour_angle is '{self.hour_angle}'; "
                "write 'transit' or hours between -12 and 12 such as '-2h'"
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
        header["RESTFRQ"] = self.frequency_ghz * 1e9
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


def _typed(name: str, value: Any, kind: str) -> Any:
    """Turn a value of a config file into the type of the field, or say what it must be."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "str" and name == "hour_angle" and number:
        return f"{value}h"
    if kind == "int" and number and value == int(value):
        return int(value)
    if kind == "float" and number:
        return float(value)
    wanted = {"str": "a text", "int": "a whole number", "float": "a number"}[kind]
    hint = " (YAML reads 6e-4 as a text: write 6.0e-4)" if isinstance(value, str) and kind == "float" else ""
    raise CubefocusError(f"observation: {name} is {value!r}; it must be {wanted}{hint}")


def in_j2000(observation: Observation) -> Observation:
    """The same set-up with its direction in J2000: simobserve and tclean disagree about ICRS by 0.02 arcsec."""
    centre = observation.centre.transform_to("fk5")
    right_ascension, declination = (
        centre.ra.to_string("hourangle", precision=7),
        centre.dec.to_string("deg", precision=6),
    )
    return replace(observation, direction=f"J2000 {right_ascension} {declination}")
