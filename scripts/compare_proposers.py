"""Make the table of the proposers."""

from cubefocus.jobs.compare_proposers import CompareProposers, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params = snakemake.input, snakemake.params
    kinds = ("candidates", "times", "cubes")
    run(
        CompareProposers(
            **{split: {kind: [*given[f"{split}_{kind}"]] for kind in kinds} for split in ("validation", "test")},
            comparison=params.comparison,
            trained_types=params.trained_types,
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            provenance=provenance,
        )
    )
