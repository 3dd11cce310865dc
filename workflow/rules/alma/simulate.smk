"""From the seed to cubes and training products.

In: the config. Out: catalogue_sky.ecsv; responses/, one a set-up, where a split is made by the engine fft; cubes/<split>/<batch>/ with the cubes of every field;
truth/<split>/<batch>.ecsv; products/<split>/<batch>.h5, cut out with the true parameters while a cube is in memory.
"""


rule draw_catalogue:
    output:
        catalogue=results("catalogue_sky.ecsv"),
    log:
        results("logs/draw_catalogue.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        sky=config["sky"],
        cubes={split: config["cubes"][split] for split in SPLITS},
        n_channels=config["observation"]["n_channels"],
        n_pixels=config["observation"]["n_pixels"],
        snr=config["noise"]["snr"],
        seed=config["seed"],
        code=digest("sky", "instrument/observation.py", "cube/cutouts.py"),
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
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        observation=config["observation"],
        code=digest("instrument", "engines", "alma/batch.py", "alma/cube_task.py", "alma/folder.py", "stats"),
    script:
        "../../../scripts/response.py"


rule simulate:
    input:
        responses=responses_of,
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
        # A full-size cube takes 2 GB of memory and two minutes in CASA; `threads` of them are made at once.
        mem_mb=lambda wildcards, threads, attempt: 2500 * threads * attempt,
        runtime=lambda wildcards, threads, attempt: 30 + 4 * config["cubes"]["batch_size"] * attempt // threads,
    params:
        observation=config["observation"],
        box={key: config["sky"][key] for key in ("box_level", "box_reference")},
        noise=config["noise"],
        engine=lambda wildcards: config["engine"][wildcards.split],
        batch_size=config["cubes"]["batch_size"],
        compress=config["cubes"]["compress"],
        cut={"size": config["detection"]["focus"]["size"], "dilation": config["detection"]["flux"]["dilation"]},
        seed=config["seed"],
        code=digest("instrument", "engines", "alma/batch.py", "alma/cube_task.py", "alma/folder.py", "stats", "sky", "cube", "alma/training_products.py"),
    script:
        "../../../scripts/simulate.py"


rule collect_truth:
    input:
        truth=batches("truth/{split}/{batch}.ecsv", *SPLITS),
    output:
        truth=report(results("truth.ecsv"), caption="../../report/truth.rst", category="Catalogues"),
    log:
        results("logs/collect_truth.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=20,
    script:
        "../../../scripts/collect.py"


rule record_config:
    output:
        config=results("config.yaml"),
    log:
        results("logs/record_config.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=config,
    script:
        "../../../scripts/record_config.py"
