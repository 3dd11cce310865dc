"""What all stages share: the checked config, paths, splits, batches, and digests of the code behind a stage.

Nothing here imports numpy, CASA or torch: the workflow is parsed on login nodes that have only Snakemake.
"""

import hashlib
import math
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow" / "lib"))

from configuration import ConfigError, validate_config

try:
    validate_config(config, ROOT / "workflow" / "schemas" / "config.schema.yaml")
except ConfigError as error:
    raise WorkflowError(str(error)) from None

ENVIRONMENT = str(ROOT / "envs" / "cubefocus.yaml")
NETWORKS = ["blobs_finder", "deep_gru", "sigma_x", "sigma_y", "pa", "flux"]
MORPHOLOGY = ["sigma_x", "sigma_y", "pa"]
FINDERS = config["finders"]["methods"]
# What finders search that do not search integrated dirty images: cubes, integrated cleaned cubes, maps of a network.
CUBE_FINDERS = ["smooth_and_clip", "smooth_and_clip_defaults", "sofia"]
CLEAN_FINDERS = ["tclean"]
MAP_FINDERS = [name for name in FINDERS if name.startswith("decoras")]
SPLITS = ["train", "validation", "test"]
N_SETUPS = max(len(config["observation"]["alternatives"]), 1)
BATCHES = {
    split: [f"{batch:03d}" for batch in range(math.ceil(config["cubes"][split] / config["cubes"]["batch_size"]))]
    for split in SPLITS
}


wildcard_constraints:
    split="|".join(SPLITS),
    batch=r"\d+",
    network="|".join([*NETWORKS, *MAP_FINDERS]),


def results(path: str) -> str:
    """Path of a product of this experiment."""
    return f"results/{config['experiment']}/{path}"


def batches(pattern: str, *splits: str) -> list[str]:
    """Paths of a product of every batch of some splits; the pattern holds {split} and {batch}."""
    return [
        results(pattern.format(split=split, batch=batch)) for split in splits for batch in BATCHES[split]
    ]


def digest(*parts: str) -> str:
    """Digest of the package folders and files behind a stage: an edit there re-runs the stage, a fresh clone does not.

    What the stages before it use need not be named: when they run again, so does this one.
    """
    code = hashlib.sha256()
    for part in ("files.py", "cube", *parts):
        place = ROOT / "cubefocus" / part
        for source in [place] if place.suffix else sorted(place.glob("**/*.py")):
            code.update(source.relative_to(ROOT).as_posix().encode() + source.read_bytes())
    return code.hexdigest()[:12]


def network_settings(section: str, network: str) -> dict:
    """Settings of a network in config section ``training`` or ``finetuning``."""
    return config[section][entry_of(network)]


def entry_of(network: str) -> str:
    """Name of a network's entry in the config: the four ResNets share one, and DECORAS with either loss."""
    if network in MAP_FINDERS:
        return "decoras"
    return network if network in ("blobs_finder", "deep_gru") else "resnet"


def network_shape(network: str) -> dict:
    """The part of config section ``models`` that a network depends on: another one's shape must not re-train it."""
    entry = entry_of(network)
    keys = ("image_size", entry) if entry in ("blobs_finder", "decoras") else (entry,)
    return {key: config["models"][key] for key in keys}


def matching_settings() -> dict:
    """The part of config section ``evaluation`` that decides what matches, without that of the intervals."""
    return {key: config["evaluation"][key] for key in ("iou", "distance", "line_iou")}


def searched(split: str):
    """Input function that gives what a finder searches in a split."""

    def paths(wildcards) -> list[str]:
        if wildcards.method in CUBE_FINDERS:
            return batches("cubes/{split}/{batch}", split)
        if wildcards.method in CLEAN_FINDERS:
            return batches("cleaned/{split}/{batch}", split)
        if wildcards.method in MAP_FINDERS:
            return batches(f"maps/{wildcards.method}/{{split}}/{{batch}}.h5", split)
        return batches("products/{split}/{batch}.h5", split)

    return paths


def what_it_took(method: str) -> list[str]:
    """Times of a finder, after those of what is made of the test cubes for it alone."""
    made = "cleaned" if method in CLEAN_FINDERS else f"maps/{method}" if method in MAP_FINDERS else None
    first = batches(f"{made}/{{split}}/{{batch}}.time.json", "test") if made else []
    return [*first, results(f"finders/{method}/time.json")]


def prediction(*steps: str) -> dict:
    """Params of a rule that predicts for fine-tuning, with the settings of the steps of the chain that it runs."""
    matching = [f"tables/{name}.py" for name in ("columns", "matching", "criteria", "boxes")]
    return {
        "detection": {step: config["detection"][step] for step in steps},
        "evaluation": matching_settings(),
        "observation": config["observation"],
        "code": digest("cube", "alma/training_products.py", "alma", "stats", *matching),
    }


def gpu_job(mem_mb: int, minutes: int) -> dict:
    """Resources of a job that uses a GPU where there is one; memory and time grow with the attempt."""
    return {
        "gpu": 1,
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: minutes * attempt,
    }


def images_mb(*splits: str) -> int:
    """Memory of the integrated images of some splits, dirty and sky, in MB."""
    return sum(config["cubes"][split] for split in splits) * config["observation"]["n_pixels"] ** 2 * 8 // 10**6


def training_code() -> str:
    return digest("networks", "learn", "alma/tasks.py")


def responses_of(wildcards) -> list[str]:
    """Responses of all set-ups, for a split that the engine fft makes."""
    return [results("responses")] if config["engine"][wildcards.split] == "fft" else []


def kept(path: str):
    """A folder of cubes: an ordinary product, or one that is removed when nothing needs it any longer."""
    return directory(path) if config["cubes"]["keep"] else temp(directory(path))


def reported(path: str, category: str, caption: str = ""):
    """A file that stands in the report, with the caption of its own name if no other is given."""
    return report(results(path), caption=f"../report/{caption or Path(path).stem}.rst", category=category)
