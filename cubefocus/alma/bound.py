"""The limit of the noise for the true sources of a cube, in the units of the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.fitted import KM_S
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.bound import bounds
from cubefocus.fit.sky import NAMES, from_truth
from cubefocus.instrument.response import Response
from cubefocus.tables.columns import column

IN_PIXELS = ("x", "y", "sigma_x", "sigma_y", "pa", "z", "fwhm_z")


def cube_bounds(truth: Table, response: Response, beam: Beam) -> list[dict[str, Any]]:
    """Smallest standard errors of the sources of a cube: one row each.

    Parameters
    ----------
    truth : Table
        True sources of the cube, with what was drawn and measured, and the rms of both parts of the noise.
    response : Response
        Of its set-up.
    beam : Beam
        The same for the fit.

    Returns
    -------
    list of dict
        cube_id, source_id, and ``<name>_err`` of x y sigma_x sigma_y (pixels), pa (deg), z fwhm_z (channels),
        continuum_mjy, line_flux_jykms, major minor (arcsec) and position_angle (deg).
    """
    if not len(truth):
        return []
    observation = response.observation
    frequencies = observation.frequencies_hz
    log_ratio = np.log(frequencies[len(frequencies) // 2] / frequencies)
    width = KM_S * observation.channel_width_mhz / (1e3 * column(truth, "frequency"))
    drawn = {name: column(truth, name) for name in ("x", "y", "sigma_x", "sigma_y", "pa", "z", "fwhm_z")}
    drawn |= {"continuum": column(truth, "continuum_mjy") / 1e3, "line": column(truth, "line_flux_jykms") / width}
    drawn["index"] = column(truth, "spectral_index")
    sources = [
        from_truth(**{name: float(values[number]) for name, values in drawn.items()}, log_ratio=log_ratio)
        for number in range(len(truth))
    ]
    held = response.primary_beam().max(axis=0) >= observation.pblimit
    noise = float(column(truth, "white_rms")[0]), float(column(truth, "thermal_rms")[0])
    errors = bounds(sources, beam, frequencies, *noise, held)
    rows = []
    for number, error in enumerate(errors):
        own = dict(zip(NAMES, error.tolist(), strict=True))
        row = {name: int(truth[name][number]) for name in ("cube_id", "source_id")}
        row |= {f"{name}_err": own[name] for name in IN_PIXELS}
        row |= {f"{name}_err": own[name] * SIGMA_TO_FWHM * observation.cell_arcsec for name in ("major", "minor")}
        row |= {"position_angle_err": own["angle"], "continuum_mjy_err": 1e3 * own["continuum"]}
        rows.append(row | {"line_flux_jykms_err": own["line"] * float(width[number])})
    return rows
