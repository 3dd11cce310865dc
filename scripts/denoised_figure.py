"""Draw test images denoised by each method."""

from pathlib import Path

from common import job

from cubefocus.jobs.denoised_figure import DenoisedFigure, run

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        DenoisedFigure(
            skies=snakemake.input.skies,
            observed=snakemake.input.observed,
            denoised=dict(zip(params.networks, snakemake.input.denoised, strict=True)),
            figure=str(Path(snakemake.output.figure).with_suffix("")),
            provenance=provenance,
            **{name: params[name] for name in ("cell_arcsec", "evaluation", "observation")},
        )
    )
