"""Take the parameters of one of the other finders that another experiment chose."""

from cubefocus.jobs.adopt import Adopt, run
from cubefocus.workflow.script import job

with job(snakemake):
    run(
        Adopt(
            method=snakemake.wildcards.method,
            given=snakemake.input.choice,
            truth=snakemake.input.truth,
            choice=snakemake.output.choice,
            **{name: snakemake.params[name] for name in ("inverted_cubes", "seed")},
        )
    )
