"""``cubefocus simulate``: observe a sky model of the user's own."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.cli.options import check_seed
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.engines.simulate import simulate
from cubefocus.errors import CubefocusError
from cubefocus.files import make_folder, read_yaml
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import response_hash
from cubefocus.provenance import provenance
from cubefocus.sky.skyfile import UNITS, keep_frame, place_sky
from cubefocus.stats.noise import thermal_rms

logger = logging.getLogger(__name__)

# option, field of Observation, type, help; the options of the second group override the sky model's own header
SETUP_OPTIONS = (
    ("--array", "array", str, "antenna configuration: a name of casadata's such as alma.cycle9.3, or a .cfg file"),
    ("--integration", "integration_s", float, "one integration, in s"),
    ("--total-time", "total_time_s", float, "whole observation, in s"),
    ("--hour-angle", "hour_angle", str, "of the middle of the observation: transit, or hours such as --hour-angle=-2h"),
    ("--pwv", "pwv_mm", float, "precipitable water vapour in mm, for the thermal noise"),
    ("--pblimit", "pblimit", float, "blank pixels where the primary beam is below this share of its peak"),
)
GRID_OPTIONS = (
    ("--direction", "direction", str, "phase centre, such as 'J2000 03h59m59.96s -34d59m59.5s'"),
    ("--cell", "cell_arcsec", float, "pixel size in arcsec"),
    ("--frequency", "frequency_ghz", float, "of the middle channel (n // 2), in GHz"),
    ("--channel-width", "channel_width_mhz", float, "in MHz"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        f"Observe a sky model with an interferometer and make its dirty cube. The model is in {UNITS}. "
        "Its size, cell, frequencies and direction are taken from its header."
    )
    parser.epilog = "Example: cubefocus simulate sky.fits -o dirty.fits --noise thermal"
    parser.add_argument("sky", metavar="SKY.fits", help="sky model: FITS cube or image")
    parser.add_argument("-o", "--output", metavar="DIRTY.fits", required=True, help="dirty cube to write, in Jy/beam")
    parser.add_argument("--overwrite", action="store_true", help="replace DIRTY.fits if it exists")
    parser.add_argument("--engine", choices=["casa", "fft"], default="casa", help="what simulates: CASA, or its "
                        "response to the set-up, measured once, applied in a second (default: casa)")  # fmt: skip
    noise = parser.add_argument_group("noise")
    noise.add_argument("--noise", choices=["none", "thermal"], default="none", help="thermal noise (default: none)")
    noise.add_argument("--white-rms", type=float, metavar="JY", help="add white noise of this rms, in Jy/beam")
    noise.add_argument("--seed", type=int, default=1, metavar="N", help="of all noise (default: %(default)s)")
    setup = parser.add_argument_group("observing set-up (defaults: 43 antennas of ALMA, 2400 s at transit)")
    setup.add_argument("--observation", metavar="FILE.yaml", help="set-up in YAML (its inbright is not used)")
    for option, field, kind, text in SETUP_OPTIONS:
        setup.add_argument(option, dest=field, type=kind, metavar=option[2:].upper(), help=text)
    grid = parser.add_argument_group("overriding the header of the sky model")
    for option, field, kind, text in GRID_OPTIONS:
        grid.add_argument(option, dest=field, type=kind, metavar=option[2:].upper(), help=text)
    grid.add_argument("--inbright", type=float, metavar="JY", help="scale the brightest voxel to this, in Jy/pixel")
    files = parser.add_argument_group("files")
    files.add_argument("--log", metavar="FILE", help="CASA's log (default: DIRTY.log)")
    files.add_argument("--scratch", metavar="DIR", help="where CASA's scratch files go (default: TMPDIR)")
    files.add_argument("--response-cache", metavar="DIR", help="where the engine fft keeps the responses it measures "
                       "(default: ~/.cache/cubefocus/responses)")  # fmt: skip
    files.add_argument("--device", default="cpu", help="where the engine fft computes: cpu, cuda (default: cpu)")
    files.add_argument("--visibilities", metavar="FILE.npz", help="write the visibilities as a numpy archive")
    files.add_argument("--keep-ms", metavar="DIR", help="leave the Measurement Set here")
    parser.set_defaults(run=run_simulate)


def run_simulate(options: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    CubefocusError
        If an option, the sky model or the set-up is unusable, or the simulation fails.
    """
    output = Path(options.output)
    _check_output(output, options.overwrite)
    check_seed(options.seed)
    model = read_cube(options.sky)
    sky, observation = _load(options, model)
    make_folder(output.absolute().parent, "name another output")
    started = time.monotonic()
    logger.info("observing %s with %s: %d channels of %d x %d px ...", options.sky, observation.array, *sky.shape)
    dirty = simulate(
        sky,
        observation,
        options.engine,
        options.noise,
        options.seed,
        options.white_rms,
        log=options.log or (output.with_suffix(".log") if options.engine == "casa" else None),
        scratch=options.scratch,
        cache=options.response_cache,
        device=options.device,
        name=options.sky,
        visibilities=options.visibilities,
        keep_ms=options.keep_ms,
    )
    keep_frame(dirty.header, model)
    noise = {"noise": options.noise, "seed": options.seed, "white_rms": options.white_rms}
    facts = {"sky": Path(options.sky).name, "observation": _recorded(observation, sky), **noise}
    write_cube(output, dirty.data, dirty.header, provenance(**_instrument(options, observation, sky), **facts))
    _report(output, dirty, time.monotonic() - started, noisy=options.noise != "none" or bool(options.white_rms))


def _check_output(output: Path, overwrite: bool) -> None:
    if not output.name.endswith((".fits", ".fits.gz")):
        raise CubefocusError(f"{output}: name the output something.fits")
    if output.exists() and not overwrite:
        raise CubefocusError(f"{output}: exists already; name another file or add --overwrite")


def _load(options: argparse.Namespace, model: Cube) -> tuple[np.ndarray, Observation]:
    """Sky in Jy/pixel and its observing set-up, from the file, the YAML and the options."""
    if options.white_rms is not None and not 0 <= options.white_rms < np.inf:
        raise CubefocusError(f"--white-rms is {options.white_rms}; it must be 0 or more, in Jy/beam")
    chosen = {field: getattr(options, field) for _, field, _, _ in SETUP_OPTIONS + GRID_OPTIONS}
    chosen = {field: value for field, value in chosen.items() if value is not None}
    given = {**_from_yaml(options.observation), **chosen}
    moved = {field: chosen[field] for _, field, _, _ in GRID_OPTIONS if field in chosen}
    sky, observation = place_sky(model, options.sky, given, moved)
    if options.inbright is None:
        return sky, observation
    peak = float(np.nanmax(sky))
    if not (peak > 0 and 0 < options.inbright < np.inf):
        raise CubefocusError(f"{options.sky}: brightest voxel {peak} Jy/pixel cannot be scaled to {options.inbright}; "
                             "both must be above 0")  # fmt: skip
    return sky * np.float32(options.inbright / peak), observation


def _from_yaml(path: str | None) -> Mapping[str, Any]:
    """Fields that a YAML file sets, after `Observation.from_yaml` has checked them all."""
    if path is None:
        return {}
    observation = Observation.from_yaml(path)
    values = read_yaml(path)
    values = values["observation"] if isinstance(values.get("observation"), Mapping) else values
    return {field: getattr(observation, field) for field in values}


def _instrument(options: argparse.Namespace, observation: Observation, sky: np.ndarray) -> dict[str, Any]:
    """Engine for the provenance, with what the engine fft needs besides."""
    if options.engine == "casa":
        return {"engine": "casa"}
    shape = (sky.shape[0], sky.shape[1], sky.shape[2])
    return {"engine": "fft", "device": options.device, "responses": [response_hash(observation, shape)]}


def _recorded(observation: Observation, sky: np.ndarray) -> dict[str, Any]:
    """Set-up for the provenance; how bright the sky is stands in the sky itself."""
    recorded = asdict(observation) | {"shape": list(sky.shape)}
    return {name: value for name, value in recorded.items() if name not in ("inbright", "n_pixels", "n_channels")}


def _report(output: Path, dirty: Cube, seconds: float, noisy: bool) -> None:
    major, minor, angle = dirty.beam or (0.0, 0.0, 0.0)
    noise = f", noise {1e3 * thermal_rms(dirty.data):.4g} mJy/beam a channel" if noisy else ""
    logger.info(
        "%s: peak %.4g Jy/beam%s, beam %.3f x %.3f arcsec at %.0f deg, made in %.0f s",
        output, float(np.nanmax(dirty.data)), noise, major, minor, angle, seconds,
    )  # fmt: skip
