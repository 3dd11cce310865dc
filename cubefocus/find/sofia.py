"""SoFiA-2 itself (Westmeier et al. 2021, MNRAS 506, 3962), run as a program where it is installed.

https://gitlab.com/SoFiA-Admin/SoFiA-2 has it, under the GPL. `cubefocus.find.smooth_and_clip` is an independent
implementation of the same method, with the same parameters.
"""

from __future__ import annotations

import logging
import shutil
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
from cubefocus.find.interface import COLUMNS, Parameters
from cubefocus.find.smooth_and_clip import LINE_COLUMNS, OWN_COLUMNS

logger = logging.getLogger(__name__)

PROGRAM = "sofia"
NO_SOURCES = 8  # its exit status where nothing is found; there is no catalogue then
CELL = 1.0 / 3600.0  # deg; any will do, as long as the beam has the right number of pixels
PARAMETERS = smooth_and_clip.PARAMETERS
SOFIA_DEFAULTS = smooth_and_clip.SOFIA_DEFAULTS
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
    "pipeline.pedantic": False,  # it has minSNR below two names, of which each version knows one
    "pipeline.threads": 1,
    "input.data": "cube.fits",
    "scfind.enable": True,
    "scfind.statistic": "mad",
    "scfind.fluxRange": "negative",
    "scaleNoise.mode": "spectral",
    "linker.enable": True,
    "reliability.parameters": ("peak", "sum", "mean"),
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
        As for `cubefocus.find.smooth_and_clip.find`. SoFiA-2 subtracts the continuum in its own way, by a fit.

    Returns
    -------
    astropy.table.Table
        With the columns of `cubefocus.find.smooth_and_clip.find`.

    Raises
    ------
    CubefocusError
        If SoFiA-2 is not on PATH or fails, or a parameter is not known or out of range.
    """
    settings = smooth_and_clip.checked(parameters)
    region = smooth_and_clip.region(image, settings)
    program = shutil.which(PROGRAM)
    if program is None:
        raise CubefocusError(
            f"SoFiA-2 is not there: no program {PROGRAM!r} on PATH; install it from "
            "https://gitlab.com/SoFiA-Admin/SoFiA-2, or use the finder smooth_and_clip"
        )
    with tempfile.TemporaryDirectory(prefix="sofia-") as name:
        folder = Path(name)
        _write_cube(folder / "cube.fits", image, settings["beam_area"])
        (folder / "sofia.par").write_text(parameter_file(settings, region, folder))
        _run(program, folder)
        catalogue = folder / "found_cat.xml"
        return _read(catalogue) if catalogue.is_file() else _table({name: np.empty(0) for name in _KINDS})


def parameter_file(settings: Mapping[str, Any], region: tuple[slice, ...], folder: Path) -> str:
    """Text of SoFiA-2's parameter file.

    Parameters
    ----------
    settings : mapping
        As made by `cubefocus.find.smooth_and_clip.checked`.
    region : tuple of slice
        Of (channel, y, x), what is searched.
    folder : Path
        Where the results go.
    """
    corners = [bound for axis in reversed(region) for bound in (axis.start, axis.stop - 1)]
    values = FIXED | {name: settings[ours] for ours, name in NAMES.items()}
    values |= {"input.region": corners, "output.directory": folder, "reliability.enable": settings["reliability"] > 0}
    # the later version applies it without the reliability as well
    values |= {name: settings["min_snr"] for name in ("reliability.minSNR", "filter.minSNR")}
    return "".join(f"{name} = {_spelled(value)}\n" for name, value in values.items())


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


def _run(program: str, folder: Path) -> None:
    ran = subprocess.run([program, "sofia.par"], cwd=folder, capture_output=True, text=True, check=False)
    logger.debug("%s", ran.stdout)
    if ran.returncode not in (0, NO_SOURCES):
        last = (ran.stderr.strip() or ran.stdout.strip() or "no message").splitlines()[-1]
        raise CubefocusError(f"{program} failed with status {ran.returncode}: {last}; check its version and parameters")


def _read(catalogue: Path) -> Table:
    """Catalogue in the columns of smooth_and_clip; SoFiA-2's boxes have both ends in them."""
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
    return _table(values | {"n_voxels": own["n_pix"], "reliability": own["rel"]})


_NEEDED = (
    "x", "y", "z", "x_min", "x_max", "y_min", "y_max", "z_min", "z_max", "n_pix", "f_max", "f_sum", "rel", "rms",
)  # fmt: skip
_KINDS = {name: kind for name, kind in (COLUMNS | LINE_COLUMNS | OWN_COLUMNS).items() if name != "snr_sum"}


def _table(values: Mapping[str, np.ndarray]) -> Table:
    return Table({name: values[name].astype(kind) for name, kind in _KINDS.items()})
