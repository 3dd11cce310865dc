"""The experiments of the repository: each passes, and is what it says it is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import (
    EXPERIMENTS,
    GENERAL,
    PAPER,
    ROOT,
    SCHEMAS,
    experiment,
    keys,
    load,
    overlaid,
)

from cubefocus.instrument.observation import Observation
from cubefocus.settings import EsoSettings, GeneralSettings, LofarStudySettings, SkySettings
from cubefocus.sky.catalogue import noise_seed
from cubefocus.workflow.configuration import ConfigError, validate_config, validate_networks

LOFAR = ("lofar", "lofar-mini", "lofar-tiny")  # of the denoising study: nothing of config.yaml is below them either
ESO = ("eso", "eso-signed", "eso-tiny", "sz114")  # of Bayesian imaging: the same


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_passes(name: str) -> None:
    config = experiment(name)
    validate_config(config, SCHEMAS)
    assert config["experiment"] == name


def test_every_experiment_file_is_tested() -> None:
    tested = {Path(overlay).stem for overlays in EXPERIMENTS.values() for overlay in overlays}
    assert {path.stem for path in (ROOT / "experiments").glob("*.yaml")} == tested - {"tiny"} | {
        Path(GENERAL).stem,
        *LOFAR,
        *ESO,
    }


def test_the_experiment_of_the_shipped_network_passes_and_the_package_takes_it_as_it_is() -> None:
    config = load(GENERAL)
    validate_config(config, SCHEMAS)
    settings = GeneralSettings.from_mapping(config)
    setups = [
        Observation.from_mapping({**config["observation"], **one}) for one in (*settings.train, *settings.heldout)
    ]
    assert len({one.digest() for one in setups}) == len(config["train"]) + len(config["heldout"])
    assert min(one.n_channels for one in setups[len(settings.train) :]) >= 16


@pytest.mark.parametrize("name", LOFAR)
def test_the_denoising_experiments_pass_and_the_package_takes_them_as_they_are(name: str) -> None:
    config = load(f"experiments/{name}.yaml")
    validate_config(config, SCHEMAS)
    assert config["experiment"] == name
    taken = LofarStudySettings.from_mapping(config).to_dict()
    assert {key: taken[key] for key in ("images", "observation", "evaluation")} == {
        key: config[key] for key in ("images", "observation", "evaluation")
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"datasets": ["nois"]}, "nois"),
        ({"networks": []}, "networks is []"),
        ({"sky": {"files": ["a.fits", "b.fits"]}}, "sky.files has 2 files for 4 images of all splits"),
        ({"sky": {"mesh": 16}}, "sky.mesh is 16, coarser than sky.particles, 32"),
        ({"images": {"tile": 512}}, "images.tile is 512, larger than images.size, 256"),
        ({"autoencoder": {"maps": [32, 64, 64, 64, 64, 64, 64]}}, "autoencoder.maps"),
        ({"observation": {"robust": 3.0}}, "observation.robust is 3.0"),
        ({"sweep": {"datasets": ["identity", "identity"]}}, "sweep.datasets"),
        ({"sweep": {"levels": [2, 5]}}, "sweep.levels has 5 for the 4 levels of sweep.maps"),
        ({"training": {"autoencoder": {"decay": "cosine"}}}, "training.autoencoder.decay is 'cosine'"),
        ({"sweep": {"learning_rates": [0.0]}}, "sweep.learning_rates[0] is 0.0"),
    ],
)
def test_a_denoising_experiment_that_cannot_be_run_is_one_clear_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validate_config(overlaid(load("experiments/lofar-tiny.yaml"), values), SCHEMAS)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", ESO)
def test_the_experiments_of_bayesian_imaging_pass_and_the_package_takes_them_as_they_are(name: str) -> None:
    config = load(f"experiments/{name}.yaml")
    validate_config(config, SCHEMAS)
    assert config["experiment"] == name
    taken = json.loads(json.dumps(EsoSettings.from_mapping(config).to_dict()))
    assert taken == config


def test_the_report_has_its_numbers() -> None:
    config = load("experiments/eso.yaml")
    validate_config(config, SCHEMAS)
    assert [one["peak"] for one in config["sky"]["components"][:3]] == [34.11, 23.31, 16.69]
    assert (config["image"], config["inference"]["rounds"]) == ({"size": 512, "cell_arcsec": 0.1}, 30)
    assert (config["tclean"]["niter"], config["coverage"]["skies"], config["coverage"]["noise_seeds"]) == (
        20000,
        20,
        10,
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sky": {"components": []}}, "sky.components is []"),
        ({"sky": {"components": [{"peak": 1.0, "minor_arcsec": 1.0}]}}, "sky.components[0].major_arcsec is not there"),
        (
            {"sky": {"components": [{"peak": 1.0, "major_arcsec": 1.0, "minor_arcsec": 2.0}]}},
            "sky.components[0].minor_arcsec is 2.0, more than its major_arcsec",
        ),
        (
            {"sky": {"components": [{"peak": 1.0, "major_arcsec": 1.0, "minor_arcsec": 1.0, "east_arcsec": 9.0}]}},
            "sky.components[0].east_arcsec is 9.0, outside of the image: give less than 6.4",
        ),
        ({"sky": {"components": [{"flux": 1.0}]}}, "sky.components[0].flux"),
        ({"sky": {"kind": "galaxy"}}, "sky.kind is 'galaxy'"),
        ({"image": {"size": 63}}, "image.size is 63"),
        ({"observation": {"integration_s": 9999.0}}, "observation.integration_s is 9999.0"),
        ({"observation": {"windows": 99, "spacing_ghz": 10.0}}, "observation.spacing_ghz is 10.0"),
        ({"tclean": {"weightings": ["super"]}}, "tclean.weightings[0] is 'super'"),
        ({"coverage": {"axis_ratio": [0.5, 2.0]}}, "coverage.axis_ratio"),
        ({"coverage": {"peak": [3.0, 1.0]}}, "coverage.peak is [3.0, 1.0]"),
    ],
)
def test_an_experiment_of_bayesian_imaging_that_cannot_be_run_is_one_clear_line(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        validate_config(overlaid(load("experiments/eso-tiny.yaml"), values), SCHEMAS)
    assert said in str(refused.value).splitlines()[0]


def test_experiments_write_to_different_folders_from_different_seeds() -> None:
    configs = [load("config.yaml"), *(experiment(name) for name in ("paper", "mini", "mini_casa", "faint"))]
    assert len({config["experiment"] for config in configs}) == len(configs)
    assert len({config["seed"] for config in configs}) == len(configs)


def test_paper_is_complete_in_itself() -> None:
    """Nothing of the demo leaks into the paper's experiment: the overlay names every key that it can depend on."""
    of_other_types = {f"sky.{name}" for name in SkySettings().ranges if name not in load(PAPER)["sky"]}
    assert len(of_other_types) == 10  # ranges that Gaussian sources do not draw from
    assert set(keys(load(PAPER))) == set(keys(load("config.yaml"))) - of_other_types


def test_paper_has_the_published_numbers() -> None:
    config = experiment("paper")
    split = [config["cubes"][name] for name in ("train", "validation", "test")]
    assert split == [3000, 1000, 1000]
    observation = config["observation"]
    assert (observation["n_pixels"], observation["n_channels"], observation["integration_s"]) == (360, 128, 10)
    assert math.isclose(observation["total_time_s"], 2400)
    assert {settings["epochs"] for settings in config["training"].values()} == {300}
    assert {settings["epochs"] for settings in config["finetuning"].values()} == {50}
    every = [*config["training"].values(), *config["finetuning"].values()]
    assert {settings["learning_rate"] for settings in every} == {1e-4}
    assert config["training"]["deep_gru"]["weight_decay"] == config["finetuning"]["deep_gru"]["weight_decay"] == 1e-5


def test_ecml_has_what_its_paper_prints_and_the_cubes_of_the_other_one() -> None:
    config, paper = experiment("ecml"), experiment("paper")
    assert config["models"]["blobs_finder"] == paper["models"]["blobs_finder"] | {"variant": "ecml"}
    assert (config["evaluation"]["iou"], config["evaluation"]["line_iou"]) == (0.8, 0.8)
    assert config["detection"]["blobs"] == paper["detection"]["blobs"] | {"threshold": 0.1}
    assert config["finders"]["methods"] == ["blobcat"]
    cubes = ("seed", "cubes", "observation", "sky", "noise", "engine")  # both papers test on the same sources
    assert {key: config[key] for key in cubes} == {key: paper[key] for key in cubes}


def test_casa_tests_the_networks_of_mini_as_they_are_on_cubes_that_mini_does_not_have(tmp_path: Path) -> None:
    """The sources follow from seed and number of a cube, and its noise from a seed of both."""
    config, mini = experiment("mini_casa"), experiment("mini")
    assert config["trained_by"] == mini["experiment"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(mini))
    validate_networks(config, tmp_path / "config.yaml")
    assert {key for key in config if config[key] != mini[key]} == {
        *("experiment", "trained_by", "seed", "cubes", "engine", "finders")
    }
    assert {key for key in config["finders"] if config["finders"][key] != mini["finders"][key]} == {"inverted_cubes"}
    number = sum(mini["cubes"][split] for split in ("train", "validation", "test"))
    seeds = {noise_seed(mini["seed"], cube) for cube in range(number)}
    assert not seeds & {noise_seed(config["seed"], cube) for cube in range(config["cubes"]["test"])}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"sky": {"n_sources": [0, 1]}, "observation": {"array": "alma.cycle9.4"}, "evaluation": {"iou": 0.5}}, None),
        ({"seed": 1}, "seed is 1, as in demo, whose networks have learnt from these cubes: give another one"),
        (
            {"observation": {"n_channels": 64}},
            "observation.n_channels is 64, with which the networks of demo cannot be used: give 32, as there",
        ),
        (
            {"models": {"deep_gru": {"hidden": 16}}},
            "models.deep_gru.hidden is 16, with which the networks of demo cannot be used: give 32, as there",
        ),
        (
            {"detection": {"flux": {"dilation": 2}}},
            "detection.flux.dilation is 2.0, with which the networks of demo cannot be used: give 1.5, as there",
        ),
    ],
)
def test_networks_of_another_experiment_must_go_with_the_config(
    tmp_path: Path, change: dict[str, Any], line: str | None
) -> None:
    """Other skies, set-ups and criteria are what one tests on; what networks and thresholds hang on is the same."""
    demo = load("config.yaml")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(demo))
    config = overlaid({**demo, "experiment": "other", "trained_by": "demo", "seed": 2}, change)
    validate_config(config, SCHEMAS)
    if line is None:
        validate_networks(config, tmp_path / "config.yaml")
    else:
        with pytest.raises(ConfigError) as caught:
            validate_networks(config, tmp_path / "config.yaml")
        assert str(caught.value) == f"config: {line}"


def test_networks_that_are_not_trained_yet_have_nothing_to_compare(tmp_path: Path) -> None:
    """Test cubes can be made before: what else is planned asks for the files that are missing."""
    validate_networks(load("config.yaml") | {"trained_by": "other"}, tmp_path / "config.yaml")
