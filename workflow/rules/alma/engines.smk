"""The engine fft against CASA: the same sky through both, for every observing set-up of the experiment.

In: responses/. Out: comparisons/<number>.h5, tables/engines.{csv,md,tex} and a figure for each set-up. Part of a run
whose cubes the engine fft makes; on its own: snakemake engines --profile profiles/local --configfile
experiments/engines.yaml
"""

ENGINES = [results("tables/engines.csv"), *(results(f"figures/engines-{number}.png") for number in range(N_SETUPS))]


localrules:
    engines,


rule engines:
    input:
        ENGINES,


rule compare_engines:
    input:
        responses=results("responses"),
    output:
        csv=reported("tables/engines.csv", "Engines"),
        texts=expand(results("tables/engines.{ext}"), ext=["md", "tex"]),
        comparisons=[results(f"comparisons/{number}.h5") for number in range(N_SETUPS)],
    log:
        results("logs/compare_engines.log"),
    benchmark:
        results("benchmarks/compare_engines.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.response_mb(), 60),
    params:
        observation=config["observation"],
        seed=config["seed"],
        code=digest("compare_engines"),
    script:
        "../../../scripts/compare_engines.py"


rule draw_engines:
    input:
        comparisons=rules.compare_engines.output.comparisons,
    output:
        png=[reported(f"figures/engines-{number}.png", "Engines", "engines") for number in range(N_SETUPS)],
        pdf=[results(f"figures/engines-{number}.pdf") for number in range(N_SETUPS)],
    log:
        results("logs/draw_engines.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        observation=config["observation"],
        code=digest("draw_engines"),
    script:
        "../../../scripts/draw_engines.py"
