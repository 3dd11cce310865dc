"""Draw the sources of every cube from the experiment's seed."""

from common import job

from cubefocus.files import write_table
from cubefocus.sky.catalogue import draw_catalogue

with job(snakemake) as provenance:
    snr = snakemake.params.snr
    catalogue = draw_catalogue(
        snakemake.params.sky,
        snakemake.params.n_channels,
        snakemake.params.cubes,
        tuple(snr) if snr else None,
        snakemake.params.seed,
        n_pixels=snakemake.params.n_pixels,
    )
    write_table(snakemake.output.catalogue, catalogue, provenance)
