"""Choose the scale of the network's significance."""

from common import job

from cubefocus.jobs.calibrate import Calibrate, run

with job(snakemake) as provenance:
    run(
        Calibrate(
            [*snakemake.input.candidates], snakemake.output.choice, snakemake.params.narrowest, provenance=provenance
        )
    )
