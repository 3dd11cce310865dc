"""Draw what was found in the test cubes."""

from pathlib import Path

from cubefocus.instrument.observation import Observation
from cubefocus.jobs.figures import CleanedFiles, Figures, run
from cubefocus.report.run import RunFiles
from cubefocus.settings import DetectionSettings, EvaluationSettings
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, params, made = snakemake.input, snakemake.params, [Path(path) for path in snakemake.output.png]
    cleaned = None
    if given.cleaned:
        observations = Observation.list_from_mapping(params.observation)
        cleaned = CleanedFiles(given.cleaned, given.responses, observations)
    run(
        Figures(
            files=RunFiles.of_rule(given, params.finders, params.map_finders),
            scores=dict(zip(params.finders, given.scores, strict=True)),
            cleaned=cleaned,
            names=[path.stem for path in made],
            out_dir=made[0].parent,
            settings=EvaluationSettings.from_mapping(params.evaluation),
            blobs=DetectionSettings.from_mapping(params.detection).blobs,
            provenance=provenance,
        )
    )
