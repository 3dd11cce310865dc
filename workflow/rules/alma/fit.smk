"""The last step of the chain: all sources of a cube fitted together through the dirty beam that CASA measured.

In: cubes, responses, what the chain found in the validation and the test split. Out: fit/choice.json, the significance
that validation cubes ask for; fit/{validation,test,inverted}/<batch>.ecsv, the last of some test cubes times -1;
bound.ecsv, the smallest errors that noise allows for the true sources of the test split.
"""


# The threshold of the fit is chosen on what it makes of the chain's catalogue of validation cubes.
use rule detect as detect_validation with:
    input:
        cubes=results("cubes/validation/{batch}"),
        bundle=results("bundle"),
    output:
        catalogue=results("validation/{batch}/catalogue.ecsv"),
        candidates=temp(results("validation/{batch}/candidates.ecsv")),
        products=temp(results("validation/{batch}/products.h5")),
        time=temp(results("validation/{batch}/time.json")),
    log:
        results("logs/detect_validation/{batch}.log"),
    benchmark:
        results("benchmarks/detect_validation/{batch}.tsv")
    params:
        inverted=False,
        code=code_of_chain("detect"),


rule fit_validation:
    input:
        cubes=results("cubes/validation/{batch}"),
        truth=results("truth/validation/{batch}.ecsv"),
        starts=results("validation/{batch}/catalogue.ecsv"),
        responses=results("responses"),
    output:
        fitted=results("fit/validation/{batch}.ecsv"),
        time=results("fit/validation/{batch}.time.json"),
    log:
        results("logs/fit_validation/{batch}.log"),
    benchmark:
        results("benchmarks/fit_validation/{batch}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.fit_mb(), NEEDS.fit_minutes(), gpu=1, shared=True),
    params:
        **fitting(),
    script:
        "../../../scripts/fit.py"


rule decide:
    input:
        truth=results("truth.ecsv"),
        fitted=batches("fit/validation/{batch}.ecsv", "validation"),
    output:
        choice=results("fit/choice.json"),
    log:
        results("logs/decide.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.table_mb(*SPLITS), 20),
    params:
        evaluation=matching_settings(),
        lowest=config["detection"]["fit"]["search"],
        code=digest("decide"),
    script:
        "../../../scripts/decide.py"


use rule fit_validation as fit with:
    input:
        cubes=results("cubes/test/{batch}"),
        truth=results("truth/test/{batch}.ecsv"),
        starts=results("detections/{batch}/catalogue.ecsv"),
        responses=results("responses"),
        choice=chosen("fit/choice.json"),
    output:
        fitted=results("fit/test/{batch}.ecsv"),
        time=results("fit/test/{batch}.time.json"),
    log:
        results("logs/fit/{batch}.log"),
    benchmark:
        results("benchmarks/fit/{batch}.tsv")


# The truth of all cubes says from which those that are fitted times -1 are drawn.
use rule fit as fit_inverted with:
    input:
        cubes=results("cubes/test/{batch}"),
        truth=results("truth.ecsv"),
        starts=results("inverted/{batch}/catalogue.ecsv"),
        responses=results("responses"),
        choice=chosen("fit/choice.json"),
    output:
        fitted=results("fit/inverted/{batch}.ecsv"),
        time=temp(results("fit/inverted/{batch}.time.json")),
    log:
        results("logs/fit_inverted/{batch}.log"),
    benchmark:
        results("benchmarks/fit_inverted/{batch}.tsv")
    params:
        **fitting(inverted=True),


rule bound:
    input:
        truth=batches("truth/{split}/{batch}.ecsv", "test"),
        responses=results("responses"),
    output:
        bound=results("bound.ecsv"),
    log:
        results("logs/bound.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(NEEDS.fit_mb(), NEEDS.fit_minutes()),
    params:
        observation=config["observation"],
        code=digest("bound"),
    script:
        "../../../scripts/bound.py"
