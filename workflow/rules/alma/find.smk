"""Other ways to find sources: parameters chosen on the validation split, the test split searched once. One job a method.

In: the truth, and products/<split>/<batch>.h5 (integrated images), what CLEAN or a network makes of them, or the cubes.
Out: finders/<method>/catalogue.ecsv; inverted.ecsv, the same of test cubes times -1; and scores.ecsv with the score of
every point of its grid. What each of them took stands in a time.json beside what it made.
"""


# All test cubes, and the validation cubes that the parameters of slow finders are chosen on.
rule clean:
    input:
        truth=results("truth.ecsv"),
        cubes=results("cubes/{split}/{batch}"),
        responses=results("responses"),
    output:
        images=directory(results("cleaned/{split}/{batch}")),
        time=results("cleaned/{split}/{batch}.time.json"),
    log:
        results("logs/clean/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/clean/{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, threads, attempt: 3000 * threads * attempt,
        runtime=lambda wildcards, threads, attempt: 30 + 2 * config["cubes"]["batch_size"] * attempt // threads,
    params:
        observation=config["observation"],
        tuning_cubes=lambda wildcards: config["finders"]["tuning_cubes"] if wildcards.split == "validation" else None,
        seed=config["seed"],
        code=digest("engines/clean.py", "jobs/clean.py", "engines/casa_job.py", "find/cubes.py"),
    wildcard_constraints:
        split="validation|test",
    script:
        "../../../scripts/clean.py"


rule map:
    input:
        products=results("products/{split}/{batch}.h5"),
        network=results("models/{network}/trained.pt"),
    output:
        maps=ensure(results("maps/{network}/{split}/{batch}.h5"), non_empty=True),
        time=results("maps/{network}/{split}/{batch}.time.json"),
    log:
        results("logs/map/{network}-{split}-{batch}.log"),
    benchmark:
        results("benchmarks/map/{network}-{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **gpu_job(mem_mb=4000, minutes=60),
    params:
        detection={"blobs": config["detection"]["blobs"]},
        code=digest("find/maps.py", "alma", "stats"),
    wildcard_constraints:
        network="|".join(MAP_FINDERS) or "none",
    script:
        "../../../scripts/map.py"


rule find:
    input:
        truth=results("truth.ecsv"),
        validation=searched("validation"),
        test=searched("test"),
    output:
        catalogue=results("finders/{method}/catalogue.ecsv"),
        inverted=results("finders/{method}/inverted.ecsv"),
        scores=results("finders/{method}/scores.ecsv"),
        time=results("finders/{method}/time.json"),
    log:
        results("logs/find/{method}.log"),
    benchmark:
        results("benchmarks/find/{method}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (4000 + images_mb("validation", "test")) * attempt,
        runtime=lambda wildcards, attempt: (60 + config["cubes"]["test"] // 4) * attempt,  # some seconds a cube
    params:
        evaluation=matching_settings(),
        tuning_cubes=config["finders"]["tuning_cubes"],
        inverted_cubes=config["finders"]["inverted_cubes"],
        seed=config["seed"],
        code=digest("find", "report", "tables", "stats"),
    wildcard_constraints:
        method="|".join(FINDERS),
    script:
        "../../../scripts/find.py"
