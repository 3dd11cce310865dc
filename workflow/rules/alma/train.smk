"""Train the networks side by side: those of the chain, and those of finders that have one.

In: products/<split>/<batch>.h5. Out: models/<network>/trained.{pt,csv}.
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
    wildcard_constraints:
        network="|".join(name for name in TRAINED if name != "blobs_finder"),
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **training_needs("training"),
    params:
        **training("training"),
    script:
        "../../../scripts/train.py"


# The longest training, and the one that all others wait for: it starts first.
use rule train as train_blobs_finder with:
    wildcard_constraints:
        network="blobs_finder",
    priority: 10
