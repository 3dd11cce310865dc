"""What some of the other finders search: cubes cleaned by CLEAN, and maps of a network of their own.

In: cubes and responses, or products/<split>/<batch>.h5 and models/<network>/trained.pt. Out: cleaned/<split>/<batch>/,
maps/<network>/<split>/<batch>.h5, and beside each what it took.
"""


# All test cubes, and the validation cubes that the parameters of slow finders are chosen on.
rule clean:
    input:
        truth=lambda wildcards: (
            batches("truth/{split}/{batch}.ecsv", "validation")
            if wildcards.split == "validation"
            else [results(f"truth/test/{wildcards.batch}.ecsv")]
        ),
        cubes=results("cubes/{split}/{batch}"),
        responses=results("responses"),
    output:
        images=directory(results("cleaned/{split}/{batch}")),
        time=results("cleaned/{split}/{batch}.time.json"),
    log:
        results("logs/clean/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/clean/{split}-{batch}.tsv")
    wildcard_constraints:
        split="validation|test",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(
            NEEDS.cleaning_mb(),
            lambda wildcards, threads: NEEDS.cleaning_minutes(threads),
            shared=True,
        ),
    params:
        observation=config["observation"],
        drawn=lambda wildcards: config["finders"]["tuning_cubes"] if wildcards.split == "validation" else None,
        seed=config["seed"],
        code=digest("clean", "cubefocus.engines.measure"),
    script:
        "../../../scripts/clean.py"


rule map:
    input:
        products=results("products/{split}/{batch}.h5"),
        network=chosen("models/{network}/trained.pt"),
    output:
        maps=ensure(results("maps/{network}/{split}/{batch}.h5"), non_empty=True),
        time=results("maps/{network}/{split}/{batch}.time.json"),
    log:
        results("logs/map/{network}-{split}-{batch}.log"),
    benchmark:
        results("benchmarks/map/{network}-{split}-{batch}.tsv")
    wildcard_constraints:
        network="|".join(ADDED) or "none",
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.map_mb(), 60, gpu=1),
    params:
        detection={"blobs": config["detection"]["blobs"]},
        code=lambda wildcards: digest("map", specs.NETWORKS[wildcards.network].task),
    script:
        "../../../scripts/map.py"
