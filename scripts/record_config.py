"""Write the merged config of a run beside its results."""

from cubefocus.jobs.record_config import RecordConfig, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(RecordConfig(snakemake.params.config, snakemake.output.config, provenance))
