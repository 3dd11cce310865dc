"""Each cube searched by itself, as `cubefocus detect` does, and the catalogues in one.

In: the cubes of the list, and the beams beside them. Out: cubes/<number>/, all products of one cube; catalogue and
candidates of all, in which cube_id is the number in the list, from 0.
"""


rule search:
    input:
        cube=of_cube("cubes"),
        psf=of_cube("psf"),
        pb=of_cube("pb"),
    output:
        found=directory(results("cubes/{number}")),
    log:
        results("logs/search/{number}.log"),
    benchmark:
        results("benchmarks/search/{number}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(
            lambda wildcards, threads: memory_mb(wildcards),
            lambda wildcards, threads: 5 + size_mb(wildcards) / MB_A_MINUTE,
            gpu=0,
        ),
    params:
        options={key: config[key] for key in ("purity", "proposals", "rest_frequency_ghz", "memory", "pictures")},
        code=digest("search", *specs.PROPOSERS.values()),
    script:
        "../../../scripts/search.py"


rule join:
    input:
        found=expand(results("cubes/{number}"), number=NUMBERS),
    output:
        candidates=reported("candidates.ecsv", "Catalogues"),
        catalogue=reported("catalogue.ecsv", "Catalogues"),
        others=expand(results("catalogue.{end}"), end=["csv", "xml", "fits"]),
    log:
        results("logs/join.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 20),
    params:
        cubes=config["cubes"],
        code=digest("join"),
    script:
        "../../../scripts/join.py"
