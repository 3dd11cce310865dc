"""Draw the sources of every cube from the experiment's seed."""

from cubefocus.jobs.draw_catalogue import DrawCatalogue, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    names = ("sky", "cubes", "n_channels", "n_pixels", "snr", "seed")
    drawn_from = {name: snakemake.params[name] for name in names}
    run(DrawCatalogue(catalogue=snakemake.output.catalogue, provenance=provenance, **drawn_from))
