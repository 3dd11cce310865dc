"""Tables, figures and training curves, with the published figures and the oracle beside ours.

In: truth, catalogue, candidates, what the other finders found and how they were tuned, the images behind them, the curves of the networks.
Out: tables/<name>.{csv,md,tex} and figures/<name>.{png,pdf}.
"""

TABLES = ["detection", "parameters", "stages"]
RESULT_FIGURES = [
    "distributions",
    "images",
    "spectra",
    "focused",
    "detected",
    "residuals",
    "flux_error",
    "pa_error",
    "completeness",
    "tuning",
]
FIGURES = [*RESULT_FIGURES, "training"]


rule evaluate:
    input:
        truth=results("truth.ecsv"),
        catalogue=results("catalogue.ecsv"),
        candidates=results("candidates.ecsv"),
        found=expand(results("finders/{method}/catalogue.ecsv"), method=FINDERS),
        scores=expand(results("finders/{method}/scores.ecsv"), method=FINDERS),
        images=batches("products/{split}/{batch}.h5", "test"),
        products=batches("detections/{batch}/products.h5", "test"),
    output:
        csv=[reported(f"tables/{table}.csv", "Tables") for table in TABLES],
        texts=expand(results("tables/{table}.{ext}"), table=TABLES, ext=["md", "tex"]),
        png=[reported(f"figures/{figure}.png", "Figures") for figure in RESULT_FIGURES],
        pdf=expand(results("figures/{figure}.pdf"), figure=RESULT_FIGURES),
    log:
        results("logs/evaluate.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000 + 2 * images_mb("test"),
        runtime=60,
    params:
        evaluation=config["evaluation"],
        detection=config["detection"],
        finders=FINDERS,
        seed=config["seed"],
        code=digest("evaluate"),
    script:
        "../../scripts/evaluate.py"


rule curves:
    input:
        trained=expand(results("models/{network}/trained.csv"), network=NETWORKS),
        finetuned=expand(results("models/{network}/finetuned.csv"), network=[n for n in NETWORKS if n != "blobs_finder"]),
    output:
        png=reported("figures/training.png", "Training"),
        pdf=results("figures/training.pdf"),
    log:
        results("logs/curves.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=digest("evaluate"),
    script:
        "../../scripts/curves.py"
