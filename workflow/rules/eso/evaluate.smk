"""The inferred skies compared with what is true of them, with CLEAN, and with a fit through the response.

In: skies/, visibilities/, tclean/, times/, inferred/, products/. Out: fitted/<sky>.ecsv, components fitted to the
visibilities; compared/<sky>.ecsv and detected/<sky>.ecsv, what each method tells of a sky; tables/<name>.{csv,md,tex};
figures/<name>.{png,pdf}; config.yaml.
"""


rule fit_components:
    input:
        visibilities=results("visibilities/{sky}.h5"),
        truth=results("skies/{sky}/truth.ecsv"),
    output:
        fitted=results("fitted/{sky}.ecsv"),
    log:
        results("logs/fit_components/{sky}.log"),
    benchmark:
        results("benchmarks/fit_components/{sky}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 1000 + 500 * megapixels(wildcards) + 3000 * VISIBILITIES, 20),
    params:
        code=digest("fit_components"),
    script:
        "../../../scripts/fit_components.py"


rule compare_resolved:
    input:
        sky=results("skies/{sky}/sky.fits"),
        truth=results("skies/{sky}/truth.ecsv"),
        visibilities=results("visibilities/{sky}.h5"),
        posterior=results("inferred/{sky}/posterior.h5"),
        products=results("products/{sky}"),
        fitted=results("fitted/{sky}.ecsv"),
        tclean=lambda wildcards: cleaned(wildcards.sky),
    output:
        compared=results("compared/{sky}.ecsv"),
        detected=results("detected/{sky}.ecsv"),
    log:
        results("logs/compare_resolved/{sky}.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 2000 + 1000 * megapixels(wildcards) + 500 * VISIBILITIES, 20),
    params:
        weightings=WEIGHTINGS,
        code=digest("compare_resolved", *(specs.FINDERS[name].function for name in specs.CONTINUUM_FINDERS)),
    script:
        "../../../scripts/compare_resolved.py"


rule resolved_tables:
    input:
        posterior=results(f"inferred/{MAIN}/posterior.h5"),
        compared=expand(results("compared/{sky}.ecsv"), sky=COMPARED),
        detected=expand(results("detected/{sky}.ecsv"), sky=COMPARED),
    output:
        csv=[reported(f"tables/{table}.csv", "Tables") for table in RESOLVED_TABLES],
        texts=expand(results("tables/{table}.{ext}"), table=RESOLVED_TABLES, ext=["md", "tex"]),
    log:
        results("logs/resolved_tables.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 5),
    params:
        prior=config["prior"],
        seed=config["seed"],
        code=digest("resolved_tables"),
    script:
        "../../../scripts/resolved_tables.py"


# Apart from the other tables: no two runs take the same time.
rule resolved_times:
    input:
        [path for sky in SKIES for path in cleaned(sky, "times/tclean/{weighting}/{sky}.ecsv")],
        expand(results("times/resolve/{sky}.ecsv"), sky=SKIES),
        expand(results("fitted/{sky}.ecsv"), sky=COMPARED),
    output:
        csv=reported("tables/resolve_times.csv", "Tables"),
        texts=expand(results("tables/resolve_times.{ext}"), ext=["md", "tex"]),
    log:
        results("logs/resolved_times.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 5),
    params:
        resolve={sky: results(f"times/resolve/{sky}.ecsv") for sky in SKIES},
        tclean={sky: cleaned(sky, "times/tclean/{weighting}/{sky}.ecsv") for sky in SKIES},
        measured={
            "resolve": {sky: results(f"benchmarks/resolve_sky/{sky}.tsv") for sky in SKIES},
            "fit": {sky: results(f"benchmarks/fit_components/{sky}.tsv") for sky in COMPARED},
            **{
                f"tclean {one}": {sky: results(f"benchmarks/clean_visibilities/{one}-{sky}.tsv") for sky in SKIES}
                for one in WEIGHTINGS
            },
        },
        code=digest("resolved_times"),
    script:
        "../../../scripts/resolved_times.py"


rule resolved_radii:
    input:
        posterior=results(f"inferred/{MAIN}/posterior.h5"),
        tclean=cleaned(MAIN),
        sky=results(f"skies/{MAIN}/sky.fits") if MAIN in KNOWN else [],
    output:
        csv=reported("tables/radii.csv", "Tables"),
        texts=expand(results("tables/radii.{ext}"), ext=["md", "tex"]),
    log:
        results("logs/resolved_radii.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000 + 2000 * config["image"]["size"] ** 2 / 1e6, 5),
    params:
        weightings=WEIGHTINGS,
        code=digest("resolved_radii"),
    script:
        "../../../scripts/resolved_radii.py"


rule resolved_figures:
    input:
        posterior=results(f"inferred/{MAIN}/posterior.h5"),
        rounds=results(f"inferred/{MAIN}/rounds"),
        products=results(f"products/{MAIN}"),
        tclean=cleaned(MAIN),
        sky=results(f"skies/{MAIN}/sky.fits") if MAIN in KNOWN else [],
    output:
        png=[reported(f"figures/{figure}.png", "Figures") for figure in RESOLVED_FIGURES],
        pdf=expand(results("figures/{figure}.pdf"), figure=RESOLVED_FIGURES),
    log:
        results("logs/resolved_figures.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000 + 4000 * config["image"]["size"] ** 2 / 1e6, 10),
    params:
        weightings=WEIGHTINGS,
        slope=config["prior"]["slope"],
        chi2=config["inference"]["chi2"],
        code=digest("resolved_figures"),
    script:
        "../../../scripts/resolved_figures.py"


rule resolved_coverage:
    input:
        compared=expand(results("compared/{sky}.ecsv"), sky=DRAWN),
    output:
        png=reported("figures/resolved_coverage.png", "Figures"),
        pdf=results("figures/resolved_coverage.pdf"),
    log:
        results("logs/resolved_coverage.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        code=digest("resolved_coverage"),
    script:
        "../../../scripts/resolved_coverage.py"


rule record_config:
    output:
        config=results("config.yaml"),
    log:
        results("logs/record_config.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        config=config,
        code=digest("record_config"),
    script:
        "../../../scripts/record_config.py"
