"""Fine-tune each network on the predictions of the ones before it in the chain.

In: predictions/<stage>/<split>/<batch>.h5, models/<network>/trained.pt. Out: models/<network>/finetuned.{pt,csv}.
"""


rule finetune_deep_gru:
    input:
        **predicted("blobs"),
    output:
        model=ensure(results("models/{network}/finetuned.pt"), non_empty=True),
        curve=results("models/{network}/finetuned.csv"),
    log:
        results("logs/finetune/{network}.log"),
    benchmark:
        results("benchmarks/finetune/{network}.tsv")
    wildcard_constraints:
        network="|".join(finetuned_on("blobs")),
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **training_needs("finetuning"),
    params:
        **training("finetuning"),
    script:
        "../../../scripts/train.py"


use rule finetune_deep_gru as finetune_morphology with:
    input:
        **predicted("lines"),
    wildcard_constraints:
        network="|".join(finetuned_on("lines")),


use rule finetune_deep_gru as finetune_flux with:
    input:
        **predicted("morphology"),
    wildcard_constraints:
        network="|".join(finetuned_on("morphology")),
