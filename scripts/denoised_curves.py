"""Draw what each method makes of flux densities and shapes, and what it sees, against what is there."""

from pathlib import Path

from common import job

from cubefocus.jobs.denoised_curves import DenoisedCurves, run

with job(snakemake) as provenance:
    run(DenoisedCurves([*snakemake.input.scores], str(Path(snakemake.output.png[0]).parent), provenance))
