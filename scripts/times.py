"""Table 4: what a cube took in each stage of the chain and with each of the other finders."""

from pathlib import Path

from common import job

from cubefocus.jobs.times import Times, run

with job(snakemake) as provenance:
    run(
        Times(
            chain=[*snakemake.input.chain],
            finders={name: [*snakemake.input[name]] for name in snakemake.params.finders},
            stem=Path(snakemake.output.csv).with_suffix(""),
            provenance=provenance,
        )
    )
