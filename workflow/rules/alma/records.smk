"""Records of a run: the true sources of all cubes, and the settings.

In: truth/<split>/<batch>.ecsv, the config. Out: truth.ecsv and config.yaml.
"""


rule collect_truth:
    input:
        truth=batches("truth/{split}/{batch}.ecsv", *SPLITS),
    output:
        truth=reported("truth.ecsv", "Catalogues"),
    log:
        results("logs/collect_truth.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.table_mb(*SPLITS), 20),
    params:
        code=digest("collect"),
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
        **needing(1000, 5),
    params:
        config=config,
        code=digest("record_config"),
    script:
        "../../../scripts/record_config.py"
