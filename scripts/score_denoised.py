"""Compare test images, denoised by each method, with their skies."""

from cubefocus.denoise.compared import Compared
from cubefocus.jobs.score_denoised import ScoreDenoised, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    run(ScoreDenoised(Compared(**snakemake.params.compared), snakemake.output.scores, provenance))
