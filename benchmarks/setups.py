"""Cubes that nothing was made for: set-ups, skies and seeds of their own, dirty and cleaned, kept on disk.

Each cube has the noise of its visibilities alone, as an observation has it, scaled so that the central source stands
out by a drawn factor. Cleaned ones are CASA's work down to three times that noise, divided by the primary beam.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from fitting import BOX, CONFIG
from scene import CACHE, ROOT

from cubefocus.alma.bound import cube_bounds
from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.engines.clean import clean
from cubefocus.engines.fft import FourierOperator
from cubefocus.engines.fft import apply as observe_by_fft
from cubefocus.engines.measure import get_response
from cubefocus.files import read_table, write_table
from cubefocus.fit.beam import Beam
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import Response, response_folder
from cubefocus.provenance import digest, provenance
from cubefocus.sky.catalogue import cube_list, draw_catalogue, select
from cubefocus.sky.model import sky_cube
from cubefocus.sky.truth import measure_truth
from cubefocus.stats.noise import thermal_rms

PLACE = ROOT / "build" / "heldout"
SEED = 94_000  # the experiments have 1 and 2023, the other benchmarks 90 000 to 93 000
SNR = (8.0, 40.0)  # highest voxel of the central source over the noise of a channel; others are fainter
DEPTH = 3.0  # times the noise, to which CLEAN goes
NITER = 100_000  # never reached: the depth ends it
LIMITS = ("line_flux_jykms", "continuum_mjy")  # whose smallest possible errors say how bright a source is

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SetUp:
    """An instrument and what it looks at.

    Attributes
    ----------
    name : str
    number : int
        Its cubes are ``1000 * number`` and those that follow.
    observation : Observation
    beam_px : float
        About the FWHM of its beam, to which sizes and distances of the sources are scaled.
    sky : mapping
        What differs from the sky that all have.
    most : (int, int)
        Validation and test cubes at most, of set-ups that take CASA long.
    """

    name: str
    number: int
    observation: Observation
    beam_px: float
    sky: Mapping[str, Any] = field(default_factory=dict)
    most: tuple[int, int] = (100, 100)

    @property
    def whole_sky(self) -> dict[str, Any]:
        """Section ``sky``: sources from points to the size of the beam, of several types."""
        size, channels, wide = self.observation.n_pixels, self.observation.n_channels, self.beam_px / 2.355
        widest = min(12.0, 0.2 * channels)
        return CONFIG["sky"] | {
            "n_sources": [2, 5],
            "amplitude": [1.0, 3.0],
            "sigma": [max(1.0, 0.3 * wide), max(2.0, 1.2 * wide)],
            "position": [round(0.15 * size), round(0.85 * size)],
            "line_amplitude": [2.0, 6.0],
            "line_centre": [0.15 * channels, 0.85 * channels],
            "line_fwhm": [2.0, widest],
            "separation": 2.0 * self.beam_px,
            "types": {"gaussian": 3.0, "disc": 1.0, "gradient": 1.0},
            **self.sky,
        }  # fmt: skip

    @property
    def key(self) -> str:
        """Of all that decides the cubes."""
        return digest({"observation": self.observation.digest(), "sky": self.whole_sky, "snr": SNR, "depth": DEPTH,
                       "seed": SEED + self.number})  # fmt: skip

    def response(self, cache: Path = CACHE) -> Response:
        """As CASA measured it."""
        return get_response(self.observation, cache)

    def files(self, cache: Path = CACHE) -> tuple[Path, Path]:
        """Dirty beam and primary beam as FITS."""
        folder = response_folder(cache, self.observation)
        return folder / "psf.fits", folder / "pb.fits"


def _setup(
    name: str,
    number: int,
    beam_px: float,
    sky: Mapping[str, Any] | None = None,
    most: tuple[int, int] = (100, 100),
    **values: Any,
) -> SetUp:
    common = {"integration_s": 120.0, "total_time_s": 3600.0, "n_pixels": 128, "pblimit": 0.2}
    return SetUp(name, number, Observation.from_mapping(common | values), beam_px, sky or {}, most)


_LINES = {"line_amplitude": [15.0, 60.0]}  # of many channels the continuum has the sum: it is fainter in each

SETUPS = (
    _setup("ACA, 7 m, 16 channels", 1, 10.0, {"position": [38, 90]}, array="aca.cycle9", frequency_ghz=230.0,
           cell_arcsec=0.65, direction="J2000 05h00m00s -62d00m00s", n_channels=16, channel_width_mhz=30.0),
    _setup("ALMA 1, -2 h, 64 channels", 2, 12.0, array="alma.cycle9.1", frequency_ghz=110.0, cell_arcsec=0.36,
           direction="J2000 12h00m00s 18d00m00s", hour_angle="-2h", n_channels=64, channel_width_mhz=4.0,
           n_pixels=160),
    _setup("ALMA 3, 3 h, 32 channels", 3, 6.0, array="alma.cycle9.3", frequency_ghz=230.0, cell_arcsec=0.15,
           direction="J2000 04h00m00s -35d00m00s", hour_angle="3h", n_channels=32, channel_width_mhz=10.0),
    _setup("ALMA 5, 256 channels", 4, 3.0, _LINES, array="alma.cycle9.5", frequency_ghz=340.0, cell_arcsec=0.06,
           direction="J2000 16h00m00s -5d00m00s", n_channels=256, channel_width_mhz=4.0, n_pixels=96),
    _setup("VLA C, 2 h, 128 channels", 5, 6.0, _LINES, array="vla.c", frequency_ghz=22.2, cell_arcsec=0.17,
           direction="J2000 10h00m00s 55d00m00s", hour_angle="2h", n_channels=128, channel_width_mhz=1.0),
    _setup("ALMA 4, 1000 channels", 6, 4.5, _LINES | {"line_fwhm": [3.0, 40.0]}, array="alma.cycle9.4",
           frequency_ghz=230.0, cell_arcsec=0.1, direction="J2000 08h00m00s -70d00m00s", n_channels=1000,
           channel_width_mhz=1.0, n_pixels=64, integration_s=600.0, most=(0, 2)),
    _setup("SMA, 48 channels", 7, 6.0, array="sma.extended", frequency_ghz=230.0, cell_arcsec=0.2,
           direction="J2000 13h00m00s 10d00m00s", n_channels=48, channel_width_mhz=8.0),
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A cube on disk.

    Attributes
    ----------
    setup : SetUp
    cube_id : int
    dirty, cleaned : Path
    truth : Table
        Its sources, with ``limit_snr``: flux over the smallest error that an estimator can have.
    """

    setup: SetUp
    cube_id: int
    dirty: Path
    cleaned: Path
    truth: Table


def make(setup: SetUp, validation: int, test: int, place: Path = PLACE, cache: Path = CACHE) -> dict[str, list[Made]]:
    """The cubes of a set-up by split; those that are there are kept.

    Parameters
    ----------
    setup : SetUp
    validation, test : int
        How many, and not more than the set-up allows.
    place, cache : Path
        Where cubes and responses lie.
    """
    size, channels = setup.observation.n_pixels, setup.observation.n_channels
    numbers = {"validation": min(validation, setup.most[0]), "test": min(test, setup.most[1])}
    rows = draw_catalogue(setup.whole_sky, channels, numbers, SNR, SEED + setup.number, n_pixels=size)  # fmt: skip
    folder, made = place / f"{setup.number}-{setup.key}", dict[str, list[Made]](validation=[], test=[])
    response, operator = setup.response(cache), None
    for entry in cube_list(rows):
        stem = folder / f"{entry['split']}-{entry['cube_id']:03d}"
        paths = [Path(f"{stem}.{kind}") for kind in ("dirty.fits", "cleaned.fits", "truth.ecsv")]
        if not paths[2].is_file():
            operator = operator or FourierOperator(response)
            log.warning("making %s", stem.name)
            _write(setup, select(rows, [entry["cube_id"]]), entry, (response, operator), paths)
        truth = read_table(paths[2])
        made[entry["split"]].append(Made(setup, 1000 * setup.number + entry["cube_id"], paths[0], paths[1], truth))
    return made


def _write(
    setup: SetUp, own: Table, entry: Mapping[str, Any], instrument: tuple[Response, FourierOperator], paths: list[Path]
) -> None:
    """Make a cube, clean it, and write both and the truth; the truth last, which says that all is there."""
    response, operator = instrument
    sky = sky_cube(own, setup.observation)
    quiet = observe_by_fft(operator, sky, response, "none", 0)
    noise = observe_by_fft(operator, np.zeros_like(sky), response, "thermal", entry["noise_seed"]).data
    rms = thermal_rms(noise)
    louder = 1.0
    if len(own):
        x, y = (int(own[name][np.asarray(own["is_central"], dtype=bool)][0]) for name in "xy")
        louder = float(np.nanmax(quiet.data[:, y - 1 : y + 2, x - 1 : x + 2])) / entry["snr_target"] / rms
    dirty = quiet.with_data((quiet.data + louder * noise).astype(np.float32))
    facts = provenance(setup=setup.name, key=setup.key, cube=entry["cube_id"])
    write_cube(paths[0], dirty.data, dirty.header, facts)
    write_cube(paths[1], cleaned(dirty, response, DEPTH * louder * rms).data, dirty.header, facts)
    truth = measure_truth(own, sky, dirty, setup.observation, **BOX, thermal_rms=louder * rms, white_rms=0.0)
    limits = cube_bounds(truth, response, Beam.of_response(response))
    truth["limit_snr"] = [
        max(float(row[name]) / limit[f"{name}_err"] for name in LIMITS)
        for row, limit in zip(truth, limits, strict=True)
    ]
    truth["cube_id"] = np.asarray(truth["cube_id"], dtype=int) + 1000 * setup.number
    write_table(paths[2], truth, facts)


def cleaned(dirty: Cube, response: Response, threshold: float) -> Cube:
    """A dirty cube after CLEAN down to a threshold (Jy/beam), divided by its primary beam."""
    with tempfile.TemporaryDirectory() as scratch:
        restored = clean(dirty, response.psf(), Path(scratch) / "casa.log", NITER, threshold=threshold)
    return restored.with_data((restored.data / response.primary_beam()).astype(np.float32))


def truth_of(cubes: list[Made]) -> Table:
    """The sources of several cubes in one table."""
    tables = [without_meta(one.truth) for one in cubes if len(one.truth)]
    return vstack(tables, join_type="outer", metadata_conflicts="silent")


def without_meta(table: Table) -> Table:
    """A copy of a table without what is said of its own cube."""
    copy = table.copy()
    copy.meta.clear()
    return copy
