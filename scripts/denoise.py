"""Denoise the images of a folder with a trained network."""

from common import job

from cubefocus.jobs.denoise import Denoise, run

with job(snakemake):
    run(Denoise(snakemake.input.model, snakemake.input.observed, snakemake.output.denoised))
