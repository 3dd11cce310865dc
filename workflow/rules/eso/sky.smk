"""Skies of components, what is true of them, and their observation by CASA.

In: config. Out: skies/<sky>/sky.fits, Jy/arcsec^2, and truth.ecsv, a row a component; ms/<sky>.ms, a Measurement Set
that is removed when nothing needs it any more.
"""


rule components:
    output:
        sky=results("skies/{sky}/sky.fits"),
        truth=results("skies/{sky}/truth.ecsv"),
    log:
        results("logs/components/{sky}.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 1000 + 100 * megapixels(wildcards), 5),
    params:
        settings=config["sky"],
        coverage=lambda wildcards: (
            {key: config["coverage"][key] for key in ("size", "components", "peak", "fwhm_arcsec", "axis_ratio")}
            if drawn(wildcards)
            else {}
        ),
        direction=config["observation"]["direction"],
        size=size_of,
        cell_arcsec=CELL,
        seed=config["seed"],
        number=number_of,
        code=digest("components", *specs.COMPONENT_SKIES.values()),
    script:
        "../../../scripts/components.py"


rule observe_components:
    input:
        sky=results("skies/{sky}/sky.fits"),
    output:
        ms=temp(directory(results("ms/{sky}.ms"))),
    log:
        results("logs/observe_components/{sky}.log"),
        casa=results("logs/observe_components/{sky}.casa.log"),
    benchmark:
        results("benchmarks/observe_components/{sky}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(
            # CASA takes 40 bytes a pixel of the empty field around the sky, which has 64 times its pixels
            lambda wildcards, threads: 2000 + 3000 * megapixels(wildcards) + 500 * VISIBILITIES,
            5 + config["observation"]["windows"] * (1 + 5 * VISIBILITIES),
        ),
    params:
        observation=config["observation"],
        spectral_index=config["sky"]["spectral_index"],
        cell_arcsec=CELL,
        seed=config["seed"],
        noise=lambda wildcards: number_of(wildcards) % config["coverage"]["noise_seeds"],
        code=digest("observe_components"),
    script:
        "../../../scripts/observe_components.py"
