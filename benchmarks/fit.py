"""The fit of all sources of a cube through the dirty beam: time, accuracy, and sources and beams that it does not know.

    python benchmarks/fit.py [--cubes 24] [--rounds 3] [--responses build/responses]

Cubes are simulated with the engine fft and with seeds that nothing else uses, and fitted from nothing. The first run
has CASA measure the responses that the cache lacks: 20 s each, and two minutes for the one of the paper's size.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from common import alternate, machine, write_results
from fitting import BELONGS, BOX, DEMO, KNOWN_ANGLE, QUANTITIES, Case, Scored, run
from scene import CACHE, catalogue_of, paper_response, scenes_of

from cubefocus.alma.fitted import fit_cube
from cubefocus.fit.beam import Beam
from cubefocus.fit.misfit import POOR
from cubefocus.fit.model import Scene

SEED = 90_000  # the experiments have 1 and 2023
THREADS = 2
GOALS = {"candidates": 0.5, "nothing": 10.0}  # seconds
SPREAD = {"x": 0.7, "y": 0.7, "sigma_x": 0.6, "sigma_y": 0.6, "pa": 15.0, "z": 0.5, "fwhm_z": 0.8}  # of candidates
OTHERS = ("disc", "gradient", "multi_line", "absorption")
DIFFUSE_CUBES = 4  # of them each takes as long as 30 others

ACCURACY_NOTES = (
    "Sources within 3 pixels of a true one. Shapes are compared in the description nearest to the truth, widths and "
    f"angle exchanged together; angles of sources whose limit is below {KNOWN_ANGLE:g} deg. Limit: what no estimator "
    "can undercut (Cramer-Rao, all sources of the cube together). Over limit, over stated: errors over the limit of "
    "their own source, and over the stated error: rms or standard deviation, and half the width of the central 68 %, "
    "which ignores outliers; 1 where they are as small, or mean, what they say. Within 68 % and 95 %: share of true "
    "values in the stated intervals.",
)
FIT_NOTES = (
    f"A fitted source belongs to the true one nearest to it within {BELONGS:g} widths of beam and source, and is false "
    "if there is none. Recall asks that box, centre and line range agree, of all sources in the cubes; the other "
    "columns are of the sources of the type named. Split: share of those found that the fit describes by more than one "
    "source. Flux: of all that belongs to a source, continuum and lines, over the true one: median, and half of the "
    "central 68 %. Misfit: chi^2 of what the fit leaves on the brightest one's image and its derivatives in each "
    "channel, over its expectation, median. Poor: share whose misfit, or gradient of the line, a Gaussian has with a "
    f"probability below {POOR}. Beam: width of the dirty beam over that of the given one, as the fit measures it, "
    "median of the cubes; told: cubes in which it differs beyond doubt, whose sources have the flag beam_differs.",
    "Sky types other than Gaussians are half of the sources of their cubes. Points are 50 times as bright as in the "
    "experiment, where one pixel of the brightest allowed is no more than the noise. Thermal noise alone is what a "
    "dirty cube of an observation has.",
)
TIME_NOTES = ("Seconds by the clock, median, fastest and slowest; CPU: of all cores together.",)


def cases(cubes: int) -> list[Case]:
    """All cases but the time."""
    other = replace(DEMO, array="alma.cycle9.4", cell_arcsec=0.06)
    late, bright = replace(DEMO, hour_angle="3h"), replace(DEMO, inbright=50 * DEMO.inbright)
    plain = [
        Case("default experiment", SEED, cubes),
        Case("array alma.cycle9.4, cells of 0.06 arcsec", SEED + 1, cubes, other),
        Case("3 h off transit", SEED + 2, cubes, late),
        Case("thermal noise alone", SEED + 3, cubes, noise={"snr": None}),
        Case("beam 2 % too wide", SEED, cubes, stretch=1.02),
        Case("beam 5 % too wide", SEED, cubes, stretch=1.05),
    ]
    mixed = [Case(name, SEED + 10 + n, cubes, sky=_half(name), scored=name) for n, name in enumerate(OTHERS)]
    points = Case("point", SEED + 20, cubes, bright, sky={"types": {"point": 1.0}}, scored="point")
    diffuse = Case("diffuse", SEED + 21, min(cubes, DIFFUSE_CUBES), sky=_half("diffuse"), scored="diffuse")
    return [*plain, *mixed, points, diffuse]


def _half(name: str) -> dict[str, Any]:
    return {"types": {"gaussian": 1.0, name: 1.0}}


def summary(case: Case, scored: Scored) -> dict[str, Any]:
    """One row of the table of all cases."""
    found = [source for source in scored.sources if source["parts"]]
    fluxes = np.array([source["flux"] for source in found])
    pulls = np.concatenate([_pulls(found, names) for names in QUANTITIES.values()])
    return {
        "cubes": case.name,
        "number": case.cubes,
        "sources": len(scored.sources),
        "found": len(found),
        "recall of all": scored.n_matched / scored.n_true,
        "false": scored.n_false,
        "split": float(np.mean([source["parts"] > 1 for source in found])),
        "flux over true": float(np.median(fluxes)),
        "scatter": _half_width(fluxes),
        "x, y off (px)": _half_width(np.concatenate([source["shift"] for source in found])),
        "within 68 %": float(np.mean(np.abs(pulls) < 1.0)),
        "within 95 %": float(np.mean(np.abs(pulls) < 1.96)),
        "misfit": float(np.median([source["misfit"] for source in found])),
        "poor": float(np.mean([source["probability"] < POOR for source in found])),
        "beam": float(np.nanmedian(scored.stretches)),
        "told": scored.told,
        "CPU s a cube": float(np.median(scored.seconds)),
    }


def accuracy(case: Case, scored: Scored) -> list[dict[str, Any]]:
    """One row a quantity."""
    rows = []
    for quantity, names in QUANTITIES.items():
        errors, _, limits = _errors(scored.sources, names)
        pulls = _pulls(scored.sources, names)
        rows.append(
            {
                "cubes": case.name,
                "quantity": quantity,
                "values": len(errors),
                "rms": float(np.sqrt(np.mean(errors**2))),
                "over limit": float(np.sqrt(np.mean((errors / limits) ** 2))),
                "68 % over limit": _half_width(errors / limits),
                "mean over stated": float(pulls.mean()),
                "over stated": float(pulls.std()),
                "68 % over stated": _half_width(pulls),
                "within 68 %": float(np.mean(np.abs(pulls) < 1.0)),
                "within 95 %": float(np.mean(np.abs(pulls) < 1.96)),
            }
        )
    return rows


def _errors(sources: list[dict[str, Any]], names: tuple[str, ...]) -> np.ndarray:
    """Error, stated error and limit of some parameters, shape (3, n)."""
    rows = [source["errors"][name] for source in sources if "errors" in source for name in names]
    values = np.array(rows).reshape(-1, 3)
    known = np.isfinite(values).all(axis=1)
    if "pa" in names:
        known &= values[:, 2] < KNOWN_ANGLE
    return values[known].T


def _pulls(sources: list[dict[str, Any]], names: tuple[str, ...]) -> np.ndarray:
    errors, stated, _ = _errors(sources, names)
    return errors / stated


def _half_width(values: np.ndarray) -> float:
    low, high = np.quantile(values, [0.16, 0.84])
    return float(0.5 * (high - low))


def times(rounds: int, cache: Path) -> list[dict[str, Any]]:
    """Time of the fit of five sources in a cube of the paper's size."""
    response = paper_response(cache)
    catalogue = catalogue_of(1, SEED, others=(4, 4))
    cube = scenes_of(catalogue, response, SEED)[0].dirty
    beam, level = Beam.of_response(response), BOX["box_level"]
    starts = _candidates(catalogue)
    timed = {
        "fit from 5 candidates": lambda: fit_cube(cube, beam, starts, box_level=level),
        "of it noise and transforms": lambda: Scene.of(cube.data, beam, cube.frequencies_hz),
        "search from nothing": lambda: fit_cube(cube, beam, box_level=level),
    }
    timings = alternate(timed, rounds)
    return [
        {
            "what": what,
            "seconds": timing.median,
            "fastest": timing.spread[0],
            "slowest": timing.spread[1],
            "CPU seconds": timing.cpu,
            "goal": next((goal for name, goal in GOALS.items() if name in what), None),
        }
        for what, timing in timings.items()
    ]


def _candidates(catalogue: Table) -> Table:
    """Sources as networks see them: the true ones, each parameter off by what theirs are."""
    rng, starts = np.random.default_rng(SEED), Table()
    for name, off in SPREAD.items():
        values = np.asarray(catalogue[name]) + off * rng.standard_normal(len(catalogue))
        starts[name] = values if name in ("x", "y", "z", "pa") else np.maximum(values, 1.0)
    return starts


def main() -> None:
    """Measure everything and write ``results/fit.md``, ``fit_accuracy.md``, ``fit_time.md`` and the same as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cubes", type=int, default=24, help="of each case")
    parser.add_argument("--rounds", type=int, default=3, help="of the times")
    parser.add_argument("--responses", type=Path, default=CACHE, help="cache of responses")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    facts = machine()
    title = "Fit of 5 sources in a cube of 128 channels of 360 x 360 pixels: time"
    write_results("fit_time", title, times(options.rounds, options.responses), facts, TIME_NOTES)
    rows, quantities = [], []
    for case in cases(options.cubes):
        scored = run(case, options.responses)
        rows.append(summary(case, scored))
        if case.scored == "gaussian":
            quantities += accuracy(case, scored)
    title = "Fit, from nothing: Gaussians, other sources, and dirty beams that are wrong"
    write_results("fit", title, rows, facts, FIT_NOTES)
    write_results("fit_accuracy", "Fit: accuracy of Gaussian sources", quantities, facts, ACCURACY_NOTES)


if __name__ == "__main__":
    main()
