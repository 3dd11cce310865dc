"""SoFiA-2 itself (Westmeier et al. 2021, MNRAS 506, 3962), run as a program where it is installed.

https://gitlab.com/SoFiA-Admin/SoFiA-2 has it, under the GPL. `cubefocus.find.smooth_and_clip` is an independent
implementation of the same method, with the same parameters.

Versions differ in the name of the least SNR only, among what is written here; the program is asked for its own.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.votable.exceptions import VOWarning
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.find import smooth_and_clip
from cubefocus.find.interface import COLUMNS, Parameters, known
from cubefocus.find.smooth_and_clip import LINE_COLUMNS, OWN_COLUMNS

logger = logging.getLogger(__name__)

PROGRAM = "sofia"
NO_SOURCES = 8  # its exit status where nothing is found; there is no catalogue then
CELL = 1.0 / 3600.0  # deg; any will do, as long as the beam has the right number of pixels
# What it says, and ends, where it has too few negative sources to tell the reliability of any.
UNRATED = ("No negative sources found", "Covariance matrix is not invertible")
NO_POSITIVE = "No positive sources found"
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
VERSION = re.compile(r"(?:Version:|SoFiA)\s+v?(\d+)\.(\d+)")
UNKNOWN = re.compile(r"Unknown parameter: '([^']*)'")
# Of a source: flux over noise times sqrt(voxels), above which it is reliable; the later ones divide by sqrt(beam), too.
FMIN, RELIABILITY_SNR, FILTER_SNR = SNR_NAMES = "reliability.fmin", "reliability.minSNR", "filter.minSNR"
# It has boxcars for kernels, whatever is asked for.
PARAMETERS = {name: value for name, value in smooth_and_clip.PARAMETERS.items() if name != "kernel"}
SOFIA_DEFAULTS = {name: smooth_and_clip.SOFIA_DEFAULTS[name] for name in PARAMETERS}
GRID = smooth_and_clip.GRID
NAMES = {
    "kernels_xy": "scfind.kernelsXY",
    "kernels_z": "scfind.kernelsZ",
    "threshold": "scfind.threshold",
    "replacement": "scfind.replacement",
    "radius_xy": "linker.radiusXY",
    "radius_z": "linker.radiusZ",
    "min_size_xy": "linker.minSizeXY",
    "min_size_z": "linker.minSizeZ",
    "reliability": "reliability.threshold",
    "scale_kernel": "reliability.scaleKernel",
    "scale_noise": "scaleNoise.enable",
    "subtract_continuum": "contsub.enable",
}
FIXED = {
    "pipeline.pedantic": False,  # 2.6 changed the name of the least SNR on the way: both are written
    "pipeline.threads": 1,
    "input.data": "cube.fits",
    "scfind.enable": True,
    "scfind.statistic": "mad",
    "scfind.fluxRange": "negative",
    "scaleNoise.mode": "spectral",
    "reliability.plot": False,
    "dilation.enable": False,
    "parameter.enable": True,
    "parameter.wcs": False,
    "parameter.physical": False,  # fluxes are sums of voxels in the unit of the cube
    "parameter.offset": True,  # positions in the cube, not in the region
    "output.filename": "found",
    "output.writeCatXML": True,
    "output.writeCatASCII": False,
    "output.overwrite": True,
}


def available() -> bool:
    """Whether the program is on PATH."""
    return shutil.which(PROGRAM) is not None


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Find the sources of a cube with SoFiA-2.

    Parameters
    ----------
    image : ndarray, shape (channel, y, x)
        Dirty cube; NaN is no data.
    parameters : mapping
        As for `cubefocus.find.smooth_and_clip.find`, without ``kernel``. SoFiA-2 subtracts the continuum in its own
        way, by a fit.

    Returns
    -------
    astropy.table.Table
        With the columns of `cubefocus.find.smooth_and_clip.find`. Where there are too few negative sources to tell the
        reliability, it is 1, as there.

    Raises
    ------
    CubefocusError
        If SoFiA-2 is not on PATH or fails, or a parameter is not known or out of range.
    """
    known("sofia", parameters, PARAMETERS)
    settings = smooth_and_clip.checked(parameters)
    region = smooth_and_clip.region(image, settings)
    program = shutil.which(PROGRAM)
    if program is None:
        raise CubefocusError(
            f"SoFiA-2 is not there: no program {PROGRAM!r} on PATH; install it from "
            "https://gitlab.com/SoFiA-Admin/SoFiA-2, or use the finder smooth_and_clip"
        )
    version = _version(program, os.stat(program).st_mtime_ns)
    with tempfile.TemporaryDirectory(prefix="sofia-") as name:
        folder = Path(name)
        _write_cube(folder / "cube.fits", image, settings["beam_area"])
        said = _run(program, parameter_file(settings, region, folder, version), folder)
        unrated = settings["reliability"] > 0 and said.startswith(UNRATED)
        if unrated:
            logger.debug("%s; searching again without reliability", said)
            said = _run(program, parameter_file(settings | {"reliability": 0.0}, region, folder, version), folder)
        if said and not said.startswith(NO_POSITIVE):
            which = "of a version that it does not tell" if version is None else "{}.{}".format(*version)
            raise CubefocusError(f"{program} ({which}) failed: {said}; check its parameters, or use smooth_and_clip")
        catalogue = folder / "found_cat.xml"
        found = _read(catalogue) if catalogue.is_file() else _empty()
    return _table(_all_reliable(found, settings) if unrated else found)


@functools.lru_cache(maxsize=4)
def _version(program: str, modified: int) -> tuple[int, int] | None:
    """Major and minor version, which every version prints before it asks for its parameters; None if it does not."""
    ran = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    told = VERSION.search(COLOUR.sub("", ran.stdout + ran.stderr))
    return (int(told[1]), int(told[2])) if told else None


def parameter_file(
    settings: Mapping[str, Any], region: tuple[slice, ...], folder: Path, version: tuple[int, int] | None
) -> str:
    """Text of SoFiA-2's parameter file.

    Parameters
    ----------
    settings : mapping
        As made by `cubefocus.find.smooth_and_clip.checked`.
    region : tuple of slice
        Of (channel, y, x), what is searched.
    folder : Path
        Where the results go.
    version : (major, minor) or None
        Of the program; for one that does not tell its version all names that there are for a parameter are written.
    """
    corners = [bound for axis in reversed(region) for bound in (axis.start, axis.stop - 1)]
    values = FIXED | {name: settings[ours] for ours, name in NAMES.items()}
    rated, min_snr = settings["reliability"] > 0, settings["min_snr"]
    values |= {"input.region": corners, "output.directory": folder, "reliability.enable": rated}
    limits = {FMIN: min_snr * float(np.sqrt(settings["beam_area"])), RELIABILITY_SNR: min_snr}
    limits[FILTER_SNR] = min_snr if rated else 0.0  # this one also has a say without the reliability
    values |= {name: limits[name] for name in _snr_names(version)}
    return "".join(f"{name} = {_spelled(value)}\n" for name, value in values.items())


def _snr_names(version: tuple[int, int] | None) -> tuple[str, ...]:
    """Names of the least SNR that a version may know."""
    if version is None:
        return SNR_NAMES
    if version < (2, 3):
        return (FMIN,)
    if version < (2, 6):
        return (RELIABILITY_SNR,)
    return (RELIABILITY_SNR, FILTER_SNR) if version == (2, 6) else (FILTER_SNR,)


def _spelled(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_spelled, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _write_cube(path: Path, image: np.ndarray, beam_area: float) -> None:
    header = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ", "BUNIT": "Jy/beam"})
    header.update({"CDELT1": -CELL, "CDELT2": CELL, "CDELT3": 1e6, "CRVAL3": 1e11})
    if beam_area > 1:  # pi BMAJ BMIN / (4 ln 2) is the area of a beam
        header["BMAJ"] = header["BMIN"] = CELL * np.sqrt(4.0 * np.log(2.0) * beam_area / np.pi)
    fits.PrimaryHDU(np.asarray(image, dtype=np.float32), header).writeto(path)


def _run(program: str, parameters: str, folder: Path) -> str:
    """Run it in a folder; what went wrong, in its own words, or nothing.

    Raises
    ------
    CubefocusError
        If it does not know a parameter: it would go on with its own value in silence.
    """
    (folder / "sofia.par").write_text(parameters)
    ran = subprocess.run(
        [program, "sofia.par"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    out, err = (COLOUR.sub("", text) for text in (ran.stdout, ran.stderr))
    logger.debug("%s", out)
    _refuse_unknown(program, parameters, set(UNKNOWN.findall(out + err)))
    if ran.returncode in (0, NO_SOURCES):
        return ""
    if ran.returncode < 0:
        return f"stopped by {signal.Signals(-ran.returncode).name}"
    return _sentence(err) or _sentence(out) or f"status {ran.returncode} without a message"


def _refuse_unknown(program: str, parameters: str, unknown: set[str]) -> None:
    snr = {name for name in SNR_NAMES if f"{name} = " in parameters}
    wrong = sorted(unknown - snr) or (sorted(snr) if snr <= unknown else [])
    if wrong:
        raise CubefocusError(
            f"{program} does not know the parameter {wrong[0]}; use SoFiA-2 of version 2.2 or later, or smooth_and_clip"
        )


def _sentence(text: str) -> str:
    """Last error in what it prints, or else the last line, on one line."""
    _, error, message = text.rpartition("ERROR:")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Terminating with error code")]
    return " ".join(lines if error else lines[-1:]).rstrip(".")


def _read(catalogue: Path) -> dict[str, np.ndarray]:
    """Columns of smooth_and_clip, and noise, of a catalogue; SoFiA-2's boxes have both ends in them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VOWarning)
        raw = Table.read(catalogue, format="votable")
    absent = [name for name in _NEEDED if name not in raw.colnames]
    if absent:
        raise CubefocusError(f"the catalogue of SoFiA-2 has no column {absent[0]!r}; check its version")
    own: dict[str, np.ndarray] = {name: np.ma.filled(np.ma.asarray(raw[name], dtype=float), np.nan) for name in _NEEDED}
    values = {"x0": own["x_min"], "y0": own["y_min"], "x1": own["x_max"] + 1, "y1": own["y_max"] + 1}
    values |= {"x": own["x"], "y": own["y"], "z": own["z"], "z0": own["z_min"] - 0.5, "z1": own["z_max"] + 0.5}
    values |= {"peak": own["f_max"], "flux": own["f_sum"], "snr": own["f_max"] / own["rms"]}
    return values | {"n_voxels": own["n_pix"], "reliability": own["rel"], "rms": own["rms"]}


_NEEDED = (
    "x", "y", "z", "x_min", "x_max", "y_min", "y_max", "z_min", "z_max", "n_pix", "f_max", "f_sum", "rel", "rms",
)  # fmt: skip
_KINDS = {name: kind for name, kind in (COLUMNS | LINE_COLUMNS | OWN_COLUMNS).items() if name != "snr_sum"}


def _empty() -> dict[str, np.ndarray]:
    return {name: np.empty(0) for name in (*_KINDS, "rms")}


def _all_reliable(found: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Sources of a search without reliability as one with it has them: of enough SNR, and all of them reliable."""
    snr_sum = found["flux"] / (found["rms"] * np.sqrt(found["n_voxels"] * settings["beam_area"]))
    kept = {name: values[snr_sum >= settings["min_snr"]] for name, values in found.items()}
    return kept | {"reliability": np.ones(len(kept["flux"]))}


def _table(values: Mapping[str, np.ndarray]) -> Table:
    return Table({name: values[name].astype(kind) for name, kind in _KINDS.items()})
