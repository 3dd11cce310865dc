"""The small experiment through sbatch: every rule where it belongs, with what it asked for, by Slurm's own records."""

import csv
import re

import pytest
from astropy.table import Table
from runs import ROOT, TINY, finish, on_slurm, records

pytestmark = pytest.mark.slurm

# partition, ranks, cores a rank, memory in MB of a node or of each core, minutes, GPUs: of batches of two small cubes,
# next to which networks and CASA themselves need most
SIMULATE = ("cpu", 11, 1, "each 807", 31, 0)
TRAIN, PREDICT = ("gpu", 1, 4, "8001", 61, 1), ("gpu", 4, 1, "each 3514", 31, 1)
WANTED = {
    "draw_catalogue": ("cpu", 1, 1, "2001", 10, 0),
    "response": ("cpu", 1, 1, "810", 60, 0),
    "simulate": SIMULATE,
    "train": TRAIN,
    "train_blobs_finder": ("gpu", 1, 4, "8001", 61, 2),
    "predict_blobs": PREDICT,
    "predict_lines": PREDICT,
    "predict_morphology": PREDICT,
    "finetune_deep_gru": TRAIN,
    "finetune_morphology": TRAIN,
    "finetune_flux": TRAIN,
    "detect": PREDICT,
    "detect_inverted": PREDICT,
    "clean": ("cpu", 1, 4, "each 812", 31, 0),
    "map": ("gpu", 1, 1, "3501", 60, 1),
    "tables": ("cpu", 1, 1, "8001", 60, 0),
    "figures": ("cpu", 1, 1, "8001", 60, 0),
}


@pytest.fixture(scope="module")
def run(slurm, tmp_path_factory):
    """Folder of a finished run, its output, and the records of its jobs. Blobs Finder trains on two GPUs."""
    folder = tmp_path_factory.mktemp("run")
    before = {job["JobId"] for job in records()}
    (folder / "engines.yaml").write_text("engine: {train: fft}")
    resources = {"train_blobs_finder": {"gpu": 2}}
    command = on_slurm(folder, overlays=(TINY, folder / "engines.yaml"), resources=resources)
    done = finish(command)
    assert done.returncode == 0, done.stdout[-5000:]
    return folder, done.stdout, [job for job in records() if job["JobId"] not in before]


def rule_of(job):
    return re.sub("_wildcards_.*", "", job["Comment"].removeprefix("rule_"))


def requested(job):
    days, _, clock = job["TimeLimit"].rpartition("-")
    hours, minutes, _ = (int(part) for part in clock.split(":"))
    gpus = int(job.get("TresPerJob", "gres:gpu:0").rpartition(":")[2])
    each = "MinMemoryCPU" in job
    memory = job["MinMemoryCPU" if each else "MinMemoryNode"]
    memory = f"{'each ' * each}{float(memory[:-1]) * {'M': 1, 'G': 1024}[memory[-1]]:.0f}"
    time = (int(days or 0) * 24 + hours) * 60 + minutes
    return job["Partition"], int(job["NumTasks"]), int(job["CPUs/Task"]), memory, time, gpus


def test_every_heavy_rule_went_through_sbatch_with_what_it_asked_for(run):
    _, _, jobs = run
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert all(job["BatchFlag"] == "1" for job in jobs)
    found = {rule_of(job): requested(job) for job in jobs}
    assert {rule: found.get(rule) for rule in WANTED} == WANTED


def test_there_is_one_job_for_each_batch_and_network(run):
    _, _, jobs = run
    comments = [job["Comment"] for job in jobs]
    assert len(set(comments)) == len(comments), "a job was submitted twice"
    networks = {comment.rpartition("_wildcards_")[2] for comment in comments if comment.startswith("rule_train_wild")}
    assert networks == {"deep_gru", "sigma_x", "sigma_y", "pa", "flux", "decoras"}
    batches = {comment.removeprefix("rule_simulate_wildcards_") for comment in comments if "_simulate_" in comment}
    assert batches == {"train_000", "train_001", "validation_000", "test_000"}
    assert all(job["JobName"].startswith("cubefocus_") for job in jobs)


def test_networks_train_side_by_side(run):
    _, _, jobs = run
    spans = [(job["StartTime"], job["EndTime"]) for job in jobs if rule_of(job).startswith("train")]
    assert any(a[0] < b[1] and b[0] < a[1] for a in spans for b in spans if a is not b)


@pytest.mark.parametrize(
    ("log", "ranks"),
    [("simulate/train-000", 11), ("simulate/test-000", 11), ("predict_lines/train-001", 4), ("detect/000", 4)],
)
def test_ranks_of_mpi_are_real(run, log, ranks):
    folder, _, _ = run
    assert f"{ranks} MPI ranks on 1 node" in (folder / f"results/tiny/logs/{log}.log").read_text()


def test_the_tables_of_the_run_are_there(run):
    folder, _, _ = run
    with open(folder / "results/tiny/tables/detection.csv") as stream:
        assert {"oracle", "chain"} <= {row["method"] for row in csv.DictReader(stream)}


def test_a_failed_job_shows_its_log_and_is_tried_again_with_more(slurm, tmp_path):
    (tmp_path / "array.yaml").write_text("observation: {array: alma.cycle9.33}")
    command = on_slurm(
        tmp_path, "results/tiny/truth/test/000.ecsv", overlays=(TINY, tmp_path / "array.yaml"), retries=1
    )
    before = {job["JobId"] for job in records()}
    done = finish(command)
    assert done.returncode != 0
    assert "array 'alma.cycle9.33' is not known" in done.stdout
    tries = [job for job in records() if job["JobId"] not in before and "simulate_wildcards_test" in job["Comment"]]
    assert [requested(job)[3] for job in tries] == ["each 807", "each 1614"]
    assert {job["JobState"] for job in tries} == {"FAILED"}


def test_ranks_share_the_trials_of_a_sweep(slurm, tmp_path):
    overlay = ROOT / "experiments" / "lofar-tiny.yaml"
    target = "results/lofar-tiny/sweep/identity.ecsv"
    before = {job["JobId"] for job in records()}
    done = finish(on_slurm(tmp_path, target, overlays=(overlay,), resources={"sweep": {"tasks": 3, "gpu": 2}}))
    assert done.returncode == 0, done.stdout[-5000:]
    (job,) = [job for job in records() if job["JobId"] not in before and rule_of(job) == "sweep"]
    partition, ranks, cores, _, _, gpus = requested(job)
    assert (partition, ranks, cores, gpus) == ("gpu", 3, 1, 2)
    log = (tmp_path / "results/lofar-tiny/logs/sweep/identity.log").read_text()
    assert "3 MPI ranks on 1 node" in log
    rows = Table.read(tmp_path / target)
    assert {*rows["status"]} == {"done"}
    trials = {tuple(row) for row in rows["maps", "neurons", "kernel", "learning_rate", "batch_size"]}
    assert len(trials) == 8
