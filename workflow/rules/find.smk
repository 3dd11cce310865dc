"""Other ways to find sources: parameters chosen on the validation split, the test split searched once. One job a method.

In: the truth, and products/<split>/<batch>.h5 (integrated images) or the cubes themselves.
Out: finders/<method>/catalogue.ecsv, and scores.ecsv with the score of every point of its grid.
"""


rule find:
    input:
        truth=results("truth.ecsv"),
        validation=searched("validation"),
        test=searched("test"),
    output:
        catalogue=results("finders/{method}/catalogue.ecsv"),
        scores=results("finders/{method}/scores.ecsv"),
    log:
        results("logs/find/{method}.log"),
    benchmark:
        results("benchmarks/find/{method}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (4000 + images_mb("validation", "test")) * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        evaluation=matching_settings(),
        tuning_cubes=config["finders"]["tuning_cubes"],
        seed=config["seed"],
        code=digest("find", "evaluate"),
    wildcard_constraints:
        method="|".join(FINDERS),
    script:
        "../../scripts/find.py"
