"""Other ways to find sources: the test split searched once, by batches, with the parameters that were chosen.

In: finders/<method>/choice.json, the truth, and what each finder searches: products/<split>/<batch>.h5 (integrated
images), what CLEAN or a network makes of them, or the cubes, with the responses of their set-ups where the finder is
told these. Out: finders/<method>/catalogue.ecsv; inverted.ecsv, the same of test cubes times -1; time.json, what all of
that took.
"""


rule find:
    input:
        choice=results("finders/{method}/choice.json"),
        truth=results("truth/test/{batch}.ecsv"),
        searched=lambda wildcards: results(searched(wildcards.method).format(split="test", batch=wildcards.batch)),
        responses=lambda wildcards: responses_for(wildcards.method),
    output:
        found=directory(results("finders/{method}/found/{batch}")),
    log:
        results("logs/find/{method}-{batch}.log"),
    benchmark:
        results("benchmarks/find/{method}-{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(
            lambda wildcards, threads: finder_mb(wildcards.method, config["cubes"]["batch_size"]),
            lambda wildcards, threads: NEEDS.search_minutes(specs.FINDERS[wildcards.method].slow),
        ),
    params:
        **setup_params(),
        code=lambda wildcards: digest("find", *code_of_finder(wildcards.method)),
    script:
        "../../../scripts/find.py"


rule collect_found:
    input:
        found=batches("finders/{{method}}/found/{batch}", "test"),
        tuning=chosen("finders/{method}/tuning.time.json"),
    output:
        catalogue=results("finders/{method}/catalogue.ecsv"),
        inverted=results("finders/{method}/inverted.ecsv"),
        time=results("finders/{method}/time.json"),
    log:
        results("logs/collect_found/{method}.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.table_mb("test"), 20),
    params:
        code=digest("collect_found"),
    script:
        "../../../scripts/collect_found.py"
