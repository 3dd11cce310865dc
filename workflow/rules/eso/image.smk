"""What is imaged: visibilities of a Measurement Set, simulated or a user's own, and CLEAN of it by CASA.

In: ms/<sky>.ms or that of the config. Out: visibilities/<sky>.h5; tclean/<weighting>/<sky>.fits, Jy/beam, corrected for
the primary beam, <sky>.residual.fits, not corrected, and times/tclean/<weighting>/<sky>.ecsv.
"""


rule visibilities:
    input:
        ms=ms_of,
    output:
        visibilities=ensure(results("visibilities/{sky}.h5"), non_empty=True),
    log:
        results("logs/visibilities/{sky}.log"),
        casa=results("logs/visibilities/{sky}.casa.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 2000 + 200 * megapixels(wildcards) + 1000 * VISIBILITIES, 20),
    params:
        size=size_of,
        cell_arcsec=CELL,
        windows=windows_of,
        field_id=field_of,
        code=digest("visibilities"),
    script:
        "../../../scripts/visibilities.py"


rule clean_visibilities:
    input:
        ms=ms_of,
    output:
        image=results("tclean/{weighting}/{sky}.fits"),
        residual=results("tclean/{weighting}/{sky}.residual.fits"),
        times=results("times/tclean/{weighting}/{sky}.ecsv"),
    log:
        results("logs/clean_visibilities/{weighting}-{sky}.log"),
        casa=results("logs/clean_visibilities/{weighting}-{sky}.casa.log"),
    benchmark:
        results("benchmarks/clean_visibilities/{weighting}-{sky}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(lambda wildcards, threads: 2000 + 400 * megapixels(wildcards) + 500 * VISIBILITIES, 60),
    params:
        settings={key: config["tclean"][key] for key in ("robust", "niter", "threshold_mjy")},
        size=size_of,
        cell_arcsec=CELL,
        windows=windows_of,
        field_id=field_of,
        code=digest("clean_visibilities"),
    script:
        "../../../scripts/clean_visibilities.py"
