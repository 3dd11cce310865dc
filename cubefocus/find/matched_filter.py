"""The matched filter: sources found in what those found so far leave, and fitted together, without any network.

A bank of templates, the dirty beam of Gaussians of a few sizes times spectra with and without a line, is correlated
with the residual of the cube; the highest peak is added to the sources and all are fitted again, until no peak is above
the threshold (`cubefocus.fit`). It knows the dirty beam and the noise and nothing of what sources are drawn from.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.fitted import catalogue_of
from cubefocus.alma.setups import beam_of
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.find.interface import Parameters, known, parameter
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.run import fit_cube_of, without_weak
from cubefocus.learn.distributed import pick_device
from cubefocus.settings import FitSettings, SkySettings

PARAMETERS: dict[str, Any] = {
    "keep": FitSettings().keep,  # least significance of a source: square root of the chi^2 that it explains
    "box_level": SkySettings().box_level,  # share of the highest pixel of the model's image where boxes end
    "response": None,  # folder of the response of the cube's set-up
}
GRID: dict[str, tuple[Any, ...]] = {"keep": (6.5, 7.0, 7.5, 8.0, 9.0)}  # rising: the fit goes on from the last one


class MatchedFilter:
    """The finder; it keeps the fit of the last cube, so that a higher threshold only removes sources from it."""

    def __init__(self) -> None:
        self._last: tuple[bytes, float, Fitted] | None = None

    def __call__(self, image: np.ndarray, parameters: Parameters) -> Table:
        """Find the sources of a cube.

        Parameters
        ----------
        image : ndarray, shape (channel, y, x)
            Dirty cube, Jy/beam. Voxels that are not finite are no data.
        parameters : mapping
            As `PARAMETERS`; ``response`` must be given.

        Returns
        -------
        astropy.table.Table
            One row a source with the columns of `cubefocus.alma.fitted.COLUMNS`: box, line range, parameters on the sky
            with their errors, significance.

        Raises
        ------
        CubefocusError
            If a parameter is not known or out of range, the image is no cube of the size of the response, or the
            response cannot be read.
        """
        known("matched_filter", parameters, PARAMETERS)
        keep = parameter(parameters, "keep", PARAMETERS["keep"], 0.0)
        level = parameter(parameters, "box_level", PARAMETERS["box_level"], 0.0)
        folder = parameters.get("response")
        if folder is None:
            raise CubefocusError("the finder matched_filter needs the response of the set-up; give its folder")
        response, beam = beam_of(Path(folder))
        if image.shape != response.shape:
            raise CubefocusError(f"a cube of shape {image.shape} for {folder}, which is of {response.shape}")
        key = hashlib.blake2b(np.ascontiguousarray(image).data).digest() + str(folder).encode()
        settings = replace(FitSettings(), keep=keep)
        if self._last is not None and self._last[0] == key and self._last[1] <= keep:
            fitted = without_weak(self._last[2], settings)
        else:
            frequencies = response.observation.frequencies_hz
            fitted = fit_cube_of(image, beam, frequencies, [], settings, device=str(pick_device("auto")))
        self._last = key, keep, fitted
        table = catalogue_of(Cube(image, response.header()), fitted, level)
        table.remove_column("cube_id")
        return table
