"""The course of a run: what its jobs took, and how its networks learnt.

In: the time.json of all jobs, the curves of the networks. Out: tables/times.{csv,md,tex}, the only table that differs
from run to run, and figures/training.{png,pdf}.
"""


# A rule of its own: what was measured differs from run to run, and the others must not.
rule times:
    input:
        **{method: what_it_took(method) for method in FINDERS},
        chain=batches("detections/{batch}/time.json", "test"),
        fit=batches("fit/test/{batch}.time.json", "test"),
    output:
        csv=reported("tables/times.csv", "Tables"),
        texts=expand(results("tables/times.{ext}"), ext=["md", "tex"]),
    log:
        results("logs/times.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        finders=FINDERS,
        code=digest("times"),
    script:
        "../../../scripts/times.py"


rule curves:
    input:
        trained=expand(chosen("models/{network}/trained.csv"), network=TRAINED),
        finetuned=expand(chosen("models/{network}/finetuned.csv"), network=FINETUNED),
    output:
        png=reported("figures/training.png", "Training"),
        pdf=results("figures/training.pdf"),
    log:
        results("logs/curves.log"),
    conda:
        ENVIRONMENT
    resources:
        **needing(2000, 10),
    params:
        code=digest("curves"),
    script:
        "../../../scripts/curves.py"
