"""Write schemas and reference of the config from `cubefocus.settings`: `make schema`."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from cubefocus.errors import shown
from cubefocus.files import atomic_path
from cubefocus.sections import Section
from cubefocus.settings import CONFIGS
from cubefocus.specs import SKY_TYPES, load

NOTE = "Written by `make schema` from cubefocus/settings/, not by hand."
INTRODUCTIONS = {
    "alma": [
        "Each key with its default, that of the experiment `demo`, and what it may be. `config.yaml` says when to",
        "change one, `experiments/paper.yaml` has the values of the paper. An overlay names the keys that it changes:",
        "`snakemake --profile profiles/local --configfile mine.yaml`. [lo, hi] are ranges of uniform draws.",
    ],
    "detect": [
        "Many cubes searched as `cubefocus detect` searches one, a job each, on one machine or over Slurm:",
        "`snakemake --profile profiles/slurm --configfile cubes.yaml`, a file with `study: detect` and the list of",
        "cubes. Each key with its default and what it may be.",
    ],
    "eso": [
        "Bayesian imaging of the ESO development study (Guglielmetti 2022, sect. 4): a sky observed by CASA, its image",
        "as samples of the posterior, with CLEAN and the fit of its sources beside it:",
        "`snakemake --profile profiles/local --configfile experiments/eso.yaml`. Section `prior` and `inference` are",
        "those of `cubefocus resolve --settings`, too. Each key with its default and what it may be.",
    ],
    "general": [
        "Trains the network that is shipped with the package, compares it with the bank of templates, and makes its",
        "bundle: `snakemake --profile profiles/local --configfile experiments/general.yaml`. Each key with its default",
        "and what it may be. [lo, hi] are ranges of draws.",
    ],
    "lofar": [
        "The denoising study of Gheller & Vazza (2022): mock skies of the cosmic web, LOFAR images of them, and",
        "networks that denoise these: `snakemake --profile profiles/local --configfile experiments/lofar-mini.yaml`.",
        "Each key with its default and what it may be.",
    ],
}
LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
KEYWORDS = {**LIMITS, "multiple_of": "multipleOf"}  # pydantic's words where a validator stands before a limit
DROPPED = ("$ref", "$defs", "anyOf", "title")
WORDS = {"exclusiveMinimum": "> {}", "minimum": ">= {}", "exclusiveMaximum": "< {}", "maximum": "<= {}",
         "multipleOf": "multiple of {}"}  # fmt: skip


def schema(study: str) -> dict[str, Any]:
    """JSON schema of a study's config, without references, with the default of every key."""
    settings = CONFIGS[study]
    raw = TypeAdapter(settings).json_schema()
    found = plain(raw, raw.get("$defs", {}))
    for part in ("sky", "draws", "comparison"):
        if "types" in found["properties"].get(part, {}).get("properties", {}):
            for name, entry in found["properties"][part]["properties"]["types"]["properties"].items():
                entry["description"] = load(SKY_TYPES[name]).__doc__.splitlines()[0].removesuffix(".")
    fill(found, settings())
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"config of the study {study}",
        "description": f"{NOTE} `ordered` marks a range whose first number may not be above the second.",
    }
    return head | {key: value for key, value in found.items() if key not in head}


def plain(entry: Any, definitions: Mapping[str, Any], dropped: tuple[str, ...] = (*DROPPED, "default")) -> Any:
    """A schema of pydantic's with its references resolved, ``X | None`` as two types, and JSON schema's own words.

    Defaults of sections are put beside their keys by `fill`; those of the entries of a list stay where they are.
    """
    if isinstance(entry, list):
        return [plain(one, definitions, dropped) for one in entry]
    if not isinstance(entry, Mapping):
        return entry
    if "$ref" in entry:
        entry = {**definitions[entry["$ref"].rsplit("/", 1)[-1]], **entry}
    if "anyOf" in entry:
        (some,) = (one for one in entry["anyOf"] if one != {"type": "null"})
        entry = {**some, "type": [some["type"], "null"], **entry}
    made = {KEYWORDS.get(key, key): value for key, value in entry.items() if key not in dropped}
    for key, value in made.items():
        if key == "properties":
            made[key] = {name: plain(one, definitions, dropped) for name, one in value.items()}
        elif key == "items":
            made[key] = plain(value, definitions, DROPPED)
    first = ("description", "type")
    return {**{key: made[key] for key in first if key in made}, **made}


def fill(entry: dict[str, Any], section: Any) -> None:
    """Put the default of each key beside it, from a section made of nothing but defaults."""
    for name, one in entry["properties"].items():
        value = getattr(section, name)
        if is_dataclass(value):
            fill(one, value)
        else:
            one["default"] = [stored(each) for each in value] if isinstance(value, tuple) else value


def stored(value: Any) -> Any:
    """An entry of a list as it stands in a config file."""
    return value.to_dict() if isinstance(value, Section) else value


def reference(study: str) -> str:
    """Every key of a study's config in tables of Markdown."""
    lines = [f"# The config of the study `{study}`", "", f"<!-- {NOTE} -->", ""]
    lines += INTRODUCTIONS[study]
    found = schema(study)
    top = {name: one for name, one in found["properties"].items() if "default" in one}
    return "\n".join([*lines, *table("", "", top), *sections(found), ""])


def sections(entry: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Tables of the sections below an entry."""
    for name, one in entry["properties"].items():
        if "default" in one:
            continue
        place = f"{path}.{name}".lstrip(".")
        keys = {key: value for key, value in one["properties"].items() if "default" in value}
        yield from table(place, one["description"], keys)
        yield from sections(one, place)


def table(path: str, description: str, keys: Mapping[str, Any]) -> list[str]:
    """A section's heading and keys."""
    heading = ["", f"## `{path}`", "", f"{description[:1].upper()}{description[1:]}."] if path else []
    if not keys:
        return heading
    rows = [f"| `{name}` | `{bare(one['default'])}` | {allowed(one)} | {meaning(one)} |" for name, one in keys.items()]
    return [*heading, "", "| key | default | may be | meaning |", "|---|---|---|---|", *rows]


def bare(value: Any) -> str:
    """A default as it stands in a config file."""
    return value if isinstance(value, str) else "null" if value is None else shown(value)


def meaning(entry: Mapping[str, Any]) -> str:
    """Description of a key, and of the keys that its values may have."""
    below = {**entry.get("properties", {}), **entry.get("items", {}).get("properties", {})}
    listed = "; ".join(f"`{name}`: {one['description']}" for name, one in below.items())
    text = entry["description"] + (f": {listed}" if listed else "")
    return text.replace("<", "\\<")  # else a browser takes it for an element


def allowed(entry: Mapping[str, Any]) -> str:
    """Type and limits of a value in words."""
    if "enum" in entry:
        return ", ".join(f"`{bare(choice)}`" for choice in entry["enum"])
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    if "items" not in entry and len(kinds) > 1:
        kinds = [" or ".join(kinds)]
    limits = [words.format(entry[keyword]) for keyword, words in WORDS.items() if keyword in entry]
    if "items" in entry:
        of = "[lo, hi] of" if entry.get("ordered") else "list of"
        limits = [f"{of} {allowed(entry['items'])}", *limits]
        kinds = [kind for kind in kinds if kind != "array"]
    return ", ".join([*limits, *kinds] if "items" in entry else [*kinds, *limits])


def main(root: Path) -> None:
    """Write ``workflow/schemas/<study>.schema.yaml`` and ``docs/reference/config.md`` below a folder."""
    for study in CONFIGS:
        with atomic_path(root / "workflow" / "schemas" / f"{study}.schema.yaml") as temporary:
            temporary.write_text(yaml.safe_dump(schema(study), sort_keys=False, width=120, allow_unicode=True))
        name = "config.md" if study == "alma" else f"config-{study}.md"
        with atomic_path(root / "docs" / "reference" / name) as temporary:
            temporary.write_text(reference(study))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
