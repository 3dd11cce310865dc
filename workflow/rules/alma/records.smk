"""Records of a run: the true sources of all cubes, what was found in those of the test split, and the settings.

In: truth/<split>/<batch>.ecsv, {detections,inverted}/<batch>/*.ecsv, fit/{test,inverted}/<batch>.ecsv, the config.
Out: truth.ecsv, {catalogue,candidates,fitted}.ecsv, the same in inverted/, and config.yaml.
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


rule collect:
    input:
        catalogue=batches("detections/{batch}/catalogue.ecsv", "test"),
        candidates=batches("detections/{batch}/candidates.ecsv", "test"),
    output:
        catalogue=reported("catalogue.ecsv", "Catalogues"),
        candidates=reported("candidates.ecsv", "Catalogues"),
    log:
        results("logs/collect.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.table_mb("test"), 20),
    params:
        code=digest("collect"),
    script:
        "../../../scripts/collect.py"


use rule collect as collect_inverted with:
    input:
        catalogue=batches("inverted/{batch}/catalogue.ecsv", "test"),
        candidates=batches("inverted/{batch}/candidates.ecsv", "test"),
    output:
        catalogue=results("inverted/catalogue.ecsv"),
        candidates=results("inverted/candidates.ecsv"),
    log:
        results("logs/collect_inverted.log"),


use rule collect as collect_fitted with:
    input:
        fitted=batches("fit/test/{batch}.ecsv", "test"),
    output:
        fitted=reported("fitted.ecsv", "Catalogues"),
    log:
        results("logs/collect_fitted.log"),


use rule collect as collect_fitted_inverted with:
    input:
        fitted=batches("fit/inverted/{batch}.ecsv", "test"),
    output:
        fitted=results("inverted/fitted.ecsv"),
    log:
        results("logs/collect_fitted_inverted.log"),


rule record_config:
    input:
        trained_by=chosen("config.yaml") if TRAINED_BY else [],
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
