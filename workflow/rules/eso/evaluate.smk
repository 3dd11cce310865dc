"""The inferred skies compared with what is true of them, and the record of the config.

In: config. Out: config.yaml.
"""


def evaluated() -> list[str]:
    """Tables, figures and records of a run."""
    return [results("config.yaml")]


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
