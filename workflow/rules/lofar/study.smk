"""What makes the denoising study: its targets, batches of images by number, and what the networks are trained for.

In: config. Out: nothing is made here.
"""

IMAGES, DATASETS = config["images"], config["datasets"]
SPLITS = ("train", "validation", "test")
MEGAPIXELS = IMAGES["size"] ** 2 / 1e6
TABLES = ["denoised", "denoised_fields", "denoised_completeness", "denoised_purity"]
CURVES = ["denoised_histograms", "denoised_correlations", "denoised_snr"]


report: "../../report/lofar.rst"  # not that of the Snakefile, which is about cubes


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
    return [*tables, *expand(results("figures/{figure}.png"), figure=names), *swept, results("config.yaml")]


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
