"""Check of a config when the workflow is parsed: one line for each thing that is wrong, and what to write instead.

Needs nothing but jsonschema and PyYAML, which Snakemake brings along, so that it also works on a login node. `make
schema` writes the schemas from `cubefocus.settings`; what cannot hold together stands in `cubefocus.contradictions`.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from cubefocus.contradictions import of_config, of_networks
from cubefocus.errors import CubefocusError, dotted, kind_wanted, limit_wanted, shown, unknown_key
from cubefocus.files import read_yaml
from cubefocus.specs import STUDIES


class ConfigError(Exception):
    """A config that no run can be made from; the message has one line for each problem."""


def validate_config(
    config: dict[str, Any], schemas: Mapping[str, str | Path], files: Iterable[str | Path] = ()
) -> None:
    """Bring a config into its one form, in place, and refuse what cannot be run.

    Keys that are left out get their defaults, all keys come into the order of the schema, and numbers into the type
    of the schema (10 becomes 10.0 where any number may stand): configs that say the same are the same, whatever their
    order, so that they are the same params of rules.

    Parameters
    ----------
    config : dict
        The merged config, as Snakemake gives it.
    schemas : mapping
        File of each study's JSON schema, in YAML.
    files : iterable of str or Path
        The config files that it was merged from; one that has a key twice is refused, as the merged config has lost
        what the first held.

    Raises
    ------
    ConfigError
        If anything is wrong: keys that stand twice, unknown keys, types, limits, or values that contradict each other.
    """
    problems = [*double_keys(files)] or [*study_problems(config)]
    if not problems:
        schema = read_yaml(schemas[config.get("study", STUDIES[0])])
        fill_defaults(config, schema)
        problems = [*schema_problems(config, schema)] or [*of_config(config)]
    if problems:
        raise ConfigError("\n".join(f"config: {problem}" for problem in problems))
    settled = normalised(config, schema)
    config.clear()
    config.update(settled)


def validate_networks(config: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a config that does not go with the networks of the experiment that it names in ``trained_by``.

    Parameters
    ----------
    config : mapping
        Checked by `validate_config`.
    path : str or Path
        Config of the other experiment, as its run wrote it; nothing is compared where it has not been run yet.

    Raises
    ------
    ConfigError
        With one line for each thing that differs, or if the file cannot be read.
    """
    if not Path(path).exists():
        return
    try:
        trained = read_yaml(path)
        whole = isinstance(trained, Mapping) and {"seed", "models", "detection", "observation"} <= {*trained}
        problems = [*of_networks(config, trained)] if whole else [f"{path}: no config of a run; make it again"]
    except CubefocusError as error:
        problems = [str(error)]
    if problems:
        raise ConfigError("\n".join(f"config: {problem}" for problem in problems))


def double_keys(files: Iterable[str | Path]) -> Iterator[str]:
    """Give one line for each file that has a key twice in a section."""
    for path in files:
        try:
            if Path(path).suffix == ".json":
                json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_once)
            else:
                read_yaml(path)
        except CubefocusError as error:
            yield str(error) if str(path) in str(error) else f"{path}: {error}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if twice:
        raise CubefocusError(f"the key {twice[0]} stands twice, and only the last would count; put both into one")
    return dict(pairs)


def study_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Give a line if there is no schema for what is studied."""
    study = config.get("study", STUDIES[0])
    if study not in STUDIES:
        yield f"study is {shown(study)}: {limit_wanted('enum', STUDIES)}"


def fill_defaults(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Add the default of each key that is absent, in place."""
    for key, entry in schema.get("properties", {}).items():
        if "default" in entry:
            config.setdefault(key, copy.deepcopy(entry["default"]))
        elif entry.get("type") == "object":
            config.setdefault(key, {})
        for section in config[key] if isinstance(config.get(key), list) else [config.get(key)]:
            if isinstance(section, dict):
                fill_defaults(section, entry.get("items", entry))


def normalised(value: Any, schema: Mapping[str, Any]) -> Any:
    """A value that has passed its schema, with its keys in the order of the schema and its numbers of the same type."""
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if isinstance(value, Mapping):
        known = schema["properties"]
        return {key: normalised(value[key], known[key]) for key in known if key in value}
    if isinstance(value, list):
        return [normalised(one, schema["items"]) for one in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return float(value) if "number" in kinds else int(value) if "integer" in kinds else value


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


def _unknown_keys(error: ValidationError, root: Mapping[str, Any]) -> Iterator[str]:
    known = list(error.schema["properties"])
    for key in error.instance:
        if key not in known:
            elsewhere = sorted(_places(str(key), root))
            yield unknown_key(dotted([*error.absolute_path, str(key)]), str(key), known, elsewhere)


def _places(key: str, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Give the sections of the schema that have a key of this name."""
    for name, entry in schema.get("properties", {}).items():
        if name == key:
            yield path or "the top level"
        yield from _places(key, entry, f"{path}.{name}".lstrip("."))


def _broken_value(error: ValidationError) -> str:
    """Say what a value must be, in the words of a user."""
    value, limit = error.instance, error.validator_value
    if error.validator == "required":
        key = next(key for key in limit if f"'{key}'" in error.message)
        return f"{dotted([*error.absolute_path, key])} is not there: give the {_description(error.schema, key)}"
    if error.validator == "type":
        wanted = kind_wanted(value, [limit] if isinstance(limit, str) else limit)
    elif error.validator in ("minItems", "maxItems"):
        wanted = limit_wanted("length", limit)
    elif error.validator == "uniqueItems":
        wanted = "give each of them once"
    elif error.validator == "pattern":
        default = error.schema.get("default")
        wanted = f"give the {error.schema.get('description')}" + (f" (such as {default})" if default else "")
    else:
        wanted = limit_wanted(str(error.validator), limit)
    return f"{dotted(list(error.absolute_path))} is {shown(value)}: {wanted}"


def _description(schema: Mapping[str, Any], key: str) -> str:
    return str(schema["properties"][key]["description"])


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
            yield f"{dotted(path)} is {value}: {limit_wanted('finite')}"


def _wrong_order(config: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Give a line for each range [lo, hi] with lo above hi."""
    for key, entry in schema.get("properties", {}).items():
        value, name = config.get(key), f"{path}.{key}".lstrip(".")
        if isinstance(value, Mapping):
            yield from _wrong_order(value, entry, name)
        elif entry.get("ordered") and isinstance(value, list) and _reversed(value):
            yield f"{name} is [{value[0]}, {value[1]}]: lo is above hi, write [{value[1]}, {value[0]}]"


def _reversed(pair: list[Any]) -> bool:
    return len(pair) == 2 and all(isinstance(end, (int, float)) for end in pair) and pair[0] > pair[1]
