"""The bundle of the six networks, and the detection chain on the test cubes.

In: models/ and cubes/test/<batch>/. Out: bundle/ (networks, detection settings, what they were trained on), all that
the chain takes, here and in `cubefocus detect`; detections/<batch>/ with the catalogue, the table of all candidates
(with the reason where one was discarded), the images behind them and what it took (time.json). inverted/ has the same
for the cubes times -1.
"""


rule bundle:
    input:
        **checkpoints("blobs", "lines", "morphology"),
        truth=batches("truth/{split}/{batch}.ecsv", "train"),
    output:
        bundle=directory(results("bundle")),
    log:
        results("logs/bundle.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(4000, 30),
    params:
        bundle={
            "detection": config["detection"],
            "image_size": config["models"]["image_size"],
            "observation": config["observation"],
        },
        code=code_of_chain("bundle"),
    script:
        "../../../scripts/bundle.py"


rule detect:
    input:
        cubes=results("cubes/test/{batch}"),
        bundle=chosen("bundle"),
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
        inverted=True,
        code=code_of_chain("detect"),
