"""Predict with the networks that are ready, for fine-tuning those after them in the chain.

In: cubes, truth, models/<network>/*.pt. Out: predictions/<stage>/<split>/<batch>.h5, products cut out with predicted
parameters (MNRAS 4.5).
"""


rule predict_blobs:
    input:
        **checkpoints(),
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
    output:
        products=ensure(results("predictions/blobs/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_blobs/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_blobs/{split}-{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.chain_mb(), NEEDS.chain_minutes(), gpu=1, shared=True),
    params:
        **prediction("blobs"),
    script:
        "../../../scripts/predict.py"


use rule predict_blobs as predict_lines with:
    input:
        **checkpoints("blobs"),
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
    output:
        products=ensure(results("predictions/lines/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_lines/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_lines/{split}-{batch}.tsv")
    params:
        **prediction("blobs", "focus", "spectra"),


use rule predict_blobs as predict_morphology with:
    input:
        **checkpoints("blobs", "lines"),
        cubes=results("cubes/{split}/{batch}"),
        truth=results("truth/{split}/{batch}.ecsv"),
    output:
        products=ensure(results("predictions/morphology/{split}/{batch}.h5"), non_empty=True),
    log:
        results("logs/predict_morphology/{split}-{batch}.log"),
    benchmark:
        results("benchmarks/predict_morphology/{split}-{batch}.tsv")
    params:
        **prediction("blobs", "flux", "focus", "spectra"),
