"""Train each network on each kind of images, side by side.

In: skies/ and observed/. Out: models/<network>/<dataset>.{pt,csv}.
"""


def epochs(network: str, dataset: str) -> int:
    """Passes over the training data: more for images that hold the artefacts of a telescope."""
    return config["training"][network]["imaged_epochs" if dataset in ("dirty", "clean") else "epochs"]


def shape(network: str, dataset: str) -> dict:
    """Options of a network: without noise, which it could learn by heart, more neurons see more."""
    options = dict(config[network])
    if (neurons := options.pop("identity_neurons", None)) and dataset == "identity":
        options["neurons"] = neurons
    return options


rule train_denoiser:
    input:
        skies=skies("train") + skies("validation"),
        observed=lambda wildcards: observed(wildcards.dataset, "train") + observed(wildcards.dataset, "validation"),
    output:
        model=ensure(results("models/{network}/{dataset}.pt"), non_empty=True),
        curve=results("models/{network}/{dataset}.csv"),
    log:
        results("logs/train_denoiser/{network}-{dataset}.log"),
    benchmark:
        results("benchmarks/train_denoiser/{network}-{dataset}.tsv")
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **needing(
            3000 + 16 * MEGAPIXELS * (IMAGES["train"] + IMAGES["validation"]),
            lambda wildcards, threads: 5
            + 0.02 * MEGAPIXELS * IMAGES["train"] * epochs(wildcards.network, wildcards.dataset),
            gpu=1,
        ),
    params:
        train=lambda wildcards: observed(wildcards.dataset, "train"),
        validation=lambda wildcards: observed(wildcards.dataset, "validation"),
        skies={split: skies(split) for split in ("train", "validation")},
        tile=IMAGES["tile"],
        options=lambda wildcards: shape(wildcards.network, wildcards.dataset),
        settings=lambda wildcards: {
            key: value for key, value in config["training"][wildcards.network].items() if key != "imaged_epochs"
        }
        | {"epochs": epochs(wildcards.network, wildcards.dataset)},
        seed=config["seed"],
        code=digest("train_denoiser", *specs.DENOISERS.values()),
    script:
        "../../../scripts/train_denoiser.py"
