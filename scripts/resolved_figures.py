"""Figures of the inference of the main sky: maps, rounds, power spectrum, residuals, energy."""

from pathlib import Path

from cubefocus.jobs.resolved_figures import ResolvedFigures, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    residuals, folder = Path(given.products) / "residuals.h5", Path(snakemake.output.png[0]).parent
    tclean = dict(zip(params.weightings, given.tclean, strict=True))
    sky, own = given.get("sky") or None, (params.slope, params.chi2)
    run(ResolvedFigures(given.posterior, str(residuals), given.rounds, tclean, sky, *own, str(folder), provenance))
