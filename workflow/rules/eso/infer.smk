"""Skies inferred from visibilities, as samples of their posterior, and what is read off them.

In: visibilities/<sky>.h5. Out: inferred/<sky>/posterior.h5 and rounds/, that after some of the rounds; times/resolve/<sky>.ecsv,
of each round; products/<sky>/, FITS images, tables and residuals. inferred/<sky>/state/ is no output, which Snakemake would remove with a job that was
cut off: the next one goes on from there.
"""


rule resolve_sky:
    input:
        visibilities=results("visibilities/{sky}.h5"),
    output:
        posterior=ensure(results("inferred/{sky}/posterior.h5"), non_empty=True),
        rounds=directory(results("inferred/{sky}/rounds")),
        times=results("times/resolve/{sky}.ecsv"),
    log:
        results("logs/resolve_sky/{sky}.log"),
    benchmark:
        results("benchmarks/resolve_sky/{sky}.tsv")
    conda:
        ENVIRONMENT
    threads: config["inference"]["threads"]
    resources:
        **needing(
            lambda wildcards, threads: 3000 + 8000 * megapixels(wildcards) + 2000 * VISIBILITIES,
            lambda wildcards, threads: 10 + rounds_of(wildcards) * (1 + 20 * megapixels(wildcards)),
        ),
    params:
        state=lambda wildcards: results(f"inferred/{wildcards.sky}/state"),
        prior=config["prior"],
        inference={key: value for key, value in config["inference"].items() if key not in ("rounds", "threads")},
        rounds=rounds_of,
        seed=lambda wildcards: 1000 * config["seed"] + number_of(wildcards),
        code=digest("resolve_sky"),
    script:
        "../../../scripts/resolve_sky.py"


rule posterior_products:
    input:
        visibilities=results("visibilities/{sky}.h5"),
        posterior=results("inferred/{sky}/posterior.h5"),
    output:
        products=directory(results("products/{sky}")),
    log:
        results("logs/posterior_products/{sky}.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 3000 + 2000 * megapixels(wildcards) + 2000 * VISIBILITIES, 15),
    params:
        code=digest("posterior_products"),
    script:
        "../../../scripts/posterior_products.py"
