"""Search cubes of a held-out set-up with each proposer alone and with all together."""

from cubefocus.jobs.propose import Propose, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    run(
        Propose(
            cubes=given.cubes,
            model=given.model,
            choice=given.get("choice") or None,
            number=int(snakemake.wildcards.number),
            provenance=provenance,
            **{name: made[name] for name in ("candidates", "times")},
            **{name: params[name] for name in ("link", "narrowest")},
        )
    )
