"""Draw how far the engine fft is from CASA, for every observing set-up of the experiment."""

from cubefocus.jobs.draw_engines import DrawEngines, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    figures = [path.removesuffix(".png") for path in snakemake.output.png]
    run(DrawEngines(snakemake.params.observation, [*snakemake.input.comparisons], figures, provenance))
