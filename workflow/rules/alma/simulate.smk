"""From the seed to cubes and training products.

In: the config. Out: catalogue_sky.ecsv; responses/, one a set-up, where a split is made by the engine fft;
cubes/<split>/<batch>/ with the cubes of every field; truth/<split>/<batch>.ecsv; products/<split>/<batch>.h5, cut out
with the true parameters while a cube is in memory.
"""


rule draw_catalogue:
    output:
        catalogue=results("catalogue_sky.ecsv"),
    log:
        results("logs/draw_catalogue.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.table_mb(*SPLITS), 10),
    params:
        sky=config["sky"],
        cubes=CUBES,
        n_channels=config["observation"]["n_channels"],
        n_pixels=config["observation"]["n_pixels"],
        snr=config["noise"]["snr"],
        seed=config["seed"],
        code=digest("draw_catalogue", *SKIES),
    script:
        "../../../scripts/draw_catalogue.py"


rule response:
    output:
        responses=directory(results("responses")),
    log:
        results("logs/response.log"),
    benchmark:
        results("benchmarks/response.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.response_mb(), 60),
    params:
        observation=config["observation"],
        code=digest("response"),
    script:
        "../../../scripts/response.py"


rule simulate:
    input:
        responses=lambda wildcards: [results("responses")] if config["engine"][wildcards.split] == "fft" else [],
        catalogue=rules.draw_catalogue.output.catalogue,
    output:
        cubes=kept(results("cubes/{split}/{batch}")),
        truth=results("truth/{split}/{batch}.ecsv"),
        products=ensure(results("products/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/simulate/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/simulate/{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(
            NEEDS.simulation_mb(),
            lambda wildcards, threads: NEEDS.simulation_minutes(config["engine"][wildcards.split], threads),
            shared=True,
        ),
    params:
        observation=config["observation"],
        box={key: config["sky"][key] for key in ("box_level", "box_reference")},
        noise=config["noise"],
        engine=lambda wildcards: config["engine"][wildcards.split],
        batch_size=config["cubes"]["batch_size"],
        compress=config["cubes"]["compress"],
        cut={"dilation": config["detection"]["flux"]["dilation"], "size": config["detection"]["focus"]["size"]},
        seed=config["seed"],
        code=digest("simulate", *SKIES),
    script:
        "../../../scripts/simulate.py"
