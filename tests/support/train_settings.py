"""Settings of short trainings, and models of another variant."""

from cubefocus.learn.settings import Settings


def settings(**changes):
    values = {"epochs": 4, "batch_size": 4, "learning_rate": 3e-3, "patience": 100, "resume_seconds": 0.0, **changes}
    return Settings(**values)


def with_variant(models, variant):
    """Models of another variant of Blobs Finder."""
    return {**models, "blobs_finder": {**models["blobs_finder"], "variant": variant}}
