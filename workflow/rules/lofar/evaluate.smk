"""The test images denoised by each network and filter, and compared with their skies.

In: skies/test/, observed/<dataset>/test/, models/. Out: denoised/<network>/<trained on>/<dataset>/<batch>/, FITS
images; times/ and seams/ of the networks; scores/<dataset>/<batch>.ecsv; tables/<name>.{csv,md,tex};
figures/<name>.{png,pdf}; bundle/, the residual networks with their model card; config.yaml.
"""


rule denoise:
    input:
        observed=lambda wildcards: observed(wildcards.dataset, "test")[int(wildcards.batch)],
        model=results("models/{network}/{trained_on}.pt"),
    output:
        denoised=directory(results("denoised/{network}/{trained_on}/{dataset}/{batch}")),
        times=results("times/{network}/{trained_on}/{dataset}/{batch}.ecsv"),
    log:
        results("logs/denoise/{network}-{trained_on}-{dataset}-{batch}.log"),
    benchmark:
        results("benchmarks/denoise/{network}-{trained_on}-{dataset}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(2000 + 40 * MEGAPIXELS, 5 + IMAGES["batch_size"] * MEGAPIXELS),
    params:
        code=digest("denoise", *specs.DENOISERS.values()),
    script:
        "../../../scripts/denoise.py"


rule seams:
    input:
        observed=lambda wildcards: observed(wildcards.dataset, "test")[0],
        model=results("models/{network}/{dataset}.pt"),
    output:
        seams=results("seams/{network}/{dataset}.ecsv"),
    log:
        results("logs/seams/{network}-{dataset}.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(2000 + 80 * MEGAPIXELS, 5 + 2 * MEGAPIXELS),
    params:
        observation=config["observation"],
        code=digest("seams", *specs.DENOISERS.values()),
    script:
        "../../../scripts/seams.py"


rule score_denoised:
    input:
        lambda wildcards: folders(compared(wildcards.dataset, [wildcards.batch])),
    output:
        scores=results("scores/{dataset}/{batch}.ecsv"),
    log:
        results("logs/score_denoised/{dataset}-{batch}.log"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(2000 + 200 * MEGAPIXELS, 5 + IMAGES["batch_size"] * MEGAPIXELS),
    params:
        compared=lambda wildcards: compared(wildcards.dataset, [wildcards.batch]),
        code=digest("score_denoised"),
    script:
        "../../../scripts/score_denoised.py"


rule denoised_table:
    input:
        scores=SCORES,
        seams=expand(results("seams/{network}/{dataset}.ecsv"), network=config["networks"], dataset=DATASETS),
    output:
        csv=[reported(f"tables/{table}.csv", "Tables") for table in TABLES],
        texts=expand(results("tables/{table}.{ext}"), table=TABLES, ext=["md", "tex"]),
    log:
        results("logs/denoised_table.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        code=digest("denoised_table"),
    script:
        "../../../scripts/denoised_table.py"


# Apart from the other tables: no two runs take the same time.
rule denoised_times:
    input:
        times=[
            path
            for dataset in DATASETS
            for batch in batches("test")
            for path in denoised(dataset, batch, "times/{network}/{trained_on}/{dataset}/{batch}.ecsv")
        ],
    output:
        csv=reported("tables/times.csv", "Tables", "denoised_times"),
        texts=expand(results("tables/times.{ext}"), ext=["md", "tex"]),
    log:
        results("logs/denoised_times.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        code=digest("denoised_times"),
    script:
        "../../../scripts/denoised_times.py"


rule denoised_curves:
    input:
        scores=SCORES,
    output:
        png=[reported(f"figures/{figure}.png", "Figures") for figure in CURVES],
        pdf=expand(results("figures/{figure}.pdf"), figure=CURVES),
    log:
        results("logs/denoised_curves.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(1000, 5),
    params:
        code=digest("denoised_curves"),
    script:
        "../../../scripts/denoised_curves.py"


rule denoised_maps:
    input:
        lambda wildcards: folders(compared(wildcards.dataset, batches("test"))),
        scores=SCORES,
    output:
        png=reported("figures/maps_{dataset}.png", "Figures", "denoised_maps"),
        pdf=results("figures/maps_{dataset}.pdf"),
    log:
        results("logs/denoised_maps/{dataset}.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000 + 200 * MEGAPIXELS, 5),
    params:
        compared=lambda wildcards: compared(wildcards.dataset, batches("test")),
        code=digest("denoised_maps"),
    script:
        "../../../scripts/denoised_maps.py"


rule denoised_overview:
    input:
        [path for one in OVERVIEW for path in folders(one)],
        scores=SCORES,
    output:
        png=reported("figures/denoised_overview.png", "Figures"),
        pdf=results("figures/denoised_overview.pdf"),
    log:
        results("logs/denoised_overview.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000 + 200 * MEGAPIXELS, 5),
    params:
        compared=OVERVIEW,
        code=digest("denoised_overview"),
    script:
        "../../../scripts/denoised_overview.py"


rule bundle_denoiser:
    input:
        models=expand(results("models/residual/{dataset}.pt"), dataset=BUNDLED),
        observed=[observed(dataset, "validation")[0] for dataset in BUNDLED],
        table=rules.denoised_table.output.csv[0],
    output:
        bundle=directory(results("bundle")),
    log:
        results("logs/bundle_denoiser.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000 + 200 * MEGAPIXELS, 10),
    params:
        kinds=BUNDLED,
        images=IMAGES,
        observation=config["observation"],
        simulated=not config["sky"]["files"],
        seed=config["seed"],
        code=digest("bundle_denoiser", *specs.DENOISERS.values()),
    script:
        "../../../scripts/bundle_denoiser.py"


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
