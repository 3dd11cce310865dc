"""Draw skies of the cosmic web, or take a user's own."""

from cubefocus.jobs.skies import DrawSkies, run
from cubefocus.workflow.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    run(
        DrawSkies(
            boxes=[*snakemake.input.boxes],
            files=[*snakemake.input.files],
            skies=snakemake.output.skies,
            provenance=provenance,
            **{name: params[name] for name in ("images", "sky", "size", "cell_arcsec", "seed")},
        )
    )
