"""Write the merged config of a run beside its results."""

from common import job

from cubefocus.jobs.record_config import RecordConfig, run

with job(snakemake) as provenance:
    run(RecordConfig(snakemake.params.config, snakemake.output.config, provenance))
