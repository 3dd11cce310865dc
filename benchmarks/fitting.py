"""Cubes to fit, and how well the fit does on them, source by source."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table
from scene import ROOT
from scipy.ndimage import affine_transform

from cubefocus.alma.batch import simulate_batch
from cubefocus.alma.bound import cube_bounds
from cubefocus.alma.fitted import FittedCube, fit_cube
from cubefocus.cube.reading import read_cube
from cubefocus.engines.measure import get_response
from cubefocus.files import read_table
from cubefocus.fit.beam import Beam
from cubefocus.fit.misfit import misfits, noise_levels
from cubefocus.fit.sky import on_sky
from cubefocus.fit.source import cov_of
from cubefocus.fit.stretch import stretch_of
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import Response
from cubefocus.settings import EvaluationSettings
from cubefocus.sky.catalogue import draw_catalogue
from cubefocus.sky.model import cube_scale, emissions, sky_cube
from cubefocus.tables.matching import match

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
DEMO = Observation.list_from_mapping(CONFIG["observation"])[0]
BOX = {name: CONFIG["sky"][name] for name in ("box_level", "box_reference")}
CRITERION = EvaluationSettings.from_mapping(CONFIG["evaluation"])
BELONGS = 3.0  # widths of beam and source: a fitted source that near a true one is it, or a part of it
KNOWN_ANGLE = 15.0  # deg: with a larger error a source is nearly round
QUANTITIES = {
    "x, y (px)": ("x", "y"),
    "sigma (px)": ("sigma_x", "sigma_y"),
    "pa (deg)": ("pa",),
    "z (channels)": ("z",),
    "fwhm_z (channels)": ("fwhm_z",),
    "line flux (Jy km/s)": ("line_flux_jykms",),
    "continuum (mJy)": ("continuum_mjy",),
}


@dataclass(frozen=True)
class Case:
    """Cubes that are fitted, and what differs from the default experiment.

    Attributes
    ----------
    name : str
    seed : int
        Of the catalogue.
    cubes : int
    observation : Observation
    sky, noise : dict
        Keys of those config sections that differ.
    scored : str
        Sky type of the sources that are scored; the others only have to be there.
    stretch : float
        Width of the dirty beam that the fit is given, over that of the true one.
    """

    name: str
    seed: int
    cubes: int
    observation: Observation = DEMO
    sky: dict[str, Any] = field(default_factory=dict)
    noise: dict[str, Any] = field(default_factory=dict)
    scored: str = "gaussian"
    stretch: float = 1.0


@dataclass(frozen=True)
class Stretched(Response):
    """A response whose dirty beam is wider than it was."""

    factor: float = 1.0

    def psf(self) -> np.ndarray:
        """Dirty beam about its centre, wider by the factor."""
        psf = super().psf()
        centre = np.array(psf.shape[1:]) // 2
        scale = np.full(2, 1.0 / self.factor)
        return np.stack([affine_transform(plane, scale, centre - scale * centre, order=3) for plane in psf])


@dataclass
class Scored:
    """What came of a case.

    Attributes
    ----------
    sources : list of dict
        One a true source of the scored type.
    n_false : int
        Fitted sources that belong to no true one.
    n_matched : int
        True sources, of all types, that box, centre and line agree with.
    n_true : int
        True sources of all types.
    seconds : list of float
        Of processor, one a cube.
    stretches : list of float
        Width of the dirty beam over that of the given one, one a cube.
    told : int
        Cubes whose sources are flagged for that.
    """

    sources: list[dict[str, Any]] = field(default_factory=list)
    n_false: int = 0
    n_matched: int = 0
    n_true: int = 0
    seconds: list[float] = field(default_factory=list)
    stretches: list[float] = field(default_factory=list)
    told: int = 0


def run(case: Case, cache: Path) -> Scored:
    """Simulate the cubes of a case, fit each from nothing and score it."""
    response = get_response(case.observation, cache)
    beam = Beam.of_response(Stretched(**vars(response), factor=case.stretch) if case.stretch != 1.0 else response)
    true_beam, scored = Beam.of_response(response), Scored()
    sky, noise = CONFIG["sky"] | case.sky, CONFIG["noise"] | case.noise
    snr, size = noise["snr"], case.observation.n_pixels
    rows = draw_catalogue(sky, case.observation.n_channels, {"test": case.cubes}, snr and tuple(snr), case.seed,
                          n_pixels=size)  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        folder = simulate_batch(rows, case.observation, noise, BOX, Path(scratch) / "cubes", engine="fft",
                                responses=cache)  # fmt: skip
        truth = read_table(folder / "truth.ecsv")
        for cube_id in range(case.cubes):
            cube = read_cube(folder / f"{cube_id:06d}.dirty.fits")
            began = time.process_time()
            found = fit_cube(cube, beam, box_level=BOX["box_level"], cube_id=cube_id)
            scored.seconds.append(time.process_time() - began)
            stretch = stretch_of(found.fitted.scene, found.fitted.solution)
            scored.stretches.append(stretch.value)
            scored.told += stretch.differs
            own = truth[truth["cube_id"] == cube_id]
            _score(scored, found, own, case, cube_bounds(own, response, true_beam))
    return scored


def _score(scored: Scored, found: FittedCube, truth: Table, case: Case, limits: list[dict[str, Any]]) -> None:
    """Add the sources of a cube."""
    matched = match(found.catalogue, truth, **CRITERION.criterion(with_line=True))
    scored.n_matched, scored.n_true = scored.n_matched + matched.tp, scored.n_true + len(truth)
    placed = match(found.catalogue, truth, **CRITERION.criterion(with_box=False))
    partner = dict(zip(placed.true.tolist(), placed.pred.tolist(), strict=True))
    scene, components = found.fitted.scene, found.fitted.components
    belongs, fluxes = _belonging(found, truth), _fluxes(found)
    left = misfits(scene, components, found.fitted.solution.products, noise_levels(scene, components))
    scored.n_false += int((belongs < 0).sum())
    totals = _true_fluxes(truth, case.observation)
    for number, row in enumerate(truth):
        if row["type"] != case.scored:
            continue
        parts = np.flatnonzero(belongs == number)
        source: dict[str, Any] = {"parts": len(parts)}
        if len(parts):
            brightest = int(parts[np.argmax(np.abs(fluxes[parts]))])
            source["flux"] = float(fluxes[parts].sum() / totals[number])
            source["misfit"], source["probability"] = left[brightest].ratio, left[brightest].probability
            source["shift"] = [float(_centre(found, brightest)[axis] - row[name]) for axis, name in enumerate("xy")]
        if number in partner:
            source["errors"] = errors_of(found.catalogue[partner[number]], row, limits[number])
        scored.sources.append(source)


def _centre(found: FittedCube, number: int) -> tuple[float, float]:
    return on_sky(found.fitted.components[number], found.fitted.scene.beam).centre


def _belonging(found: FittedCube, truth: Table) -> np.ndarray:
    """Row of the true source that each component belongs to: the nearest for the widths of both; -1 for none."""
    beam = found.fitted.scene.beam
    widths = [cov_of(row["sigma_x"], row["sigma_y"], row["pa"]) + beam.sigma**2 * np.eye(2) for row in truth]
    rows = []
    for number in range(len(found.fitted.components)):
        offsets = [np.array(_centre(found, number)) - (row["x"], row["y"]) for row in truth]
        apart = [math.sqrt(off @ np.linalg.solve(cov, off)) for off, cov in zip(offsets, widths, strict=True)]
        rows.append(int(np.argmin(apart)) if apart and min(apart) < BELONGS else -1)
    return np.array(rows, dtype=int)


def _fluxes(found: FittedCube) -> np.ndarray:
    """Flux of each component on the sky, continuum and lines over all channels, Jy x channel."""
    scene = found.fitted.scene
    alone = replace(scene.spectral, weight=np.ones_like(scene.spectral.weight))
    return np.array([float(alone.of(on_sky(one, scene.beam))[0].sum()) for one in found.fitted.components])


def _true_fluxes(truth: Table, observation: Observation) -> np.ndarray:
    """The same of the true sources."""
    parts = emissions(truth, observation)
    scale = cube_scale(parts, sky_cube(truth, observation))
    return np.array([float((one.continuum_spectrum() + one.line_spectrum()).sum()) * scale for one in parts])


def errors_of(fitted: Table.Row, true: Table.Row, limit: Mapping[str, float]) -> dict[str, tuple[float, float, float]]:
    """Error, stated error and limit of the noise of each parameter; shapes in the description nearest to the truth.

    Widths and angle are exchanged together where the fitted first axis is nearer to the true second one.
    """
    values = {
        name: (float(fitted[name]), float(fitted[f"{name}_err"])) for names in QUANTITIES.values() for name in names
    }
    turn = (values["pa"][0] - true["pa"] + 90.0) % 180.0 - 90.0
    if abs(turn) > 45.0:
        values["sigma_x"], values["sigma_y"] = values["sigma_y"], values["sigma_x"]
        turn -= math.copysign(90.0, turn)
    errors = {name: value - float(true[name]) for name, (value, _) in values.items()} | {"pa": turn}
    return {name: (error, values[name][1], limit[f"{name}_err"]) for name, error in errors.items()}
