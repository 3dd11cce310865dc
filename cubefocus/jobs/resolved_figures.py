"""Figures of the inference of the main sky: maps, rounds, power spectrum, residuals, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from matplotlib.figure import Figure

from cubefocus.cube.celestial import pixel_arcsec
from cubefocus.errors import CubefocusError
from cubefocus.report.figures.resolved_curves import Residuals, resolved_energy, resolved_power, resolved_residuals
from cubefocus.report.figures.resolved_maps import resolved_maps, resolved_rounds
from cubefocus.report.figures.style import save_figure
from cubefocus.report.tables.resolved import LABELS
from cubefocus.resolve.compared import in_jy_per_arcsec2
from cubefocus.resolve.plane import read_plane
from cubefocus.resolve.posterior import Posterior


@dataclass(frozen=True)
class ResolvedFigures:
    """What is drawn.

    Attributes
    ----------
    posterior, residuals : str
    rounds : str
        Folder of the posteriors after some rounds, named by their numbers.
    tclean : mapping of str to str
        FITS image of each weighting.
    sky : str or None
        True one, where it is known.
    slope, chi2 : sequence of float
        Mean and standard deviation of the prior's slope; reduced chi^2 of an inference that has converged.
    folder : str
        Of the figures.
    provenance : mapping
    """

    posterior: str
    residuals: str
    rounds: str
    tclean: Mapping[str, str]
    sky: str | None
    slope: Sequence[float]
    chi2: Sequence[float]
    folder: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: ResolvedFigures) -> None:
    """Draw them, one after the other.

    Raises
    ------
    CubefocusError
        If a file cannot be read.
    """
    posterior = Posterior.load(job.posterior)
    cell = pixel_arcsec(posterior.header)
    truth = None if job.sky is None else read_plane(job.sky)[0]
    tclean = {LABELS[name]: in_jy_per_arcsec2(path)[0] for name, path in job.tclean.items()}
    figures: dict[str, Figure] = {
        "resolved_maps": resolved_maps(posterior, truth, tclean, cell),
        "resolved_rounds": resolved_rounds(_rounds(job.rounds), cell),
        "resolved_power": resolved_power(posterior, job.slope, truth, cell),
        "resolved_residuals": resolved_residuals(read_residuals(job.residuals)),
        "resolved_energy": resolved_energy(posterior.rounds, job.chi2),
    }
    for name, figure in figures.items():
        save_figure(figure, Path(job.folder) / name, job.provenance)


def _rounds(folder: str) -> dict[int, Posterior]:
    """Posteriors by the round that they were saved after.

    Raises
    ------
    CubefocusError
    """
    found = {int(path.stem): Posterior.load(path) for path in sorted(Path(folder).glob("[0-9]*.h5"))}
    if not found:
        raise CubefocusError(f"{folder}: holds no posterior of a round; infer again")
    return found


def read_residuals(path: str | Path) -> list[Residuals]:
    """Residual visibilities of all windows in units of their noise.

    Raises
    ------
    CubefocusError
        If the file is not there, or not of residuals.
    """
    try:
        with h5py.File(path, "r") as file:
            windows = [file[f"window{number}"] for number in range(len(file))]
            return [Residuals(one["normalised"][()], np.hypot(*one["uvw_m"][:, :2].T)) for one in windows]
    except (OSError, KeyError) as error:
        raise CubefocusError(f"{path}: not a whole file of residuals ({error}); make it again") from error
