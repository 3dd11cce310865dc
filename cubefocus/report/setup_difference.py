"""What differs between the set-up of a run and that of a paper, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cubefocus.report.published import SETUPS

FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("training cubes", " ", ("cubes.train",)),
    ("test cubes", " ", ("cubes.test",)),
    ("pixels and channels of a cube", " x ", ("observation.n_pixels", "observation.n_channels")),
    ("channels of a cube", " ", ("observation.n_channels",)),
    ("array", " ", ("observation.array",)),
    ("integrations of seconds", " ", ("observation.integration_s",)),
    ("engine of the training cubes", " ", ("engine.train",)),
    ("engine of the test cubes", " ", ("engine.test",)),
    ("kinds of sources", ", ", ("sky.types",)),
    ("sigma of the sources in pixels", " to ", ("sky.sigma",)),
    ("SNR of the central source", " to ", ("noise.snr",)),
    ("Blobs Finder", " ", ("models.blobs_finder.variant",)),
    ("networks of the shapes", " ", ("models.resnet.shapes",)),
    ("widths of the ResNets", "-", ("models.resnet.widths",)),
    ("epochs of Blobs Finder at most", " ", ("training.blobs_finder.epochs",)),
    ("threshold of the map", " ", ("detection.blobs.threshold",)),
    ("splitting of blobs", " ", ("detection.blobs.split",)),
    ("IoU of boxes", " ", ("evaluation.iou",)),
    ("IoU of line ranges", " ", ("evaluation.line_iou",)),
    ("distance of centres in pixels", " ", ("evaluation.distance",)),
)
"""What a fact is called, what joins its values, and the keys of the config that have them."""
UNKNOWN = "not recorded"


def difference(config: Mapping[str, Any], paper: str) -> str:
    """Name the facts of a set-up in which a run differs from a paper, with those of the paper in brackets.

    Parameters
    ----------
    config : mapping
        Of the run.
    paper : str
        One of `cubefocus.report.published.SETUPS`. What it does not print is not compared.
    """
    theirs, told, differing = SETUPS[paper], set[str](), []
    for name, joint, keys in FACTS:
        if told.issuperset(keys) or not set(keys) <= set(theirs):
            continue
        told.update(keys)
        here, there = (_joined(values, joint) for values in ([_at(config, key) for key in keys], map(theirs.get, keys)))
        if here != there:
            differing.append(f"{name} {here} ({there})")
    if not differing:
        return "The set-up is the published one, as far as the paper says."
    return f"What differs in the set-up, with the published one in brackets: {'; '.join(differing)}."


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = value.get(name, UNKNOWN) if isinstance(value, Mapping) else UNKNOWN
    return value


def _joined(values: Any, joint: str) -> str:
    """Values as one text, the same for numbers that are equal; of weights, the names of those that are not 0."""
    texts: list[str] = []
    for value in values:
        if isinstance(value, Mapping):
            texts += sorted(name for name, weight in value.items() if weight)
        elif isinstance(value, list | tuple):
            texts.append(_joined(value, joint))
        else:
            texts.append(f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value))
    return joint.join(texts)
