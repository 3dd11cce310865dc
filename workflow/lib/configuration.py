"""Check of a config when the workflow is parsed: one line for each thing that is wrong, and what to write instead.

Needs nothing but jsonschema and PyYAML, which Snakemake brings along, so that it also works on a login node.
"""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list such as [1, 5]",
    "object": "a section with keys, or leave it out",
    "null": "null",
}


AUGMENTATIONS = {
    "blobs_finder": ("rotate", "dihedral", "rotate_roll", "dihedral_roll"),
    "decoras": ("rotate", "dihedral", "rotate_roll", "dihedral_roll"),
    "deep_gru": ("reverse", "roll"),
    "resnet": ("dihedral", "rotate", "rot180"),
}


class ConfigError(Exception):
    """A config that no run can be made from; the message has one line for each problem."""


def validate_config(config: dict[str, Any], schema_path: str | Path) -> None:
    """Fill the keys that a config leaves out with their defaults, in place, and refuse what cannot be run.

    Parameters
    ----------
    config : dict
        The merged config, as Snakemake gives it.
    schema_path : str or Path
        JSON schema in YAML.

    Raises
    ------
    ConfigError
        If anything is wrong: unknown keys, types, limits, or values that contradict each other.
    """
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    fill_defaults(config, schema)
    problems = list(schema_problems(config, schema)) or list(contradictions(config))
    if problems:
        raise ConfigError("\n".join(f"config: {problem}" for problem in problems))


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Put the definition that a schema refers to beside its own keywords."""
    if "$ref" not in schema:
        return dict(schema)
    return root["$defs"][schema["$ref"].rsplit("/", 1)[-1]] | schema


def fill_defaults(config: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> None:
    """Add the default of each key that is absent, in place; a section's own default goes before those of its keys."""
    root = root or schema
    for key, reference in schema.get("properties", {}).items():
        entry = resolve(reference, root)
        if key not in config and "default" in entry:
            config[key] = copy.deepcopy(entry["default"])
        elif entry.get("type") == "object":
            section = config.setdefault(key, {})
            if isinstance(section, dict):
                for name, value in entry.get("default", {}).items():
                    section.setdefault(name, copy.deepcopy(value))
                fill_defaults(section, entry, root)


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Give one line for each place where a config breaks its schema."""
    errors = Draft202012Validator(schema).iter_errors(config)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        if error.validator == "additionalProperties":
            yield from _unknown_keys(error, schema)
        else:
            yield _broken_value(error)
    yield from _not_finite(config)
    yield from _wrong_order(config, schema)


def _dotted(path: Iterator[Any] | list[Any]) -> str:
    """Write a path as it is read: sky.sigma[1]."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _unknown_keys(error: ValidationError, root: Mapping[str, Any]) -> Iterator[str]:
    known = list(error.schema["properties"])
    for key in error.instance:
        if key in known:
            continue
        path = _dotted([*error.absolute_path, str(key)])
        close = difflib.get_close_matches(str(key), known, n=1)
        elsewhere = sorted(_places(str(key), root, root))
        if close:
            advice = f"did you mean {close[0]}?"
        elif elsewhere:
            advice = f"it belongs in {' or '.join(elsewhere)}"
        else:
            advice = f"known here: {', '.join(known)}"
        yield f"unknown key {path}: {advice}"


def _places(key: str, schema: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Give the sections of the schema that have a key of this name."""
    for name, reference in schema.get("properties", {}).items():
        if name == key:
            yield path or "the top level"
        yield from _places(key, resolve(reference, root), root, f"{path}.{name}".lstrip("."))


def _broken_value(error: ValidationError) -> str:
    """Say what a value must be, in the words of a user."""
    value, limit = error.instance, error.validator_value
    if error.validator == "type":
        wanted = "give " + _kinds(limit) + _exponent_hint(value, limit)
    elif error.validator in ("minItems", "maxItems"):
        wanted = f"give {limit} numbers, [lo, hi]"
    else:
        wanted = {
            "minimum": f"give at least {limit}",
            "maximum": f"give at most {limit}",
            "exclusiveMinimum": f"give more than {limit}",
            "exclusiveMaximum": f"give less than {limit}",
            "multipleOf": f"give a multiple of {limit}",
            "minLength": "give a text that is not empty",
            "enum": f"give one of {_listed(limit)}",
            "pattern": f"give the {error.schema.get('description')} (such as {error.schema.get('default')})",
        }.get(str(error.validator), error.message)
    return f"{_dotted(error.absolute_path)} is {_shown(value)}: {wanted}"


def _listed(choices: Any) -> str:
    return ", ".join(_shown(choice).strip("'") for choice in choices) if isinstance(choices, list) else str(choices)


def _kinds(kind: str | list[str]) -> str:
    return " or ".join(KINDS[name] for name in ([kind] if isinstance(kind, str) else kind))


def _exponent_hint(value: Any, kind: str | list[str]) -> str:
    """Explain the one number that YAML takes for a text: 1e-4."""
    if not isinstance(value, str) or "number" not in kind:
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    mantissa, _, exponent = f"{number:e}".partition("e")
    short = mantissa.rstrip("0") + ("0" if mantissa.rstrip("0").endswith(".") else "")
    return f"; YAML reads {value} as a text, write {short}e{int(exponent):+d}"


def _shown(value: Any) -> str:
    """Write a value as it stands in a config file, shortened to a line."""
    if value is None:
        return "empty (null)"
    text = f"'{value}'" if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).strip()
    text = " ".join(text.removesuffix("...").split())
    return text if len(text) <= 60 else text[:57] + "..."


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Mapping):
        children: Any = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        yield path, value
        return
    for key, child in children:
        yield from _leaves(child, (*path, key))


def _not_finite(config: Mapping[str, Any]) -> Iterator[str]:
    for path, value in _leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{_dotted(list(path))} is {value}: give a finite number"


def _wrong_order(
    config: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, path: str = ""
) -> Iterator[str]:
    """Give a line for each range [lo, hi] with lo above hi."""
    root = root or schema
    for key, reference in schema.get("properties", {}).items():
        entry, value = resolve(reference, root), config.get(key)
        name = f"{path}.{key}".lstrip(".")
        if isinstance(value, Mapping):
            yield from _wrong_order(value, entry, root, name)
        elif entry.get("ordered") and isinstance(value, list) and _reversed(value):
            yield f"{name} is [{value[0]}, {value[1]}]: lo is above hi, write [{value[1]}, {value[0]}]"


def _reversed(pair: list[Any]) -> bool:
    return len(pair) == 2 and all(isinstance(end, (int, float)) for end in pair) and pair[0] > pair[1]


def contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """Give one line for each pair of values that cannot both hold; the config has passed its schema."""
    yield from _observation_contradictions(config["observation"])
    yield from _sky_contradictions(config["sky"], config["observation"])
    yield from _augmentation_contradictions(config)
    size, n_pixels = config["models"]["image_size"], config["observation"]["n_pixels"]
    if size > n_pixels:
        yield (
            f"models.image_size is {size}, larger than observation.n_pixels, {n_pixels}: "
            f"give a multiple of 16, at most {n_pixels // 16 * 16}"
        )


def _augmentation_contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """A kind that a network does not have would stop its job after all cubes have been simulated."""
    for section in ("training", "finetuning"):
        for network, settings in config[section].items():
            kind, known = settings["augment"], AUGMENTATIONS[network]
            if isinstance(kind, str) and kind not in known:
                yield f"{section}.{network}.augment is '{kind}': give true, false, or one of {', '.join(known)}"


def _observation_contradictions(observation: Mapping[str, Any]) -> Iterator[str]:
    integration, total = observation["integration_s"], observation["total_time_s"]
    if integration > total:
        yield f"observation.integration_s is {integration}, longer than total_time_s, {total}: give at most {total}"
    below_centre = observation["n_channels"] // 2 * observation["channel_width_mhz"] * 1e-3
    if below_centre >= observation["frequency_ghz"]:
        yield (
            f"observation.channel_width_mhz is {observation['channel_width_mhz']}: {observation['n_channels']} "
            f"channels around {observation['frequency_ghz']} GHz reach below 0; give narrower or fewer channels"
        )


def _sky_contradictions(sky: Mapping[str, Any], observation: Mapping[str, Any]) -> Iterator[str]:
    n_pixels, n_channels = observation["n_pixels"], observation["n_channels"]
    lo, hi = sky["position"]
    if hi > n_pixels:
        yield f"sky.position is [{lo}, {hi}], outside the image of {n_pixels} px: give at most {n_pixels}"
    elif lo == hi:
        yield f"sky.position is [{lo}, {hi}]: no whole number with lo <= x < hi, give a wider range"
    elif not _fits(sky["n_sources"][1], sky["separation"], hi - lo):
        yield (
            f"sky.separation is {sky['separation']}: {sky['n_sources'][1]} sources cannot keep that distance "
            f"in {hi - lo} x {hi - lo} px; lower separation or n_sources, or widen position"
        )
    if sky["line_centre"][1] > n_channels:
        yield (
            f"sky.line_centre is {_shown(sky['line_centre'])}, outside the band of {n_channels} channels: "
            f"give at most {n_channels}"
        )
    if sky["line_fwhm"][1] > n_channels:
        yield (
            f"sky.line_fwhm is {_shown(sky['line_fwhm'])}, wider than the band of {n_channels} channels: "
            f"give at most {n_channels}"
        )
    if not any(sky["types"].values()):
        yield f"sky.types is {_shown(dict(sky['types']))}: give at least one type a weight above 0"


def _fits(n_sources: int, separation: float, side: int) -> bool:
    """Tell whether sources dropped one by one into a square find room: random packing of discs jams at 0.547."""
    return n_sources < 2 or n_sources * math.pi / 4 * separation**2 < 0.5 * (side + separation) ** 2
