"""Draw the reference fields of a dataset, and what each method makes of them."""

from cubefocus.denoise.compared import Compared
from cubefocus.jobs.denoised_maps import DenoisedMaps, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    figure = snakemake.output.png.removesuffix(".png")
    run(DenoisedMaps(Compared(**snakemake.params.compared), [*snakemake.input.scores], figure, provenance))
