"""What makes the denoising study: its targets, batches of images by number, and what the networks are trained for.

In: config. Out: nothing is made here.
"""

import shutil

from snakemake.logging import logger

IMAGES, DATASETS = config["images"], config["datasets"]
SPLITS = ("train", "validation", "test")
OBSERVED = [dataset for dataset in specs.KINDS if dataset in DATASETS]
BUNDLED = OBSERVED if "residual" in config["networks"] else []  # kinds of images with a network for `cubefocus denoise`
MEGAPIXELS = IMAGES["size"] ** 2 / 1e6
TABLES = ["denoised", "denoised_fields", "denoised_completeness", "denoised_purity"]
CURVES = ["denoised_histograms", "denoised_correlations", "denoised_snr"]


if OUTERMOST:

    report: "../../report/lofar.rst"


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
    trained_on="|".join(specs.DATASETS),
    network="|".join(specs.DENOISERS),
    batch=r"\d+",
    number=r"\d+",


def targets() -> list[str]:
    """What a run makes."""
    tables = expand(results("tables/{table}.{end}"), table=[*TABLES, "times"], end=("csv", "md", "tex"))
    names = ["denoised_overview", *CURVES, *(f"maps_{dataset}" for dataset in DATASETS)]
    swept = [results(f"tables/{name}.md") for name in SWEEP_TABLES] if SWEPT else []
    bundle = [results("bundle")] if BUNDLED else []
    figures = expand(results("figures/{figure}.png"), figure=names)
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
    kind = "skies" if dataset == specs.IDENTITY else f"observed/{dataset}"
    return expand(results(f"{kind}/{split}/{{batch}}"), batch=batches(split))


def epochs(network: str, dataset: str) -> int:
    """Passes over the training data: more for images that hold the artefacts of a telescope."""
    return config["training"][network]["imaged_epochs" if dataset in specs.IMAGED else "epochs"]


def shape(network: str, dataset: str) -> dict:
    """Options of a network: without noise, which it could learn by heart, more neurons see more."""
    options = dict(config[network])
    if (neurons := options.pop("identity_neurons", None)) and dataset == specs.IDENTITY:
        options["neurons"] = neurons
    return options


def methods(dataset: str) -> dict[str, tuple[str, str]]:
    """Network and what it was trained on, of each method that denoises the images of a dataset."""
    return specs.denoisers_of(dataset, config["networks"], DATASETS)


def denoised(dataset: str, batch: str, kind: str = "denoised/{network}/{trained_on}/{dataset}/{batch}") -> list[str]:
    """What each network makes of the images of a batch, or what else it leaves."""
    named = [dict(network=network, trained_on=trained_on) for network, trained_on in methods(dataset).values()]
    return [results(kind.format(dataset=dataset, batch=batch, **names)) for names in named]


def compared(dataset: str, numbers: list[str], transferred: bool = True) -> dict:
    """What is compared in some batches: the fields of cubefocus.denoise.compared.Compared.

    With `transferred`, networks that were trained on other images as well.
    """
    made = zip(*(denoised(dataset, batch) for batch in numbers))
    by_method = {name: [*each] for name, each in zip(methods(dataset), made)}
    own = by_method if transferred else {name: by_method[name] for name in config["networks"]}
    seen = dict(zip(batches("test"), observed(dataset, "test")))
    return {
        "dataset": dataset,
        "skies": [results(f"skies/test/{batch}") for batch in numbers],
        "observed": [seen[batch] for batch in numbers],
        "denoised": own,
        "cell_arcsec": IMAGES["cell_arcsec"],
        "evaluation": config["evaluation"],
        "observation": config["observation"],
    }


def folders(one: dict) -> list[str]:
    """Those that are read of what is compared."""
    return [*one["skies"], *one["observed"], *(each for some in one["denoised"].values() for each in some)]


OVERVIEW = [compared(name, batches("test"), transferred=False) for name in specs.DATASETS if name in DATASETS]
SCORES = [results(f"scores/{dataset}/{batch}.ecsv") for dataset in DATASETS for batch in batches("test")]
