"""Draw the training curves of all networks."""

from pathlib import Path

from common import job

from cubefocus.jobs.curves import Curves, run

with job(snakemake) as provenance:
    run(Curves([*snakemake.input], Path(snakemake.output.png).with_suffix(""), provenance))
