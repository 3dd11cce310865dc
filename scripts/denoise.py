"""Denoise the images of a folder with a trained network."""

from cubefocus.jobs.denoise import Denoise, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    given, made = snakemake.input, snakemake.output
    run(Denoise(given.model, given.observed, made.denoised, made.times, snakemake.wildcards.trained_on, provenance))
