"""Compare what each method tells of the components of a sky, and what it detects there."""

from common import job

from cubefocus.jobs.compare_resolved import CompareResolved, run
from cubefocus.resolve.compared import Made

with job(snakemake) as provenance:
    given, made = snakemake.input, snakemake.output
    tclean = dict(zip(snakemake.params.weightings, given.tclean, strict=True))
    files = Made(snakemake.wildcards.sky, given.sky, given.truth, given.posterior, given.fitted, tclean)
    run(CompareResolved(files, given.visibilities, given.catalogue, made.compared, made.detected, provenance))
