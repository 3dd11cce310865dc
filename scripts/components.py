"""Make a sky of Gaussians, or of a disc."""

from cubefocus.jobs.components import Components, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params, made = snakemake.params, snakemake.output
    names = ("settings", "coverage", "direction", "size", "cell_arcsec", "seed", "number")
    run(Components(made.sky, made.truth, **{name: params[name] for name in names}, provenance=provenance))
