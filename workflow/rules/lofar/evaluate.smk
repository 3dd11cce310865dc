"""The test images denoised by each network and filter, and compared with their skies.

In: skies/test/, observed/<dataset>/test/, models/. Out: denoised/<network>/<dataset>/<batch>/, FITS images;
scores/<dataset>/<batch>.ecsv; tables/denoised.{csv,md}; figures/<dataset>.png; bundle/, the residual networks with their
model card; config.yaml.
"""


rule denoise:
    input:
        observed=lambda wildcards: (
            results(f"skies/test/{wildcards.batch}")
            if wildcards.dataset == "identity"
            else results(f"observed/{wildcards.dataset}/test/{wildcards.batch}")
        ),
        model=rules.train_denoiser.output.model,
    output:
        denoised=directory(results("denoised/{network}/{dataset}/{batch}")),
    log:
        results("logs/denoise/{network}-{dataset}-{batch}.log"),
    benchmark:
        results("benchmarks/denoise/{network}-{dataset}-{batch}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(2000 + 40 * MEGAPIXELS, 5 + IMAGES["batch_size"] * MEGAPIXELS),
    params:
        code=digest("denoise", *specs.DENOISERS.values()),
    script:
        "../../../scripts/denoise.py"


rule score_denoised:
    input:
        skies=results("skies/test/{batch}"),
        observed=rules.denoise.input.observed,
        denoised=lambda wildcards: expand(
            results("denoised/{network}/{dataset}/{batch}"),
            network=config["networks"],
            dataset=wildcards.dataset,
            batch=wildcards.batch,
        ),
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
        networks=config["networks"],
        evaluation=config["evaluation"],
        observation=config["observation"],
        cell_arcsec=IMAGES["cell_arcsec"],
        code=digest("score_denoised"),
    script:
        "../../../scripts/score_denoised.py"


rule denoised_table:
    input:
        scores=[results(f"scores/{dataset}/{batch}.ecsv") for dataset in DATASETS for batch in batches("test")],
    output:
        csv=reported("tables/denoised.csv", "Tables"),
        markdown=results("tables/denoised.md"),
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


rule denoised_figure:
    input:
        skies=results(f"skies/test/{batches('test')[0]}"),
        observed=lambda wildcards: observed(wildcards.dataset, "test")[0],
        denoised=lambda wildcards: expand(
            results("denoised/{network}/{dataset}/{batch}"),
            network=config["networks"],
            dataset=wildcards.dataset,
            batch=batches("test")[0],
        ),
    output:
        figure=reported("figures/{dataset}.png", "Figures", "denoised_maps"),
        pdf=results("figures/{dataset}.pdf"),
    log:
        results("logs/denoised_figure/{dataset}.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000 + 100 * MEGAPIXELS, 5),
    params:
        networks=config["networks"],
        evaluation=config["evaluation"],
        observation=config["observation"],
        cell_arcsec=IMAGES["cell_arcsec"],
        code=digest("denoised_figure"),
    script:
        "../../../scripts/denoised_figure.py"


rule bundle_denoiser:
    input:
        models=expand(results("models/residual/{dataset}.pt"), dataset=BUNDLED),
        observed=[observed(dataset, "validation")[0] for dataset in BUNDLED],
        table=rules.denoised_table.output.csv,
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
