"""cubefocus: from simulated ALMA observations to scored catalogues of the sources in their dirty cubes; cubes of any
origin searched.

    snakemake --profile profiles/local                                            the experiment of config.yaml
    snakemake --profile profiles/slurm --configfile experiments/paper.yaml        the paper's, on a cluster
    snakemake --profile profiles/slurm --configfile cubes.yaml                    a list of cubes, searched
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


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


for stage in STUDIES[STUDY]:

    include: f"workflow/rules/{STUDY}/{stage}.smk"


localrules:
    all,


rule all:
    input:
        targets(),
