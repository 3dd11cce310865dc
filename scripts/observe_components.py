"""Observe a sky with CASA."""

from common import job

from cubefocus.jobs.observe_components import ObserveComponents, run

with job(snakemake):
    params = {
        name: snakemake.params[name] for name in ("observation", "spectral_index", "cell_arcsec", "seed", "noise")
    }
    run(ObserveComponents(snakemake.input.sky, snakemake.output.ms, **params, log=snakemake.log.casa))
