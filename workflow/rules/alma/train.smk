"""Train the six networks side by side, then fine-tune each on the predictions of the ones before it.

Where DECORAS is among the finders, its network is trained beside them.

In: products/<split>/<batch>.h5. Out: models/<network>/{trained,finetuned}.{pt,csv} and, in between,
predictions/<stage>/<split>/<batch>.h5, the products cut out with predicted parameters (MNRAS 4.5).
"""


rule train:
    input:
        train=batches("products/{split}/{batch}.h5", "train"),
        validation=batches("products/{split}/{batch}.h5", "validation"),
    output:
        model=ensure(results("models/{network}/trained.pt"), non_empty=True),
        curve=results("models/{network}/trained.csv"),
    log:
        results("logs/train/{network}.log"),
    benchmark:
        results("benchmarks/train/{network}.tsv")
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **gpu_job(mem_mb=16000, minutes=1440),
    params:
        settings=lambda wildcards: network_settings("training", wildcards.network),
        models=lambda wildcards: network_shape(wildcards.network),
        seed=config["seed"],
        code=training_code(),
    wildcard_constraints:
        network="|".join(name for name in [*NETWORKS, *MAP_FINDERS] if name != "blobs_finder"),
    script:
        "../../../scripts/train.py"


# The longest training, and the one that all others wait for: it starts first.
use rule train as train_blobs_finder with:
    priority: 10
    resources:
        # All images are in memory, twice while they are joined.
        **gpu_job(mem_mb=8000 + 2 * images_mb("train", "validation"), minutes=1440),
    wildcard_constraints:
        network="blobs_finder",


rule predict_blobs:
    input:
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
        blobs_finder=results("models/blobs_finder/trained.pt"),
    output:
        products=ensure(results("predictions/blobs/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_blobs/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_blobs/{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **gpu_job(mem_mb=6000, minutes=60),
    params:
        **prediction("blobs"),
    script:
        "../../../scripts/predict.py"


rule finetune_deep_gru:
    input:
        train=batches("predictions/blobs/{split}/{batch}.h5", "train"),
        validation=batches("predictions/blobs/{split}/{batch}.h5", "validation"),
        start=results("models/deep_gru/trained.pt"),
    output:
        model=ensure(results("models/deep_gru/finetuned.pt"), non_empty=True),
        curve=results("models/deep_gru/finetuned.csv"),
    log:
        results("logs/finetune/deep_gru.log"),
    benchmark:
        results("benchmarks/finetune/deep_gru.tsv")
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **gpu_job(mem_mb=16000, minutes=360),
    params:
        settings=config["finetuning"]["deep_gru"],
        models=network_shape("deep_gru"),
        seed=config["seed"],
        code=training_code(),
    script:
        "../../../scripts/train.py"


use rule predict_blobs as predict_lines with:
    input:
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
        blobs_finder=results("models/blobs_finder/trained.pt"),
        deep_gru=results("models/deep_gru/finetuned.pt"),
    output:
        products=ensure(results("predictions/lines/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_lines/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_lines/{split}-{batch}.tsv")
    params:
        **prediction("blobs", "spectra", "focus"),


use rule finetune_deep_gru as finetune_morphology with:
    input:
        train=batches("predictions/lines/{split}/{batch}.h5", "train"),
        validation=batches("predictions/lines/{split}/{batch}.h5", "validation"),
        start=results("models/{network}/trained.pt"),
    output:
        model=ensure(results("models/{network}/finetuned.pt"), non_empty=True),
        curve=results("models/{network}/finetuned.csv"),
    log:
        results("logs/finetune/{network}.log"),
    benchmark:
        results("benchmarks/finetune/{network}.tsv")
    params:
        settings=config["finetuning"]["resnet"],
        models=lambda wildcards: network_shape(wildcards.network),
        seed=config["seed"],
        code=training_code(),
    wildcard_constraints:
        network="|".join(MORPHOLOGY),


use rule predict_blobs as predict_morphology with:
    input:
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
        blobs_finder=results("models/blobs_finder/trained.pt"),
        deep_gru=results("models/deep_gru/finetuned.pt"),
        sigma_x=results("models/sigma_x/finetuned.pt"),
        sigma_y=results("models/sigma_y/finetuned.pt"),
        pa=results("models/pa/finetuned.pt"),
    output:
        products=ensure(results("predictions/morphology/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_morphology/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_morphology/{split}-{batch}.tsv")
    params:
        **prediction("blobs", "spectra", "focus", "flux"),


use rule finetune_morphology as finetune_flux with:
    input:
        train=batches("predictions/morphology/{split}/{batch}.h5", "train"),
        validation=batches("predictions/morphology/{split}/{batch}.h5", "validation"),
        start=results("models/{network}/trained.pt"),
    wildcard_constraints:
        network="flux",
