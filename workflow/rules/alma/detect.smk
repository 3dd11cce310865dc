"""The detection chain on the test cubes.

In: cubes/test/<batch>/ and the six networks. Out: detections/<batch>/ with the catalogue, the table of all
candidates (with the reason where one was discarded), the images behind them and what it took (time.json);
catalogue.ecsv and candidates.ecsv of the whole experiment. inverted/ has the same two tables for the cubes times -1.
"""


rule detect:
    input:
        **checkpoints("blobs", "lines", "morphology"),
        cubes=results("cubes/test/{batch}"),
    output:
        catalogue=results("detections/{batch}/catalogue.ecsv"),
        candidates=results("detections/{batch}/candidates.ecsv"),
        products=ensure(results("detections/{batch}/products.h5"), non_empty=True),
        time=results("detections/{batch}/time.json"),
    log:
        results("logs/detect/{batch}.log"),
    benchmark:
        results("benchmarks/detect/{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.chain_mb(), NEEDS.chain_minutes(), gpu=1, shared=True),
    params:
        detection=config["detection"],
        inverted=False,
        code=code_of_chain("detect"),
    script:
        "../../../scripts/detect.py"


# What is found in the cubes times -1 is false: it says how far detections can be trusted.
use rule detect as detect_inverted with:
    output:
        catalogue=results("inverted/{batch}/catalogue.ecsv"),
        candidates=results("inverted/{batch}/candidates.ecsv"),
        products=temp(results("inverted/{batch}/products.h5")),
        time=temp(results("inverted/{batch}/time.json")),
    log:
        results("logs/detect_inverted/{batch}.log"),
    benchmark:
        results("benchmarks/detect_inverted/{batch}.tsv")
    params:
        detection=config["detection"],
        inverted=True,
        code=code_of_chain("detect"),


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
