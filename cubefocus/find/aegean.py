"""Aegean (Hancock et al. 2012, 2018): islands flooded from their peaks, with Gaussians fitted to their summits.

The package ``AegeanTools`` runs in a process of its own and is needed for this finder only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from cubefocus.find.gaussians import detections
from cubefocus.find.interface import Parameters, numbers
from cubefocus.find.tool import CELL_DEG, run_tool

PACKAGE = "AegeanTools"
PARAMETERS = {"innerclip": 5.0, "outerclip": 4.0, "smoothing": 1.0, "extent": 1.25, "max_summits": 3, "beam": 5.0}
GRID = {
    "innerclip": (5.0, 6.0, 8.0),
    "outerclip": (3.0, 4.0, 5.0, 6.0),
    "extent": (0.75, 1.0, 1.25, 1.5, 1.75),
}


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Find sources with Aegean; a `cubefocus.find.interface.Finder`.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    parameters : mapping
        ``innerclip``, ``outerclip`` and ``max_summits`` as Aegean names them: thresholds of peaks and of islands in
        units of the noise, and the most Gaussians that are fitted to an island; summits that are not fitted are left
        out. ``smoothing``: as in `cubefocus.find.tool.run_tool`. ``extent``: as in
        `cubefocus.find.gaussians.detections`. ``beam``: FWHM of a round beam in pixels, about the least width of a
        Gaussian; what Aegean fits is not deconvolved.

    Returns
    -------
    astropy.table.Table
        One row a Gaussian.

    Raises
    ------
    CubefocusError
        If Aegean fails.
    """
    values = numbers("aegean", parameters, PARAMETERS)
    extent, smoothing = values.pop("extent"), values.pop("smoothing")
    return detections([[row] for row in run_tool("aegean", image, values, smoothing)], image.shape, extent)


def allowed(point: Parameters) -> bool:
    """Whether a point of the grid can be used: no island is flooded down to a level above its peak."""
    return bool(point["outerclip"] <= point["innerclip"])


def search(path: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run Aegean on a file, in the process of `cubefocus.find.tool_process`."""
    from AegeanTools import flags
    from AegeanTools.source_finder import SourceFinder
    from AegeanTools.wcs_helpers import Beam
    from astropy.io import fits

    np.linalg.linalg = np.linalg  # type: ignore[attr-defined]  # AegeanTools 2.3.5 looks for LinAlgError there
    beam = settings["beam"] * CELL_DEG
    found = SourceFinder().find_sources_in_image(
        str(path), innerclip=settings["innerclip"], outerclip=settings["outerclip"], beam=Beam(beam, beam, 0.0),
        max_summits=int(settings["max_summits"]), cores=1, cube_index=0, progress=False,
    )  # fmt: skip
    wcs = WCS(fits.getheader(path))
    return [_gaussian(one, wcs) for one in found if not one.flags & flags.NOTFIT]


def _gaussian(fitted: Any, wcs: WCS) -> dict[str, float]:
    x, y = wcs.wcs_world2pix([[fitted.ra, fitted.dec]], 0)[0]
    major, minor = (float(axis) / 3600.0 / CELL_DEG for axis in (fitted.a, fitted.b))
    values = {"x": x, "y": y, "major": major, "minor": minor, "pa": fitted.pa}
    return {name: float(v) for name, v in (values | {"peak": fitted.peak_flux, "noise": fitted.local_rms}).items()}
