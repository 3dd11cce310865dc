"""Other ways to find sources, tuned on the validation split and used once on the test split.

In: products/<split>/<batch>.h5 (integrated images) and the truth. Out: finders/<method>/{catalogue,tuning}.ecsv.
"""


rule find_threshold:
    input:
        truth=results("truth.ecsv"),
        validation=batches("products/{split}/{batch}.h5", "validation"),
        test=batches("products/{split}/{batch}.h5", "test"),
    output:
        catalogue=results("finders/threshold/catalogue.ecsv"),
        tuning=results("finders/threshold/tuning.ecsv"),
    log:
        results("logs/find/threshold.log"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000 + images_mb("validation", "test"),
        runtime=60,
    params:
        evaluation=matching_settings(),
        code=digest("find", "evaluate"),
    script:
        "../../scripts/find_threshold.py"
