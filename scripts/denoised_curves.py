"""Draw what each method makes of flux densities and shapes, and what it sees, against what is there."""

from pathlib import Path

from cubefocus.jobs.denoised_curves import DenoisedCurves, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(DenoisedCurves([*snakemake.input.scores], str(Path(snakemake.output.png[0]).parent), provenance))
