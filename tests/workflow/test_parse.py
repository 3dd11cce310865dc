"""The workflow parses for every experiment, plans the right jobs, and refuses a config that cannot be run."""

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from runs import ROOT, TINY, finish, here

from cubefocus.cli.provenance import read_provenance
from cubefocus.specs import FINDERS, NETWORKS

pytestmark = pytest.mark.workflow

ODD = 'my "odd" run\'s $(touch pwned) `touch pwned2` {batch}'
EXPERIMENTS = {
    "demo": (),
    "tiny": (ROOT / "tests/config/tiny.yaml",),
    "paper": (ROOT / "experiments/paper.yaml",),
    "large": (ROOT / "experiments/paper.yaml", ROOT / "experiments/large.yaml"),
    "mini": (ROOT / "experiments/paper.yaml", ROOT / "experiments/mini.yaml"),
    "faint": (ROOT / "experiments/paper.yaml", ROOT / "experiments/faint.yaml"),
}


def jobs(output: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_planned(snakemake, tmp_path, name):
    done = snakemake(tmp_path, "--dry-run", overlays=EXPERIMENTS[name])
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    of_finders = {one for one, spec in NETWORKS.items() if not spec.chain and f"models/{one}/" in done.stdout}
    assert planned["train"] + planned["train_blobs_finder"] == 6 + len(of_finders)
    assert of_finders
    assert planned["finetune_deep_gru"] + planned["finetune_morphology"] + planned["finetune_flux"] == 5
    assert planned["simulate"] == planned["predict_blobs"] + planned["detect"]


def test_ecml_trains_the_networks_of_the_chain_alone(snakemake, tmp_path):
    overlays = (*EXPERIMENTS["paper"], ROOT / "experiments/ecml.yaml")
    planned = jobs(snakemake(tmp_path, "--dry-run", overlays=overlays).stdout)
    assert planned["train"] + planned["train_blobs_finder"] == 6
    assert (planned["tune"], planned["find"], "map" in planned) == (1, planned["detect"], False)


def test_one_network_for_all_shapes_is_trained_in_the_place_of_three(snakemake, tmp_path):
    (tmp_path / "joint.yaml").write_text("models: {resnet: {shapes: joint}}\n")
    one = jobs(snakemake(tmp_path, "--dry-run", overlays=(TINY, tmp_path / "joint.yaml")).stdout)
    three = jobs(snakemake(tmp_path, "--dry-run").stdout)
    assert three["train"] - one["train"] == three["finetune_morphology"] - one["finetune_morphology"] == 2


def expected_jobs(cubes: dict[str, int]) -> dict[str, int]:
    """Jobs of each rule that follow from section ``cubes`` of a config, for cubes that the engine fft makes too."""
    train, validation, test = (
        math.ceil(cubes[split] / cubes["batch_size"]) for split in ("train", "validation", "test")
    )
    once = [
        "all",
        "bound",
        "bundle",
        "collect",
        "collect_fitted",
        "collect_fitted_inverted",
        "collect_inverted",
        "collect_truth",
        "compare_engines",
        "curves",
        "decide",
        "draw_catalogue",
        "draw_engines",
        "figures",
    ]
    once += ["finetune_deep_gru", "finetune_flux", "record_config", "response", "tables", "times", "train_blobs_finder"]
    predictions = dict.fromkeys(("predict_blobs", "predict_lines", "predict_morphology"), train + validation)
    finders = yaml.safe_load((ROOT / "experiments/paper.yaml").read_text())["finders"]["methods"]
    mapped = [name for name in finders if FINDERS[name].searches == "map"]
    networks = {"train": 5 + len(mapped), "finetune_morphology": 3}
    networks |= {"tune": len(finders), "find": len(finders) * test, "collect_found": len(finders)}
    batches = {"simulate": train + validation + test, "detect": test, "detect_inverted": test}
    batches |= {"detect_validation": validation, "fit_validation": validation}
    batches |= {"fit": test, "fit_inverted": test}
    batches |= {"clean": validation + test, "map": len(mapped) * (validation + test)}
    return dict.fromkeys(once, 1) | predictions | networks | batches


@pytest.mark.parametrize("change", [{}, {"batch_size": 3000}, {"train": 80001, "batch_size": 1000}])
def test_a_hundred_thousand_cubes_need_as_many_jobs_as_their_batches(snakemake, tmp_path, change):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump({"cubes": change}))
    done = snakemake(
        tmp_path, "--dry-run", "--quiet", "rules", overlays=(*EXPERIMENTS["large"], tmp_path / "change.yaml")
    )
    cubes = yaml.safe_load((ROOT / "experiments/large.yaml").read_text())["cubes"]
    assert cubes["train"] + cubes["validation"] + cubes["test"] == 100_000
    expected = expected_jobs(cubes | change)
    assert jobs(done.stdout) == expected | {"total": sum(expected.values())}


@pytest.fixture
def trained(tmp_path):
    """Folder with what the small experiment has left for `other`, as empty files but for its config."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section, values in yaml.safe_load(EXPERIMENTS["tiny"][0].read_text()).items():
        config[section] = {**config[section], **values} if isinstance(values, dict) else values
    kept = ["bundle/bundle.json", "fit/choice.json", "models/decoras/trained.pt"]
    kept += [f"models/{name}/trained.csv" for name in NETWORKS]
    kept += [f"models/{name}/finetuned.csv" for name, network in NETWORKS.items() if network.finetuned_on]
    for name in config["finders"]["methods"]:
        kept += [f"finders/{name}/{file}" for file in ("choice.json", "scores.ecsv", "tuning.time.json")]
    for name in kept:
        path = tmp_path / "results/tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "results/tiny/config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def other(folder, text=""):
    """Overlays of an experiment that tests the networks of the small one on four other cubes."""
    config = folder / "other.yaml"
    config.write_text(f"experiment: other\ntrained_by: tiny\nseed: 2\ncubes: {{test: 4}}\n{text}")
    return EXPERIMENTS["tiny"][0], config


def test_networks_of_another_experiment_are_tested_without_training(snakemake, trained):
    """Test cubes are all that is simulated, and what was learnt or chosen elsewhere is taken from there."""
    done = snakemake(trained, "--dry-run", overlays=other(trained))
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    batches, finders = 2, len(yaml.safe_load(EXPERIMENTS["tiny"][0].read_text())["finders"]["methods"])
    once = ["all", "bound", "collect", "collect_fitted", "collect_fitted_inverted", "collect_inverted", "collect_truth"]
    once += ["curves", "draw_catalogue", "figures", "record_config", "response", "tables", "times"]
    expected = dict.fromkeys(once, 1) | {"adopt": finders, "collect_found": finders, "find": finders * batches}
    expected |= dict.fromkeys(("simulate", "detect", "detect_inverted", "fit", "fit_inverted", "clean", "map"), batches)
    assert planned == expected | {"total": sum(expected.values())}
    assert "/train/" not in done.stdout
    assert "/validation/" not in done.stdout
    taken = {
        "detect": "bundle",
        "detect_inverted": "bundle",
        "fit": "fit/choice.json",
        "map": "models/decoras/trained.pt",
        "adopt": "finders/tclean/choice.json",
        "collect_found": "finders/tclean/tuning.time.json",
        "figures": "finders/tclean/scores.ecsv",
        "curves": "models/flux/finetuned.csv",
        "record_config": "config.yaml",
    }
    for rule, path in taken.items():
        inputs = re.findall(rf"^rule {rule}:\n    input: (.*)", done.stdout, re.MULTILINE)
        assert any(f"results/tiny/{path}" in given.split(", ") for given in inputs), rule
    assert not re.search(r"output: .*results/tiny/", done.stdout), "the other experiment stays as it is"


def test_networks_that_are_not_there_leave_cubes_to_be_made(snakemake, tmp_path):
    done = snakemake(tmp_path, "--dry-run", overlays=other(tmp_path))
    assert done.returncode != 0
    assert "run tiny first" in done.stdout
    assert "Missing input files" in done.stdout
    assert "results/tiny/" in done.stdout
    assert "Traceback" not in done.stdout
    cubes = [f"results/other/cubes/test/{batch:03d}" for batch in range(2)]
    planned = jobs(snakemake(tmp_path, "--dry-run", *cubes, overlays=other(tmp_path)).stdout)
    assert planned == {"draw_catalogue": 1, "simulate": 2, "total": 3}


def test_networks_that_do_not_go_with_the_config_are_one_clear_line(snakemake, trained):
    done = snakemake(trained, "--dry-run", overlays=other(trained, "models: {deep_gru: {hidden: 16}}\n"))
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "config:" in line]
    assert "models.deep_gru.hidden is 16, with which the networks of tiny cannot be used: give 8, as there" in line


def test_the_paper_needs_as_many_jobs_as_it_has_batches(snakemake, tmp_path):
    planned = jobs(snakemake(tmp_path, "--dry-run", overlays=EXPERIMENTS["paper"]).stdout)
    assert (planned["simulate"], planned["detect"]) == (50, 10)


def test_a_dry_run_of_a_hundred_thousand_cubes_takes_little_memory(tmp_path):
    code = (  # a process of its own: what it starts does not count the memory of the tests
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    run = here(tmp_path, "--dry-run", "--quiet", "rules", overlays=EXPERIMENTS["large"])
    done = subprocess.run([sys.executable, "-c", code, *run], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1e6  # kB


def asked(output: str, rule: str) -> set[int]:
    """Memory that the jobs of a rule ask for in a dry run, MB."""
    parts = re.findall(rf"^rule {rule}:\n(?:    .*\n)+", output, re.MULTILINE)
    return {int(found) for part in parts for found in re.findall(r"[ ,]mem_mb=(\d+)", part)}


def test_jobs_ask_for_memory_by_the_size_of_their_sets(snakemake, tmp_path):
    """All trainings on images hold two float images of 360 px of every cube, twice while they are joined."""
    for name in ("paper", "large"):
        config = {}
        for overlay in EXPERIMENTS[name]:
            config |= yaml.safe_load(overlay.read_text()).get("cubes", {})
        images = (config["train"] + config["validation"]) * 2 * 360**2 * 4 / 1e6
        output = snakemake(tmp_path, "--dry-run", "--until", "train", "train_blobs_finder", overlays=EXPERIMENTS[name])
        (blobs,) = asked(output.stdout, "train_blobs_finder")
        assert 2 * images < blobs < 2 * images + 10_000
        assert max(asked(output.stdout, "train")) == blobs, "DECORAS learns from the same images"


def test_an_environment_in_a_path_with_a_space_runs_jobs(tmp_path):
    """Snakemake puts the path of the interpreter into shell commands as it is."""
    environment = tmp_path / "my environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", environment)
    (environment / "lib").symlink_to(Path(sys.prefix) / "lib")
    command = here(tmp_path, "results/tiny/config.yaml")
    done = finish([str(environment / "bin" / "python"), *command[1:]])
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "results/tiny/config.yaml").is_file()


def test_names_with_spaces_quotes_and_dollars_are_names_only(snakemake, tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    config = folder / f"{ODD}.yaml"
    config.write_text("experiment: odd\n")
    done = snakemake(folder, "--dry-run", overlays=(EXPERIMENTS["tiny"][0], config))
    assert done.returncode == 0, done.stdout
    assert "results/odd/catalogue.ecsv" in done.stdout
    made = snakemake(folder, "results/odd/config.yaml", overlays=(EXPERIMENTS["tiny"][0], config))
    assert made.returncode == 0, made.stdout
    assert yaml.safe_load((folder / "results/odd/config.yaml").read_text())["experiment"] == "odd"
    assert read_provenance(folder / "results/odd/config.yaml")["experiment"] == "odd"
    assert not [path for path in tmp_path.glob("**/pwned*")]


def test_parsing_needs_neither_casa_nor_torch(tmp_path):
    code = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'casatasks', 'casatools', 'astropy', 'h5py'}:\n"
        "            raise ImportError('the workflow must parse without ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "runpy.run_module('snakemake', run_name='__main__')\n"
    )
    arguments = here(tmp_path, "--dry-run", overlays=EXPERIMENTS["paper"])[3:]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("obsevation: {n_pixels: 64}", r"unknown key.*obsevation.*observation"),
        ("cubes: {test: 0}", r"cubes\.test is 0"),
        ("cubes: {train: many}", r"cubes\.train is 'many'"),
        ("models: {image_size: 50}", r"image_size is 50"),
    ],
)
def test_a_bad_config_is_one_clear_line(snakemake, tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    done = snakemake(tmp_path, "--dry-run", overlays=(tmp_path / "bad.yaml",))
    assert done.returncode != 0
    assert re.search(message, done.stdout), done.stdout
    assert "Traceback" not in done.stdout
    assert len([line for line in done.stdout.splitlines() if "config:" in line]) == 1


def test_lint_is_clean(snakemake, tmp_path):
    done = snakemake(tmp_path, "--lint")
    assert done.returncode == 0, done.stdout
    assert "good condition" in done.stdout


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_a_profile_names_rules_that_exist(snakemake, tmp_path, name):
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    rules = set()
    for overlays in ((), *((ROOT / "experiments" / f"{one}-tiny.yaml",) for one in ("lofar", "eso"))):
        done = snakemake(tmp_path, "--list-rules", overlays=overlays)
        assert done.returncode == 0, done.stdout
        rules |= set(done.stdout.split())
    assert {*profile.get("set-threads", {}), *profile.get("set-resources", {})} <= rules
