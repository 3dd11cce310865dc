"""Observe a sky with CASA."""

from cubefocus.jobs.observe_components import ObserveComponents, run
from cubefocus.workflow.script import job

with job(snakemake):
    params = {
        name: snakemake.params[name] for name in ("observation", "spectral_index", "cell_arcsec", "seed", "noise")
    }
    run(ObserveComponents(snakemake.input.sky, snakemake.output.ms, **params, log=snakemake.log.casa))
