"""TrainingSettings of short trainings, and models of another variant."""

from cubefocus.settings import TrainingSettings


def settings(**changes):
    """Few epochs at a rate that does not fall, whatever the default experiment has."""
    plain = {"learning_rate": 3e-3, "dense_rate": 1.0, "decay": "none", "patience": 100, "resume_seconds": 0.0}
    return TrainingSettings(**{"epochs": 4, "batch_size": 4, **plain, **changes})


def with_variant(models, variant):
    """Models of another variant of Blobs Finder."""
    return {**models, "blobs_finder": {**models["blobs_finder"], "variant": variant}}
