"""The stages of each study: which there are, and those of the one that the config names.

In: config, a key `study` in it. Out: targets(), what a run makes; nothing is made here.
"""

from snakemake.utils import min_version

min_version("9.0")

# The stages of each study in the order of a run: workflow/rules/<study>/<stage>.smk. The first one says what it makes.
STUDIES = {
    "alma": ["study", "networks", "simulate", "train", "predict", "finetune", "detect", "fit", "prepare"]
    + ["tune", "find", "records", "evaluate", "course", "engines"],
    "detect": ["study", "search"],
    "eso": ["study", "sky", "image", "infer", "evaluate"],
    "general": ["study", "train", "compare"],
    "lofar": ["study", "sky", "train", "evaluate", "sweep"],
}

# The experiment that overlays change. A list of cubes has defaults for every key, and no other file.
if config.get("study", "alma") == "alma":

    configfile: "config.yaml"


include: "common.smk"


for stage in STUDIES[STUDY]:

    include: f"{STUDY}/{stage}.smk"


localrules:
    all,
