"""Fit the sources of one batch of cubes together through the dirty beam."""

from cubefocus.jobs.fit import Fit, run
from cubefocus.workflow.script import job, spread

with job(snakemake) as provenance:
    task = Fit(
        **{name: snakemake.input[name] for name in ("cubes", "truth", "starts", "responses")},
        **{name: snakemake.params[name] for name in ("observation", "detection", "box_level", "inverted")},
        **{name: snakemake.output[name] for name in ("fitted", "time")},
        choice=snakemake.input.get("choice"),
        provenance=provenance,
    )
    spread(snakemake, run, task, task.fitted)
