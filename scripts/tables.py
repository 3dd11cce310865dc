"""Score what was found in the test cubes."""

from pathlib import Path

from cubefocus.jobs.tables import Tables, run
from cubefocus.report.run import RunFiles
from cubefocus.settings import DetectionSettings, EvaluationSettings
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params, made = snakemake.input, snakemake.params, [Path(path) for path in snakemake.output.csv]
    run(
        Tables(
            files=RunFiles.of_rule(given, params.finders, params.map_finders),
            names=[path.stem for path in made],
            out_dir=made[0].parent,
            settings=EvaluationSettings.from_mapping(params.evaluation),
            blobs=DetectionSettings.from_mapping(params.detection).blobs,
            image_size=params.image_size,
            seed=params.seed,
            provenance=provenance,
        )
    )
