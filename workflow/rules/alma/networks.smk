"""What the stages that train and use networks share: settings, shapes, code, checkpoints and needs of each.

In: config, names of cubefocus/specs.py. Out: nothing is made here.
"""


def finetuned_on(stage: str) -> list[str]:
    """Networks that are fine-tuned on the predictions of a stage of the chain."""
    return [name for name in CHAIN if specs.NETWORKS[name].finetuned_on == stage]


def checkpoints(*stages: str) -> dict[str, str]:
    """The networks of the chain that are ready when those of some stages have been fine-tuned, with their files."""
    ready = [name for name in CHAIN if specs.NETWORKS[name].finetuned_on in (None, *stages)]
    kinds = {name: "finetuned" if specs.NETWORKS[name].finetuned_on else "trained" for name in ready}
    return {name: results(f"models/{name}/{kind}.pt") for name, kind in kinds.items()}


def code_of_chain(script: str, *references: str) -> str:
    """Digest of a script that runs the chain."""
    return digest(script, *(specs.NETWORKS[name].task for name in CHAIN), *references)


def learns_from(network: str) -> str:
    """Which of the training products a network sees."""
    kinds = {"deep_gru": "spectra", "resnet": "cutouts"}
    return kinds.get(specs.NETWORKS[network].section, "images")


def network_settings(section: str, network: str) -> dict:
    """Settings of a network in config section ``training`` or ``finetuning``."""
    return config[section][specs.NETWORKS[network].section]


def network_shape(network: str) -> dict:
    """The part of config section ``models`` that a network depends on: another one's shape must not re-train it."""
    spec = specs.NETWORKS[network]
    keys = [spec.section, "image_size"] if spec.sees_images else [spec.section]
    return {key: config["models"][key] for key in keys}


def training(section: str) -> dict:
    """Params of a training of the network of the wildcards."""
    return {
        "network": "{network}",
        "settings": lambda wildcards: network_settings(section, wildcards.network),
        "models": lambda wildcards: network_shape(wildcards.network),
        "seed": config["seed"],
        "code": lambda wildcards: digest("train", specs.NETWORKS[wildcards.network].task),
    }


def training_needs(section: str) -> dict:
    """Resources of a training of the network of the wildcards."""

    def minutes(wildcards, threads):
        epochs = network_settings(section, wildcards.network)["epochs"]
        return NEEDS.training_minutes(learns_from(wildcards.network), epochs)

    return needing(lambda wildcards, threads: NEEDS.training_mb(learns_from(wildcards.network)), minutes, gpu=1)


def prediction(*steps: str) -> dict:
    """Params of a rule that predicts for fine-tuning, with the settings of the steps of the chain that it runs."""
    return {
        "detection": {step: config["detection"][step] for step in steps},
        "evaluation": matching_settings(),
        "observation": config["observation"],
        "code": code_of_chain("predict", *SKIES),
    }


def predicted(stage: str) -> dict:
    """Inputs of a fine-tuning on the predictions of a stage."""
    splits = {split: batches(f"predictions/{stage}/{{split}}/{{batch}}.h5", split) for split in ("train", "validation")}
    return splits | {"start": results("models/{network}/trained.pt")}
