"""Hyper-parameters of the autoencoder: each set of a grid is trained once, over MPI ranks, and the best are shown.

In: skies/ and observed/ of the splits train and validation. Out: sweep/<dataset>.ecsv, a row for each trial and number
of epochs; sweep/<dataset>.times.ecsv; sweep/<dataset>.trials/, what each trial has come to, from which a killed sweep
goes on; tables/sweep_*.{csv,md,tex}.
"""

from cubefocus.workflow.needs import LONGEST

SWEEP = config["sweep"]
SWEPT = SWEEP["datasets"]
# At a time. Of several ranks, one hands the trials out.
TRIALS_AT_ONCE = max(1, SWEEP["ranks"] - 1)
# Of all trials of a dataset, with those of the grid of architectures.
SWEEP_EPOCHS = len(SWEEP["learning_rates"]) * len(SWEEP["batch_sizes"]) * max(SWEEP["epochs"]) + (
    len(SWEEP["levels"]) * len(SWEEP["neurons"]) * len(SWEEP["kernels"]) * config["training"]["autoencoder"]["epochs"]
)
SWEEP_TABLES = [
    *(["sweep_architecture"] if specs.IDENTITY in SWEPT else []),
    *(f"sweep_{dataset}" for dataset in SWEPT),
    "sweep_times",
]


rule sweep:
    input:
        skies=skies("train") + skies("validation"),
        observed=lambda wildcards: observed(wildcards.dataset, "train") + observed(wildcards.dataset, "validation"),
    output:
        table=results("sweep/{dataset}.ecsv"),
        times=results("sweep/{dataset}.times.ecsv"),
    log:
        results("logs/sweep/{dataset}.log"),
    benchmark:
        results("benchmarks/sweep/{dataset}.tsv")
    conda:
        ENVIRONMENT
    threads: TRIALS_AT_ONCE
    resources:
        **needing(
            4000 + 16 * MEGAPIXELS * (IMAGES["train"] + IMAGES["validation"]),
            min(5 + 0.02 * MEGAPIXELS * IMAGES["train"] * SWEEP_EPOCHS / TRIALS_AT_ONCE, LONGEST),
            gpu=TRIALS_AT_ONCE,
            shared=True,
        ),
        tasks=SWEEP["ranks"],
    params:
        train=lambda wildcards: observed(wildcards.dataset, "train"),
        validation=lambda wildcards: observed(wildcards.dataset, "validation"),
        skies={split: skies(split) for split in ("train", "validation")},
        tile=IMAGES["tile"],
        options=lambda wildcards: shape("autoencoder", wildcards.dataset),
        settings={key: value for key, value in config["training"]["autoencoder"].items() if key != "imaged_epochs"},
        grid={key: value for key, value in SWEEP.items() if key not in ("datasets", "ranks")},
        seed=config["seed"],
        code=digest("sweep"),
    script:
        "../../../scripts/sweep.py"


rule sweep_tables:
    input:
        sweeps=expand(results("sweep/{dataset}.ecsv"), dataset=SWEPT),
        times=expand(results("sweep/{dataset}.times.ecsv"), dataset=SWEPT),
    output:
        csv=[reported(f"tables/{name}.csv", "Tables", "sweep") for name in SWEEP_TABLES],
        texts=expand(results("tables/{name}.{end}"), name=SWEEP_TABLES, end=["md", "tex"]),
    log:
        results("logs/sweep_tables.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        datasets=SWEPT,
        code=digest("sweep_tables"),
    script:
        "../../../scripts/sweep_tables.py"
