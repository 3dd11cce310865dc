"""The configs of the repository, as Snakemake would see them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cubefocus.workflow.configuration import ConfigError, validate_config

ROOT = Path(__file__).parents[2]
SCHEMAS = {path.name.split(".")[0]: path for path in (ROOT / "workflow" / "schemas").glob("*.yaml")}
SCHEMA = SCHEMAS["alma"]
PAPER = "experiments/paper.yaml"
EXPERIMENTS = {
    "paper": [PAPER],
    "large": [PAPER, "experiments/large.yaml"],
    "mini": [PAPER, "experiments/mini.yaml"],
    "mini_casa": [PAPER, "experiments/mini.yaml", "experiments/casa.yaml"],
    "faint": [PAPER, "experiments/faint.yaml"],
    "ecml": [PAPER, "experiments/ecml.yaml"],
    "engines": ["experiments/engines.yaml"],
    "tiny": ["tests/config/tiny.yaml"],
}
GENERAL = "experiments/general.yaml"  # of another study: nothing of config.yaml is below it


def load(path: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def overlaid(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as Snakemake does: nested keys are merged, everything else is replaced."""
    merged = dict(copy.deepcopy(base))
    for key, value in overlay.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = overlaid(merged[key], value) if nested else copy.deepcopy(value)
    return merged


def experiment(name: str) -> dict[str, Any]:
    config = load("config.yaml")
    for overlay in EXPERIMENTS[name]:
        config = overlaid(config, load(overlay))
    return config


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The default config with one value replaced or added, its place given as section.key."""
    config = load("config.yaml")
    *sections, key = path.split(".")
    section = config
    for name in sections:
        section = section[name]
    section[key] = value
    return config


def complaints(config: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate_config(config, SCHEMAS)
    return str(caught.value).splitlines()


def keys(config: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in config.items():
        name = f"{path}.{key}".lstrip(".")
        yield name
        if isinstance(value, Mapping):
            yield from keys(value, name)
