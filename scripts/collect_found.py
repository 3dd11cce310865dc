"""Join what one of the other finders found in the batches, and what that took."""

from cubefocus.jobs.collect_found import CollectFound, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    made = {name: snakemake.output[name] for name in ("catalogue", "inverted", "time")}
    run(CollectFound([*snakemake.input.found], snakemake.input.tuning, provenance=provenance, **made))
