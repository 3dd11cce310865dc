"""Responses of the set-ups, and the network that learns from images drawn with them.

In: config. Out: responses/<group>/<number>, one a set-up; models/proposer/trained.{pt,csv}.
"""


rule response:
    output:
        responses=directory(results("responses/{group}/{number}")),
    log:
        results("logs/response/{group}-{number}.log"),
    benchmark:
        results("benchmarks/response/{group}-{number}.tsv")
    conda:
        ENVIRONMENT
    resources:
        **needing(3000, 20),
    params:
        observation=lambda wildcards: setup(wildcards.group, wildcards.number),
        code=digest("response"),
    script:
        "../../../scripts/response.py"


rule train_proposer:
    input:
        responses=responses("train"),
    output:
        model=ensure(results("models/proposer/trained.pt"), non_empty=True),
        curve=results("models/proposer/trained.csv"),
    log:
        results("logs/train_proposer.log"),
    benchmark:
        results("benchmarks/train_proposer.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(3000, 10 + config["training"]["epochs"] * config["training"]["images"] / 1000),
    params:
        setups=[setup("train", number) for number in NUMBERS["train"]],
        draws=config["draws"],
        network=config["network"],
        settings=config["training"],
        seed=config["seed"],
        code=digest("train_proposer", *(specs.SKY_TYPES[name] for name in config["draws"]["types"])),
    script:
        "../../../scripts/train_proposer.py"
