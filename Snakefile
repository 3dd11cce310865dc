"""cubefocus: from simulated ALMA observations to scored catalogues of the sources in their dirty cubes; cubes of any
origin searched.

    snakemake --profile profiles/local                                            the experiment of config.yaml
    snakemake --profile profiles/slurm --configfile experiments/paper.yaml        the paper's, on a cluster
    snakemake --profile profiles/slurm --configfile cubes.yaml                    a list of cubes, searched
"""


include: "workflow/rules/studies.smk"


rule all:
    input:
        targets(),
