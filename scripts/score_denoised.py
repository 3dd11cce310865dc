"""Compare test images, denoised by each method, with their skies."""

from common import job

from cubefocus.jobs.score_denoised import ScoreDenoised, run

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        ScoreDenoised(
            dataset=snakemake.wildcards.dataset,
            skies=snakemake.input.skies,
            observed=snakemake.input.observed,
            denoised=dict(zip(params.networks, snakemake.input.denoised, strict=True)),
            scores=snakemake.output.scores,
            provenance=provenance,
            **{name: params[name] for name in ("cell_arcsec", "evaluation", "observation")},
        )
    )
