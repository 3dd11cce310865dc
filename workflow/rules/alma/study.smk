"""What the stages of the ALMA study share: its targets, which networks and finders a run has, what these search.

In: config, names of cubefocus/specs.py. Out: nothing is made here.
"""

from cubefocus.workflow.configuration import validate_networks
from cubefocus.workflow.needs import Needs
from snakemake.logging import logger

TRAINED_BY = config["trained_by"]
if TRAINED_BY:
    try:
        validate_networks(config, f"results/{TRAINED_BY}/config.yaml")
    except ConfigError as error:
        raise WorkflowError(str(error)) from None

SPLITS = ["train", "validation", "test"]
CUBES = {split: 0 if TRAINED_BY and split != "test" else config["cubes"][split] for split in SPLITS}
NEEDS = Needs({**config, "cubes": {**config["cubes"], **CUBES}})
BATCHES = {
    split: [f"{batch:03d}" for batch in range(math.ceil(number / config["cubes"]["batch_size"]))]
    for split, number in CUBES.items()
}
FINDERS = config["finders"]["methods"]
N_SETUPS = max(len(config["observation"]["alternatives"]), 1)
CHAIN = specs.chain_of(config["models"]["resnet"]["shapes"])
ADDED = [name for name, network in specs.NETWORKS.items() if not network.chain and name in FINDERS]
TRAINED = [*CHAIN, *ADDED]
FINETUNED = [name for name in CHAIN if specs.NETWORKS[name].finetuned_on]
SKIES = [specs.SKY_TYPES[name] for name, weight in config["sky"]["types"].items() if weight]
LISTED = {"image": "products/{split}/{batch}.h5", "cube": "cubes/{split}/{batch}", "cleaned": "cleaned/{split}/{batch}"}


if OUTERMOST:

    report: "../../report/alma.rst"


def chosen(path: str) -> str:
    """Path of what is learnt or chosen on training and validation cubes: of this experiment, or of the one it names."""
    return f"results/{TRAINED_BY or config['experiment']}/{path}"


def batches(pattern: str, *splits: str) -> list[str]:
    """Paths of a product of every batch of some splits; the pattern holds {split} and {batch}."""
    return [results(pattern.format(split=split, batch=batch)) for split in splits for batch in BATCHES[split]]


def kept(path: str):
    """A folder of cubes: an ordinary product, or one that is removed when nothing needs it any longer."""
    return directory(path) if config["cubes"]["keep"] else temp(directory(path))


if TRAINED_BY and workflow.is_main_process and not Path(chosen("config.yaml")).exists():
    logger.warning(f"trained_by: there is no {chosen('config.yaml')}; run {TRAINED_BY} first to test its networks")


wildcard_constraints:
    split="|".join(SPLITS),
    batch=r"\d+",
    network="|".join(TRAINED),
    method="|".join(FINDERS) or "none",


def targets() -> list[str]:
    """What a run makes."""
    made = ["config.yaml", "truth.ecsv", "catalogue.ecsv", "candidates.ecsv", "fitted.ecsv", "bound.ecsv"]
    made += expand("tables/{table}.{ext}", table=[*TABLES, "times"], ext=["csv", "md", "tex"])
    engines = {config["engine"][split] for split in SPLITS if CUBES[split]}
    made += expand("figures/{figure}.{ext}", figure=FIGURES, ext=["png", "pdf"])
    return [*map(results, made), *(ENGINES if "fft" in engines else [])]


def searching(kind: str) -> list[str]:
    """The finders of this run that search cubes, or images, cleaned ones, or maps."""
    return [name for name in FINDERS if specs.FINDERS[name].searches == kind]


def searched(method: str) -> str:
    """Pattern of what a finder searches."""
    kind = specs.FINDERS[method].searches
    return f"maps/{method}/{{split}}/{{batch}}.h5" if kind == "map" else LISTED[kind]


def code_of_finder(method: str) -> list[str]:
    """References to what a finder is made of."""
    finder = specs.FINDERS[method]
    return [reference for reference in (finder.function, finder.grid, finder.allowed) if reference]


def responses_for(method: str) -> list[str]:
    """The responses, for a finder that is told them."""
    return [results("responses")] if specs.FINDERS[method].needs_response else []


def setup_params() -> dict:
    """Params that say which response a cube has, and where its boxes end; only a finder that is told them has them."""

    def only(value):
        return lambda wildcards: value if specs.FINDERS[wildcards.method].needs_response else None

    return {"observation": only(config["observation"]), "box_level": only(config["sky"]["box_level"])}


def fitting(inverted: bool = False) -> dict:
    """Params of a rule that fits cubes, or some of them times -1."""
    drawn = {"number": config["finders"]["inverted_cubes"], "seed": config["seed"]}
    return {
        "observation": config["observation"],
        "detection": {key: config["detection"][key] for key in ("fit", "rest_frequency_ghz")},
        "box_level": config["sky"]["box_level"],
        "inverted": drawn if inverted else None,
        "code": digest("fit"),
    }


def finder_mb(method: str, cubes: int) -> float:
    """Memory of a finder that searches so many cubes."""
    return NEEDS.finder_mb(specs.FINDERS[method].searches, cubes)


def what_it_took(method: str) -> list[str]:
    """Times of a finder, after those of what is made of the test cubes for it alone."""
    alone = specs.FINDERS[method].searches in ("cleaned", "map")
    made = batches(f"{searched(method).removesuffix('.h5')}.time.json", "test") if alone else []
    return [*made, results(f"finders/{method}/time.json")]


def matching_settings() -> dict:
    """The part of config section ``evaluation`` that decides what matches, without that of the intervals."""
    return {key: config["evaluation"][key] for key in ("distance", "iou", "line_iou")}
