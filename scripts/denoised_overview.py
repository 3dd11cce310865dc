"""Draw the reference fields as they are and as they were observed, and what networks make of each."""

from cubefocus.denoise.compared import Compared
from cubefocus.jobs.denoised_overview import DenoisedOverview, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    compared = [Compared(**one) for one in snakemake.params.compared]
    figure = snakemake.output.png.removesuffix(".png")
    run(DenoisedOverview(compared, [*snakemake.input.scores], figure, provenance))
