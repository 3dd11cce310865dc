"""The network compared with the bank of templates on cubes of other set-ups, and the bundle that is shipped.

In: responses/heldout/<number>, models/proposer/trained.pt. Out: cubes/<split>/<number>/;
found/<split>/<number>/{candidates,times}.ecsv;
choice.json, the network's scale; tables/proposers.{csv,md}; bundle/; config.yaml.
"""

KINDS = ("candidates", "times")
SPLITS = ("calibration", "validation", "test")
LATER = ("link", "false_per_cube")  # keys of the comparison that decide nothing of its cubes
NARROWEST = 1  # channels of the narrowest windows


wildcard_constraints:
    split="|".join(SPLITS),


def found(split: str, kind: str) -> list[str]:
    """Tables of a split, one a set-up."""
    return expand(results(f"found/{split}/{{number}}/{kind}.ecsv"), number=NUMBERS["heldout"])


def cubes(split: str) -> list[str]:
    """Folders of the cubes of a split, one a set-up."""
    return expand(results(f"cubes/{split}/{{number}}"), number=NUMBERS["heldout"])


rule heldout_cubes:
    input:
        responses=results("responses/heldout/{number}"),
    output:
        cubes=directory(results("cubes/{split}/{number}")),
    log:
        results("logs/heldout_cubes/{split}-{number}.log"),
    benchmark:
        results("benchmarks/heldout_cubes/{split}-{number}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(4000, lambda wildcards, threads: 5 + 2 * config["comparison"][wildcards.split]),
    params:
        setup=lambda wildcards: setup("heldout", wildcards.number),
        n_cubes=lambda wildcards: config["comparison"][wildcards.split],
        comparison={key: value for key, value in config["comparison"].items() if key not in (*SPLITS, *LATER)},
        seed=config["seed"],
        code=digest("heldout_cubes", *(specs.SKY_TYPES[name] for name in config["comparison"]["types"])),
    script:
        "../../../scripts/heldout_cubes.py"


rule propose:
    input:
        cubes=results("cubes/{split}/{number}"),
        model=rules.train_proposer.output.model,
        choice=lambda wildcards: [] if wildcards.split == "calibration" else [results("choice.json")],
    output:
        **{kind: results(f"found/{{split}}/{{number}}/{kind}.ecsv") for kind in KINDS},
    log:
        results("logs/propose/{split}-{number}.log"),
    benchmark:
        results("benchmarks/propose/{split}-{number}.tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needing(4000, lambda wildcards, threads: 5 + 2 * config["comparison"][wildcards.split]),
    params:
        link=config["comparison"]["link"],
        narrowest=NARROWEST,
        code=digest("propose"),
    script:
        "../../../scripts/propose.py"


rule calibrate:
    input:
        candidates=found("calibration", "candidates"),
    output:
        choice=results("choice.json"),
    log:
        results("logs/calibrate.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        narrowest=NARROWEST,
        code=digest("calibrate"),
    script:
        "../../../scripts/calibrate.py"


rule compare_proposers:
    input:
        **{f"{split}_{kind}": found(split, kind) for split in ("validation", "test") for kind in KINDS},
        **{f"{split}_cubes": cubes(split) for split in ("validation", "test")},
    output:
        csv=reported("tables/proposers.csv", "Tables"),
        markdown=results("tables/proposers.md"),
    log:
        results("logs/compare_proposers.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        comparison=config["comparison"],
        trained_types=[name for name, weight in config["draws"]["types"].items() if weight > 0],
        code=digest("compare_proposers"),
    script:
        "../../../scripts/compare_proposers.py"


rule bundle_proposer:
    input:
        responses=responses("train"),
        model=rules.train_proposer.output.model,
        choice=rules.calibrate.output.choice,
        table=rules.compare_proposers.output.markdown,
    output:
        bundle=directory(results("bundle")),
    log:
        results("logs/bundle_proposer.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        setups=[setup("train", number) for number in NUMBERS["train"]],
        draws=config["draws"],
        training=config["training"],
        code=digest("bundle_proposer"),
    script:
        "../../../scripts/bundle_proposer.py"


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
