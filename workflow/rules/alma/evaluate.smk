"""Tables and figures, with the published figures and the oracle beside ours.

In: truth, catalogue, candidates, what the other finders found and how they were tuned, the images behind them.
Out: tables/<name>.{csv,md,tex} and figures/<name>.{png,pdf}, by rules of their own: an edit of a colour draws again and
does nothing else.
"""

from cubefocus.report.figures.registry import FIGURES as ALL_FIGURES
from cubefocus.report.tables.registry import TABLES as ALL_TABLES

CLEANED = bool(searching("cleaned"))
TABLES = list(ALL_TABLES)
RESULT_FIGURES = [figure for figure in ALL_FIGURES if CLEANED or figure != "residual_maps"]
FIGURES = [*RESULT_FIGURES, "training"]


# What tables and figures both read: what was found in the test cubes, and what was there.
FOUND_AND_TRUE = {
    "truth": results("truth.ecsv"),
    "catalogue": results("catalogue.ecsv"),
    "candidates": results("candidates.ecsv"),
    "fitted": results("fitted.ecsv"),
    "bound": results("bound.ecsv"),
    "found": expand(results("finders/{method}/catalogue.ecsv"), method=FINDERS),
    "inverted": expand(results("finders/{method}/inverted.ecsv"), method=FINDERS),
    "inverted_catalogue": results("inverted/catalogue.ecsv"),
    "inverted_candidates": results("inverted/candidates.ecsv"),
    "inverted_fitted": results("inverted/fitted.ecsv"),
    "images": batches("products/{split}/{batch}.h5", "test"),
    "products": batches("detections/{batch}/products.h5", "test"),
    **{network: batches(f"maps/{network}/{{split}}/{{batch}}.h5", "test") for network in searching("map")},
}


rule tables:
    input:
        **FOUND_AND_TRUE,
    output:
        csv=[reported(f"tables/{table}.csv", "Tables") for table in TABLES],
        texts=expand(results("tables/{table}.{ext}"), table=TABLES, ext=["md", "tex"]),
    log:
        results("logs/tables.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(8000 + 2 * NEEDS.images_mb(config["cubes"]["test"]), 60),
    params:
        evaluation=config["evaluation"],
        detection={"blobs": config["detection"]["blobs"]},
        finders=FINDERS,
        map_finders=searching("map"),
        image_size=config["models"]["image_size"],
        seed=config["seed"],
        code=digest("tables"),
    script:
        "../../../scripts/tables.py"


rule figures:
    input:
        **FOUND_AND_TRUE,
        scores=expand(chosen("finders/{method}/scores.ecsv"), method=FINDERS),
        cleaned=batches("cleaned/{split}/{batch}", "test") if CLEANED else [],
        responses=results("responses") if CLEANED else [],
    output:
        png=[reported(f"figures/{figure}.png", "Figures") for figure in RESULT_FIGURES],
        pdf=expand(results("figures/{figure}.pdf"), figure=RESULT_FIGURES),
    log:
        results("logs/figures.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(8000 + 2 * NEEDS.images_mb(config["cubes"]["test"]), 60),
    params:
        evaluation={**matching_settings(), "interval": config["evaluation"]["interval"]},
        detection={"blobs": config["detection"]["blobs"]},
        finders=FINDERS,
        map_finders=searching("map"),
        observation=config["observation"] if CLEANED else None,
        code=digest("figures"),
    script:
        "../../../scripts/figures.py"
