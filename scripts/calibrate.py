"""Choose the scale of the network's significance."""

from cubefocus.jobs.calibrate import Calibrate, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(
        Calibrate(
            [*snakemake.input.candidates], snakemake.output.choice, snakemake.params.narrowest, provenance=provenance
        )
    )
