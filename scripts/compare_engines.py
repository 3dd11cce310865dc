"""Push a hard sky through both engines for every observing set-up of the experiment."""

from pathlib import Path

from common import job

from cubefocus.instrument.observation import Observation
from cubefocus.jobs.compare_engines import CompareEngines, run

with job(snakemake) as provenance:
    run(
        CompareEngines(
            observations=Observation.list_from_mapping(snakemake.params.observation),
            responses=snakemake.input.responses,
            seed=snakemake.params.seed,
            figures=[Path(path).with_suffix("") for path in snakemake.output.png],
            table=Path(snakemake.output.csv).with_suffix(""),
            log=Path(snakemake.log[0]).with_suffix(".casa.log"),
            provenance=provenance,
        )
    )
