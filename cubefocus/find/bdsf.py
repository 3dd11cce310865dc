"""PyBDSF (Mohan & Rafferty 2015, ascl:1502.007): islands above a threshold, with Gaussians fitted to them.

The package ``bdsf`` is under the GPL; it runs in a process of its own and is needed for this finder only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.find.gaussians import detections
from cubefocus.find.interface import Parameters, numbers
from cubefocus.find.tool import CELL_DEG, run_tool

PACKAGE = "bdsf"
PARAMETERS = {"thresh_pix": 5.0, "thresh_isl": 3.0, "smoothing": 0.0, "extent": 1.25, "beam": 5.0}
# Islands down to 2 sigma are so large in white noise that fitting their many Gaussians takes minutes an image.
GRID = {
    "thresh_pix": (5.0, 6.0, 8.0),
    "thresh_isl": (3.0, 4.0, 5.0, 6.0),
    "extent": (0.75, 1.0, 1.25, 1.5, 1.75),
}
ANY_FREQUENCY_HZ = 230e9  # of one image it decides nothing, but PyBDSF asks for it


def find(image: np.ndarray, parameters: Parameters = PARAMETERS) -> Table:
    """Find sources with PyBDSF; a `cubefocus.find.interface.Finder`.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    parameters : mapping
        ``thresh_pix`` and ``thresh_isl`` as PyBDSF names them: thresholds of peaks and of islands in units of the
        noise. ``smoothing``: as in `cubefocus.find.tool.run_tool`. ``extent``: as in
        `cubefocus.find.gaussians.detections`. ``beam``: FWHM of a round beam in pixels, from which PyBDSF takes the
        smallest island and first guesses; what it fits is not deconvolved.

    Returns
    -------
    astropy.table.Table
        One row a source, of one or several Gaussians.

    Raises
    ------
    CubefocusError
        If PyBDSF fails.
    """
    values = numbers("bdsf", parameters, PARAMETERS)
    extent, smoothing = values.pop("extent"), values.pop("smoothing")
    sources = run_tool("bdsf", image, values, smoothing)
    return detections([source["gaussians"] for source in sources], image.shape, extent)


def allowed(point: Parameters) -> bool:
    """Whether a point of the grid can be used: PyBDSF wants islands to reach below their peaks."""
    return bool(point["thresh_isl"] < point["thresh_pix"])


def search(path: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run PyBDSF on a file, in the process of `cubefocus.find.tool_process`."""
    import bdsf

    beam = settings["beam"] * CELL_DEG
    found = bdsf.process_image(
        str(path), frequency=ANY_FREQUENCY_HZ, beam=(beam, beam, 0.0), quiet=True, ncores=1,
        thresh="hard", thresh_pix=settings["thresh_pix"], thresh_isl=settings["thresh_isl"],
    )  # fmt: skip
    return [{"gaussians": [_gaussian(one) for one in source.gaussians]} for source in getattr(found, "sources", [])]


def _gaussian(fitted: Any) -> dict[str, float]:
    (x, y), (major, minor, pa) = fitted.centre_pix, fitted.size_pix
    values = {"x": x, "y": y, "major": major, "minor": minor, "pa": pa}
    return {name: float(v) for name, v in (values | {"peak": fitted.peak_flux, "noise": fitted.rms}).items()}
