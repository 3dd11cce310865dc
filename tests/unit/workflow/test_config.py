"""The check of the config, and that config.yaml, schema, experiments and lock file agree with each other."""

from __future__ import annotations

import json
import math
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import (
    EXPERIMENTS,
    ROOT,
    SCHEMA,
    SCHEMAS,
    complaints,
    experiment,
    keys,
    load,
    with_value,
)

from cubefocus.errors import CubefocusError
from cubefocus.files import read_yaml
from cubefocus.instrument.observation import Observation
from cubefocus.settings import CONFIGS, AlmaSettings, SkySettings
from cubefocus.specs import SKY_TYPES, STUDIES
from cubefocus.workflow.configuration import ConfigError, validate_config, validate_networks


def entries(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, entry in schema.get("properties", {}).items():
        name = f"{path}.{key}".lstrip(".")
        yield name, entry
        yield from entries(entry, name)


def test_default_config_passes_unchanged() -> None:
    config = load("config.yaml")
    validate_config(config, SCHEMAS)
    assert config == load("config.yaml")


def test_empty_config_is_the_commented_copy_of_the_defaults() -> None:
    config: dict[str, Any] = {}
    validate_config(config, SCHEMAS)
    assert config == load("config.yaml")


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "schema.py"))


def test_schemas_and_reference_are_those_of_the_models(generator: dict[str, Any], tmp_path: Path) -> None:
    """`make schema` was run after the last change of cubefocus/settings.py, and nobody edited what it writes."""
    generator["main"](tmp_path)
    made = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in made} >= {"config.md", *(f"{study}.schema.yaml" for study in STUDIES)}
    for path in made:
        assert (tmp_path / path).read_text() == (ROOT / path).read_text(), path


def test_every_study_has_a_model_and_a_schema() -> None:
    assert set(CONFIGS) == set(STUDIES) == set(SCHEMAS)


def test_models_hold_the_defaults_of_the_schema() -> None:
    """What the package takes when a caller says nothing is what the workflow takes when a config says nothing."""
    given = AlmaSettings.from_mapping(load("config.yaml"))
    assert given == AlmaSettings()


def test_order_of_keys_and_repeated_defaults_decide_nothing() -> None:
    def backwards(value: Any) -> Any:
        return {key: backwards(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    def as_numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: as_numbers(one) for key, one in value.items()}
        if isinstance(value, list):
            return [as_numbers(one) for one in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    short = load("tests/config/tiny.yaml")
    whole = experiment("tiny")
    turned, numbers = backwards(whole), as_numbers(whole)
    for config in (short, whole, turned, numbers):
        validate_config(config, SCHEMAS)
    assert json.dumps(short) == json.dumps(whole) == json.dumps(turned) == json.dumps(numbers)


def test_config_is_settled_in_place() -> None:
    config = {"seed": 3.0, "noise": {"snr": [10, 30]}}
    same = config
    validate_config(config, SCHEMAS)
    assert same is config
    assert repr(config["seed"]) == "3"
    assert repr(config["noise"]["snr"]) == "[10.0, 30.0]"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (
            "a.yaml",
            "sky: {separation: 3}\nseed: 1\nsky:\n  sigma: [2, 3]\n",
            "line 3: the key sky stands twice, first in line 1",
        ),
        (
            "b.yaml",
            "sky:\n  separation: 3\n  separation: 4\n",
            "line 3: the key separation stands twice, first in line 2",
        ),
        ("c.json", '{"seed": 1, "sky": {"pa": [1, 2], "pa": [2, 3]}}', "the key pa stands twice"),
    ],
)
def test_key_that_stands_twice_is_refused(tmp_path: Path, name: str, text: str, line: str) -> None:
    """Loaders drop the first without a word: the file is read again for that."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        validate_config(load("config.yaml"), SCHEMAS, [ROOT / "config.yaml", tmp_path / name])
    (found,) = str(caught.value).splitlines()
    assert found.startswith(f"config: {tmp_path / name}: {line}")


def test_keys_merged_from_an_anchor_do_not_stand_twice(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: &base {a: 1, b: 2}\nother: {<<: *base, a: 3}\n")
    assert read_yaml(tmp_path / "a.yaml")["other"] == {"a": 3, "b": 2}


@pytest.mark.parametrize("path", ["config.yaml", *(f"experiments/{p.name}" for p in (ROOT / "experiments").glob("*"))])
def test_own_configs_have_no_key_twice(path: str) -> None:
    assert read_yaml(ROOT / path) == load(path)


def test_study_without_a_schema_is_refused() -> None:
    assert complaints(with_value("study", "meerkat")) == [
        "config: study is 'meerkat': give one of alma, detect, eso, general, lofar"
    ]


def test_section_that_is_given_in_part_keeps_its_values_and_gets_the_rest() -> None:
    config: dict[str, Any] = {"cubes": {"test": 7}, "training": {"resnet": {"epochs": 3}}}
    validate_config(config, SCHEMAS)
    assert config["cubes"] == load("config.yaml")["cubes"] | {"test": 7}
    assert config["training"]["resnet"] == load("config.yaml")["training"]["resnet"] | {"epochs": 3}


def test_an_entry_of_a_list_that_is_given_in_part_gets_the_rest() -> None:
    config = {"study": "eso", "sky": {"components": [{"peak": 1, "major_arcsec": 2, "minor_arcsec": 1}]}}
    validate_config(config, SCHEMAS)
    whole = {"peak": 1.0, "major_arcsec": 2.0, "minor_arcsec": 1.0, "pa_deg": 0.0}
    assert config["sky"]["components"] == [whole | {"east_arcsec": 0.0, "north_arcsec": 0.0}]


def test_filled_configs_share_no_values() -> None:
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    validate_config(first, SCHEMAS)
    validate_config(second, SCHEMAS)
    first["sky"]["sigma"][0] = 99
    assert second["sky"]["sigma"] == load("config.yaml")["sky"]["sigma"]


def test_schema_describes_every_key_and_is_closed() -> None:
    schema = yaml.safe_load(SCHEMA.read_text())
    described = dict(entries(schema))
    assert set(keys(load("config.yaml"))) <= set(described)
    assert all(entry.get("description") for entry in described.values())
    sections = [entry for entry in described.values() if entry.get("type") == "object"]
    assert all(section["additionalProperties"] is False for section in sections)
    assert schema["additionalProperties"] is False


def test_every_key_of_the_default_config_has_a_comment() -> None:
    text = (ROOT / "config.yaml").read_text()
    commented = set(re.findall(r"^ *(\w+):.*#", text, re.MULTILINE))
    with_value = set(re.findall(r"^ *(\w+): *[^\s#]", text, re.MULTILINE))
    assert with_value <= commented


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "config.yaml: no config of a run; make it again"),
        ("seed: [", "config.yaml: not YAML"),
        (None, "trained_by is 'demo', which tests networks of first: give first"),
    ],
)
def test_config_of_no_training_is_refused(tmp_path: Path, text: str | None, line: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(with_value("trained_by", "first")) if text is None else text)
    config = load("config.yaml") | {"experiment": "other", "trained_by": "demo", "seed": 2}
    with pytest.raises(ConfigError) as caught:
        validate_networks(config, tmp_path / "config.yaml")
    (said,) = str(caught.value).splitlines()
    assert line in said


BAD = {
    "cubes.trian": (3, "config: unknown key cubes.trian: did you mean train?"),
    "traning": ({}, "config: unknown key traning: did you mean training?"),
    "models.latent": (256, "config: unknown key models.latent: it belongs in models.blobs_finder or models.decoras"),
    "noise.colour": ("red", "config: unknown key noise.colour: known here: thermal, snr"),
    "cubes.test": (0, "config: cubes.test is 0: give at least 1"),
    "cubes.train": (0, "config: cubes.train is 0: give at least 1"),
    "cubes.validation": (True, "config: cubes.validation is true: give a whole number"),
    "cubes.batch_size": (2.5, "config: cubes.batch_size is 2.5: give a whole number"),
    "cubes.keep": ("maybe", "config: cubes.keep is 'maybe': give true or false"),
    "noise": (None, "config: noise is empty (null): give a section with keys, or leave it out"),
    "sky": ([1, 2], "config: sky is [1, 2]: give a section with keys, or leave it out"),
    "sky.sigma": ([4, 1.5], "config: sky.sigma is [4, 1.5]: lo is above hi, write [1.5, 4]"),
    "sky.pa": ([10], "config: sky.pa is [10]: give 2 numbers, [lo, hi]"),
    "sky.amplitude": (3, "config: sky.amplitude is 3: give a list such as [1, 5]"),
    "noise.snr": ([0, 30], "config: noise.snr[0] is 0: give more than 0"),
    "sky.spectral_index": ([-2, math.inf], "config: sky.spectral_index[1] is inf: give a finite number"),
    "sky.box_reference": ("peak", "config: sky.box_reference is 'peak': give one of image, source"),
    "sky.position": ([28, 140], "config: sky.position is [28, 140], outside the image of 128 px: give at most 128"),
    "sky.line_centre": (
        [5, 40],
        "config: sky.line_centre is [5, 40], outside the band of 32 channels: give at most 32",
    ),
    "sky.line_fwhm": ([2, 64], "config: sky.line_fwhm is [2, 64], wider than the band of 32 channels: give at most 32"),
    "sky.separation": (
        60,
        "config: sky.separation is 60: 5 sources cannot keep that distance in 72 x 72 px; "
        "lower separation or n_sources, or widen position",
    ),
    "sky.types": ({"gaussian": 0}, "config: sky.types is {gaussian: 0}: give at least one type a weight above 0"),
    "models.image_size": (100, "config: models.image_size is 100: give a multiple of 16"),
    "observation.n_pixels": (
        100,
        "config: models.image_size is 128, larger than observation.n_pixels, 100: give a multiple of 16, at most 96",
    ),
    "observation.integration_s": (
        3600.0,
        "config: observation.integration_s is 3600.0, longer than total_time_s, 2400.0: give at most 2400.0",
    ),
    "observation.frequency_ghz": (
        0.1,
        "config: observation.channel_width_mhz is 10.0: 32 channels around 0.1 GHz reach below 0; "
        "give narrower or fewer channels",
    ),
    "training.resnet.learning_rate": (
        "3e-4",
        "config: training.resnet.learning_rate is '3e-4': give a number; YAML reads 3e-4 as a text, write 3.0e-4",
    ),
    "detection.rest_frequency_ghz": ("CO", "config: detection.rest_frequency_ghz is 'CO': give a number or null"),
    "detection.blobs.threshold": (1.5, "config: detection.blobs.threshold is 1.5: give less than 1"),
    "evaluation.iou": (0, "config: evaluation.iou is 0: give more than 0"),
    "finders.methods": (
        ["treshold"],
        "config: finders.methods[0] is 'treshold': give one of threshold, blobcat, bdsf, aegean, decoras, "
        "decoras_bce, blobs_finder_mnras, blobs_finder_ecml, blobs_finder_unet, tclean, smooth_and_clip, "
        "smooth_and_clip_defaults, sofia, matched_filter",
    ),
    "experiment": (
        "a/b",
        "config: experiment is 'a/b': give the name of the experiment, of letters, digits, '_', '-' and '.'; "
        "results go to results/<experiment>/ (such as demo)",
    ),
    "trained_by": (
        "demo",
        "config: trained_by is 'demo', the experiment itself: name the one whose networks are to be tested, "
        "or give null to train",
    ),
    "training.resnet.augment": (
        "roll",
        "config: training.resnet.augment is 'roll': give one of true, false, dihedral, rotate, rot180",
    ),
    "finetuning.deep_gru.augment": (
        "turn",
        "config: finetuning.deep_gru.augment is 'turn': give one of true, false, reverse, roll",
    ),
    "seed": (-1, "config: seed is -1: give at least 0"),
}


@pytest.mark.parametrize("path", BAD)
def test_bad_value_is_one_clear_line(path: str) -> None:
    value, line = BAD[path]
    assert complaints(with_value(path, value)) == [line]


@pytest.mark.parametrize("name", ["../mini", "", "/tmp/mini", ".hidden", "a b", "{batch}"])
def test_trained_by_is_the_name_of_a_folder(name: str) -> None:
    (line,) = complaints(with_value("trained_by", name))
    assert line.startswith(f"config: trained_by is '{name}': give the name (letters, digits, '_', '-', '.') of the ")


def test_every_problem_is_told_at_once() -> None:
    config = with_value("cubes.test", 0)
    config["sky"]["sigma"] = [4, 1]
    config["nose"] = 1
    assert len(complaints(config)) == 3


def test_direction_and_hour_angle() -> None:
    for hour_angle in ("transit", "-2h", "1.5h", 3):
        validate_config(with_value("observation.hour_angle", hour_angle), SCHEMAS)
    for path, value in (("hour_angle", "noon"), ("hour_angle", 13), ("direction", "03h59m59.96s -34d59m59.50s")):
        (line,) = complaints(with_value(f"observation.{path}", value))
        assert line.startswith(f"config: observation.{path} is ")


def test_experiment_without_white_noise_is_allowed() -> None:
    validate_config(with_value("noise.snr", None), SCHEMAS)


def test_constant_range_is_allowed() -> None:
    validate_config(with_value("sky.n_sources", [3, 3]), SCHEMAS)
    (line,) = complaints(with_value("sky.position", [50, 50]))
    assert line == "config: sky.position is [50, 50]: no whole number with lo <= x < hi, give a wider range"


@pytest.mark.parametrize("name", ["demo", *EXPERIMENTS])
def test_package_takes_every_section_as_it_is(name: str) -> None:
    """What the schema lets through must not be refused hours later by the code that it is for."""
    config = load("config.yaml") if name == "demo" else experiment(name)
    AlmaSettings.from_mapping(config)
    Observation.list_from_mapping(config["observation"])


@pytest.mark.parametrize("path", [path for path in BAD if "." in path and BAD[path][0] is not None])
def test_package_refuses_what_the_schema_refuses(path: str) -> None:
    """One value out of its limits, given to the model of its section: one line that names it, as in the workflow."""
    value, line = BAD[path]
    with pytest.raises(CubefocusError) as caught:
        AlmaSettings.from_mapping(with_value(path, value))
    said, expected = str(caught.value), line.removeprefix("config: ")
    assert said.splitlines() == [said]
    plain = [text.partition(":")[0].replace(".0", "") for text in (said, expected)]  # numbers have types by then
    assert plain[0] == plain[1]


def test_schema_knows_the_sky_types_and_their_ranges() -> None:
    sky = yaml.safe_load(SCHEMA.read_text())["properties"]["sky"]["properties"]
    assert set(sky["types"]["properties"]) == set(SKY_TYPES)
    assert set(SkySettings().ranges) == {name for name, entry in sky.items() if entry.get("ordered")}


def test_light_environment_needs_no_pydantic() -> None:
    """A login node has Snakemake, jsonschema and PyYAML; the check of the config imports nothing else."""
    code = "import sys; sys.path[:0] = sys.argv[1:]; import cubefocus.workflow.configuration; print(*sys.modules)"
    paths = [str(ROOT)]
    told = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert not {"pydantic", "numpy", "astropy", "torch"} & set(told.stdout.split())
