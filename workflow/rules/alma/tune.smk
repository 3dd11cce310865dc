"""Parameters of the other finders, chosen on the validation split, or those that another experiment chose.

In: the truth, and what each finder searches of the validation split; or finders/<method>/choice.json of the experiment
that the config names in trained_by. Out: finders/<method>/choice.json, with the test cubes that are searched times -1 as
well; of a choice made here scores.ecsv, with the score of every point of the grid, and tuning.time.json too.
"""

if TRAINED_BY:

    rule adopt:
        input:
            choice=chosen("finders/{method}/choice.json"),
            truth=results("truth.ecsv"),
        output:
            choice=results("finders/{method}/choice.json"),
        log:
            results("logs/adopt/{method}.log"),
        conda:
            ENVIRONMENT
        resources:
            **needing(NEEDS.table_mb("test"), 10),
        params:
            inverted_cubes=config["finders"]["inverted_cubes"],
            seed=config["seed"],
            code=digest("adopt"),
        script:
            "../../../scripts/adopt.py"

else:

    rule tune:
        input:
            truth=results("truth.ecsv"),
            validation=lambda wildcards: batches(searched(wildcards.method), "validation"),
            responses=lambda wildcards: responses_for(wildcards.method),
        output:
            choice=results("finders/{method}/choice.json"),
            scores=results("finders/{method}/scores.ecsv"),
            time=results("finders/{method}/tuning.time.json"),
        log:
            results("logs/tune/{method}.log"),
        benchmark:
            results("benchmarks/tune/{method}.tsv")
        conda:
            ENVIRONMENT
        resources:
            **needing(
                lambda wildcards, threads: NEEDS.rows_mb(*SPLITS)
                + finder_mb(wildcards.method, config["cubes"]["validation"]),
                lambda wildcards, threads: NEEDS.tuning_minutes(specs.FINDERS[wildcards.method].slow),
            ),
        params:
            **setup_params(),
            evaluation=matching_settings(),
            tuning_cubes=config["finders"]["tuning_cubes"],
            inverted_cubes=config["finders"]["inverted_cubes"],
            seed=config["seed"],
            code=lambda wildcards: digest("tune", *code_of_finder(wildcards.method)),
        script:
            "../../../scripts/tune.py"
