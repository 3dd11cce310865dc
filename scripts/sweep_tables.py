"""Tables of the sweeps of the autoencoder's hyper-parameters, with the published figures beside ours."""

from pathlib import Path

from cubefocus.jobs.sweep_tables import SweepTables, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, datasets = snakemake.input, snakemake.params.datasets
    stems = {Path(path).stem: str(Path(path).with_suffix("")) for path in snakemake.output.csv}
    task = SweepTables(
        sweeps=dict(zip(datasets, given.sweeps, strict=True)),
        times=dict(zip(datasets, given.times, strict=True)),
        tables=stems,
        provenance=provenance,
    )
    run(task)
