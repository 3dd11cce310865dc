"""cubefocus: from simulated ALMA observations to scored catalogues of the sources in their dirty cubes.

    snakemake --profile profiles/local                                            the experiment of config.yaml
    snakemake --profile profiles/slurm --configfile experiments/paper.yaml        the paper's, on a cluster
"""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/alma/simulate.smk"
include: "workflow/rules/alma/train.smk"
include: "workflow/rules/alma/detect.smk"
include: "workflow/rules/alma/find.smk"
include: "workflow/rules/alma/evaluate.smk"
include: "workflow/rules/alma/engines.smk"


localrules:
    all,
    engines,


rule all:
    input:
        results("config.yaml"),
        [results("tables/engines.csv")] if "fft" in config["engine"].values() else [],
        results("truth.ecsv"),
        results("catalogue.ecsv"),
        results("candidates.ecsv"),
        expand(results("tables/{table}.{ext}"), table=[*TABLES, "times"], ext=["csv", "md", "tex"]),
        expand(results("figures/{figure}.{ext}"), figure=FIGURES, ext=["png", "pdf"]),
