"""The whole chain on real CASA simulations, killed in the middle, gone on, and damaged."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from bundles import assert_same_rows
from runs import MEASURED, ROOT, TINY, finish, here

from cubefocus.alma.detection_products import read_probability
from cubefocus.cli.provenance import READERS, read_provenance
from cubefocus.cube.reading import read_cube
from cubefocus.files import read_table
from cubefocus.learn.manifest import MANIFEST

pytestmark = [pytest.mark.workflow, pytest.mark.casa]
KINDS = (".csv", ".ecsv", ".md", ".tex", ".png", ".pdf", ".yaml", ".pt", ".safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def kill_in_the_middle(folder: Path) -> Path:
    """Start the run and kill it with all its children when the first cube of a batch of several is there: that one."""
    process = subprocess.Popen(
        here(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    deadline = time.monotonic() + 900
    # Its truth table is written last and says that the cube is whole; a name with a dot in front is half a file.
    wanted = "results/tiny/cubes/*/*.partial/[0-9]*.truth.ecsv"
    while True:
        if list(folder.glob(wanted)):
            os.killpg(process.pid, signal.SIGSTOP)  # so that the batch is not finished meanwhile
            if whole := list(folder.glob(wanted)):
                break
            os.killpg(process.pid, signal.SIGCONT)
        assert process.poll() is None, "the run ended before a cube was made"
        assert time.monotonic() < deadline, "no cube in a quarter of an hour"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return whole[0].with_name(whole[0].name.replace("truth.ecsv", "dirty.fits"))


def test_a_killed_run_goes_on_to_the_end(folder, snakemake):
    first = kill_in_the_middle(folder)
    assert snakemake(folder, "--unlock").returncode == 0
    made = first.stat().st_mtime_ns
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-5000:]
    kept = first.parents[1] / first.parent.name.removesuffix(".partial") / first.name
    assert kept.stat().st_mtime_ns == made, "a cube that was there was made again"


def test_products_are_whole_and_say_how_they_were_made(folder):
    results = folder / "results" / "tiny"
    truth, candidates = read_table(results / "truth.ecsv"), read_table(results / "candidates.ecsv")
    assert set(truth["split"]) == {"train", "validation", "test"}
    assert truth.meta["provenance"]["seed"] == 1
    assert "reason" in candidates.colnames
    with open(results / "tables" / "detection.csv") as stream:
        rows = {row["method"]: row for row in csv.DictReader(stream) if row["source"] == "this run"}
    n_true = int((truth["split"] == "test").sum())
    for name in (
        "oracle",
        "oracle (watershed)",
        "threshold",
        "blobcat",
        "bdsf",
        "aegean",
        "decoras",
        "tclean",
        "smooth_and_clip",
        "blobs_finder",
        "blobs_finder (watershed)",
        "blobs_finder+deep_gru",
        "chain",
    ):
        assert int(rows[name]["tp"]) + int(rows[name]["fn"]) == n_true
    for suffix in ("md", "tex"):
        assert "chain" in (results / "tables" / f"detection.{suffix}").read_text()
    assert len(list((results / "figures").glob("*.png"))) == 15
    with open(results / "tables" / "fidelity.csv") as stream:
        assert {row["method"] for row in csv.DictReader(stream)} >= {"blobs_finder", "chain"}


def test_the_command_finds_with_the_bundle_what_the_run_found(folder):
    """As the table of the run has it, row by row; the same number of threads gives the same last bits."""
    cubes = sorted(folder.glob("results/tiny/cubes/test/000/*.dirty.fits"))
    command = [sys.executable, "-m", "cubefocus.cli.main", "detect", *map(str, cubes), "-o", str(folder / "found")]
    command += ["--models", str(folder / "results/tiny/bundle")]
    done = finish(command)
    assert done.returncode == 0, done.stdout
    assert "where the networks were trained on" not in done.stdout
    for name in ("catalogue.ecsv", "candidates.ecsv"):
        assert_same_rows(read_table(folder / "found" / name), read_table(folder / "results/tiny" / name))
    # Networks that learnt for seconds may find nothing, but what they say of each pixel must be the same.
    paths = folder / "found/products.h5", folder / "results/tiny/detections/000/products.h5"
    ours, theirs = (read_probability([path]) for path in paths)
    assert ours.keys() == theirs.keys()
    assert all((ours[cube] == theirs[cube]).all() and ours[cube].std() > 0 for cube in ours)


def test_table_4_has_what_each_stage_and_finder_took(folder):
    with open(folder / "results/tiny/tables/times.csv") as stream:
        rows = [row for row in csv.DictReader(stream) if row["source"] == "this run"]
    finders = yaml.safe_load((folder / "results/tiny/config.yaml").read_text())["finders"]["methods"]
    assert list(dict.fromkeys(row["method"] for row in rows)) == ["chain", "chain+fit", *finders]
    stages = {row["stage"] for row in rows if row["method"] == "chain"}
    assert {"reading", "blobs_finder", "deep_gru", "focus", "morphology", "flux", "total"} <= stages
    took = {row["method"]: row for row in rows if row["stage"] in ("search", "total")}
    for name in ("chain", "chain+fit", *finders):
        missing = took[name]["note"].startswith("not run")
        assert took[name]["n_cubes"] == ("nan" if missing else "2"), name
        assert bool(took[name]["hardware"]) is not missing, name


def test_noise_of_two_cubes_is_independent(folder):
    seeds = set(read_table(folder / "results/tiny/truth.ecsv")["noise_seed"])
    assert len(seeds) == 8
    cubes = sorted(folder.glob("results/tiny/cubes/*/*/*.dirty.fits"))
    assert len(cubes) == 8


def test_nothing_is_left_to_do(folder, snakemake):
    done = snakemake(folder, "--dry-run")
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout


def tables(folder: Path) -> dict[str, bytes]:
    """All tables, figures and networks of a run, with the settings, by path; but for table 4, which is measured."""
    results = folder / "results" / "tiny"
    paths = [path for path in results.glob("**/*") if path.suffix in KINDS and path.stem != MEASURED]
    return {str(path.relative_to(results)): path.read_bytes() for path in paths}


def differing(first: dict[str, bytes], second: dict[str, bytes]) -> list[str]:
    assert first.keys() == second.keys()
    return [name for name in first if first[name] != second[name]]


def test_the_same_seeds_give_the_same_tables_byte_for_byte(folder, snakemake):
    """What a network learns, finds and scores; the test below repeats the cubes, too, and takes minutes."""
    results, before = folder / "results" / "tiny", tables(folder)
    assert {
        "tables/detection.csv",
        "catalogue.ecsv",
        "truth.ecsv",
        "figures/images.png",
        "config.yaml",
    } <= before.keys()
    for name in ("tables", "figures", "detections", "finders", "models/flux"):
        shutil.rmtree(results / name)
    for name in ("truth.ecsv", "catalogue.ecsv", "candidates.ecsv", "config.yaml"):
        (results / name).unlink()
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-5000:]
    assert differing(before, tables(folder)) == []


@pytest.mark.slow
def test_two_whole_runs_give_the_same_tables_byte_for_byte(folder, snakemake, tmp_path):
    other = tmp_path / 'it\'s "another" $(folder)'
    other.mkdir()
    for place in (folder, other):  # the first is there already if the tests above were run
        done = snakemake(place)
        assert done.returncode == 0, done.stdout[-5000:]
    assert differing(tables(folder), tables(other)) == []


def test_networks_of_the_run_are_tested_on_other_cubes(folder, snakemake, tmp_path):
    """Two cubes of another seed, scored with the networks, the threshold of the fit and the finder of the run."""
    (tmp_path / "other.yaml").write_text(
        "experiment: other\ntrained_by: tiny\nseed: 2\nengine: {test: fft}\nfinders: {methods: [threshold]}\n"
    )
    before = tables(folder)
    done = snakemake(folder, "results/other/tables/detection.csv", overlays=(TINY, tmp_path / "other.yaml"))
    assert done.returncode == 0, done.stdout[-5000:]
    assert differing(before, tables(folder)) == []
    results = folder / "results" / "other"
    assert not [name for name in ("models", "bundle", "predictions", "validation") if (results / name).exists()]
    truth, run = read_table(results / "truth.ecsv"), read_table(folder / "results/tiny/truth.ecsv")
    assert set(truth["split"]) == {"test"}
    assert not set(truth["noise_seed"]) & set(run["noise_seed"])
    with open(results / "tables/detection.csv") as stream:
        rows = {row["method"]: row for row in csv.DictReader(stream) if row["source"] == "this run"}
    for name in ("threshold", "blobs_finder", "chain", "chain+fit"):
        assert int(rows[name]["tp"]) + int(rows[name]["fn"]) == len(truth), name
    chosen, adopted = (
        json.loads((folder / "results" / name / "finders/threshold/choice.json").read_text())
        for name in ("tiny", "other")
    )
    assert adopted["parameters"] == chosen["parameters"]
    assert adopted["inverted"] == [0, 1]
    facts = read_provenance(results / "catalogue.ecsv")
    assert (facts["experiment"], facts["trained_by"], facts["engine"]) == ("other", "tiny", {"test": "fft"})


def test_every_product_says_how_it_was_made(folder):
    results = folder / "results" / "tiny"
    apart = {"logs", "responses"}  # a response is that of a set-up, whichever experiments use it
    products = [path for path in results.glob("**/*") if path.suffix in READERS and not apart & {*path.parts}]
    assert {path.suffix for path in products} == set(READERS) - {
        ".gz",
        ".html",
        ".reg",
        ".crtf",
        ".xml",
        ".fits.gz",
        MANIFEST,
    }
    products.append(results / "bundle")
    shared = read_provenance(results / "config.yaml")
    for path in products:
        facts = read_provenance(path)
        for name in ("experiment", "seed", "config", "code", "packages", "hardware"):
            assert facts[name] == shared[name], path
        assert facts["engine"] in ("casa", {"train": "casa", "validation": "casa", "test": "casa"}), path


def test_a_truncated_cube_is_named_and_made_anew(folder, snakemake):
    batch = folder / "results/tiny/cubes/test/000"
    cube = sorted(batch.glob("*.dirty.fits"))[0]
    whole = cube.read_bytes()
    cube.write_bytes(whole[:10000])
    product = "results/tiny/detections/000/catalogue.ecsv"
    (folder / product).unlink()
    failed = snakemake(folder, product)
    assert failed.returncode != 0
    assert f"{cube.relative_to(folder)}: truncated" in failed.stdout
    assert "Traceback" not in failed.stdout
    for file in batch.iterdir():
        file.unlink()
    batch.rmdir()
    again = snakemake(folder, product)
    assert again.returncode == 0, again.stdout[-5000:]
    assert (read_cube(cube).data == _cube(whole, folder).data).all(), "the same seed must give the same cube"


def _cube(content: bytes, folder: Path):
    (folder / "before.fits").write_bytes(content)
    return read_cube(folder / "before.fits")


def test_a_failed_casa_job_costs_one_cube_and_is_named(tmp_path, snakemake):
    with open(tmp_path / "output.txt", "w") as output:
        process = subprocess.Popen(
            here(tmp_path, "--until", "simulate"),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        casa_job_of(process).kill()
        assert process.wait() != 0
    text = (tmp_path / "output.txt").read_text()
    (cube,) = set(re.findall(r"cube (\d+) failed", text))
    (log,) = tmp_path.glob("results/tiny/cubes/*/*.partial/*.casa.log")
    assert log.name == f"{int(cube):06d}.casa.log"
    assert log.name in text
    assert len(list(tmp_path.glob("results/tiny/cubes/*/???/recipe.json"))) == 3, "the other batches must go on"
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("results/tiny/cubes/*/*/*.dirty.fits")}
    assert len(made) == 7
    again = snakemake(tmp_path, "--until", "simulate")
    assert again.returncode == 0, again.stdout[-5000:]
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("results/tiny/cubes/*/*/*.dirty.fits")}
    assert len(after) == 8
    assert {name: after[name] for name in made} == made, "only what was missing is made"


def casa_job_of(process: subprocess.Popen) -> psutil.Process:
    """The first CASA process below a run."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(part.endswith("casa_job.py") for part in child.cmdline()):
                    return child
        time.sleep(0.05)
    raise AssertionError("no CASA process in a quarter of an hour")
