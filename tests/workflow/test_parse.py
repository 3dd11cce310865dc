"""The workflow parses for every experiment, plans the right jobs, and refuses a config that cannot be run."""

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from runs import ROOT, finish, here

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
    done = snakemake(tmp_path, "--list-rules")
    assert done.returncode == 0, done.stdout
    assert {*profile.get("set-threads", {}), *profile.get("set-resources", {})} <= set(done.stdout.split())
