"""Compare what each method tells of the components of a sky, and what it detects there."""

from pathlib import Path

from cubefocus.jobs.compare_resolved import CompareResolved, run
from cubefocus.resolve.compared import Made
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, made = snakemake.input, snakemake.output
    tclean, catalogue = dict(zip(snakemake.params.weightings, given.tclean, strict=True)), "catalogue.ecsv"
    files = Made(snakemake.wildcards.sky, given.sky, given.truth, given.posterior, given.fitted, tclean)
    both = str(Path(given.products) / catalogue), made.compared, made.detected
    run(CompareResolved(files, given.visibilities, *both, provenance))
