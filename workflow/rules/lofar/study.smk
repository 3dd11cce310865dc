"""What makes the denoising study: its targets, batches of images by number, and what the networks are trained for.

In: config. Out: nothing is made here.
"""

import shutil

from snakemake.logging import logger

IMAGES, DATASETS = config["images"], config["datasets"]
SPLITS = ("train", "validation", "test")
FILTERS = ("none", "gaussian", "lowpass")  # what the networks are compared with
OBSERVED = [dataset for dataset in specs.KINDS if dataset in DATASETS]
BUNDLED = OBSERVED if "residual" in config["networks"] else []  # kinds of images with a network for `cubefocus denoise`
MEGAPIXELS = IMAGES["size"] ** 2 / 1e6

# A warning and no refusal: the nodes of a cluster may have the program where this one does not. Where it is missing, the
# jobs that need it say so and the others go on (keep-going of the profiles).
if "clean" in DATASETS and workflow.is_main_process and shutil.which(specs.WSCLEAN) is None:
    logger.warning(
        "datasets has 'clean', and the program wsclean is not on PATH here: apt-get install wsclean, or take 'clean' out "
        "of datasets. Without it the jobs that clean fail, and with them the table of all datasets and the bundle."
    )


wildcard_constraints:
    split="|".join(SPLITS),
    dataset="|".join(specs.DATASETS),
    network="|".join(specs.DENOISERS),
    batch=r"\d+",
    number=r"\d+",


def targets() -> list[str]:
    """What a run makes."""
    tables = [results(f"tables/denoised.{end}") for end in ("csv", "md")]
    figures = expand(results("figures/{dataset}.png"), dataset=DATASETS)
    swept = [results(f"tables/{name}.md") for name in SWEEP_TABLES] if SWEPT else []
    bundle = [results("bundle")] if BUNDLED else []
    return [*tables, *figures, *swept, *bundle, results("config.yaml")]


def batches(split: str) -> list[str]:
    """Batches of the images of a split, by number."""
    return [f"{number:03d}" for number in range(math.ceil(IMAGES[split] / IMAGES["batch_size"]))]


def members(split: str, batch: str) -> list[int]:
    """Numbers of the images of a batch among those of all splits."""
    first = sum(IMAGES[one] for one in SPLITS[: SPLITS.index(split)])
    low = int(batch) * IMAGES["batch_size"]
    return [*range(first + low, first + min(low + IMAGES["batch_size"], IMAGES[split]))]


def skies(split: str) -> list[str]:
    """Folders of the skies of a split."""
    return expand(results(f"skies/{split}/{{batch}}"), batch=batches(split))


def observed(dataset: str, split: str) -> list[str]:
    """Folders of what is seen of the skies of a split; of the identity the skies themselves."""
    kind = "skies" if dataset == "identity" else f"observed/{dataset}"
    return expand(results(f"{kind}/{split}/{{batch}}"), batch=batches(split))


def epochs(network: str, dataset: str) -> int:
    """Passes over the training data: more for images that hold the artefacts of a telescope."""
    return config["training"][network]["imaged_epochs" if dataset in ("dirty", "clean") else "epochs"]


def shape(network: str, dataset: str) -> dict:
    """Options of a network: without noise, which it could learn by heart, more neurons see more."""
    options = dict(config[network])
    if (neurons := options.pop("identity_neurons", None)) and dataset == "identity":
        options["neurons"] = neurons
    return options
