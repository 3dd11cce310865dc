"""Whatever happens to a run, the same command ends with the tables of an undisturbed one."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from runs import ENVIRONMENT, FAULTS, begin, finish, here, on_slurm, records, wait_until

pytestmark = pytest.mark.faults

TRAINED = "results/tiny/models/blobs_finder/trained.pt"
# Snakemake makes nothing again that nobody asks for: what comes after the product that is missing must be missing too
SEARCH = ("detections", "catalogue.ecsv", "candidates.ecsv", "tables", "figures/[!t]*")
FINETUNED = ("predictions", "models/*/finetuned.*", "bundle", *SEARCH)
NETWORK = ("models/blobs_finder", *FINETUNED)
TEST_CUBES = ("cubes/test", "truth/test", "products/test", "truth.ecsv", "finders", *SEARCH)


def jobs_of(run: subprocess.Popen, script: str) -> list[psutil.Process]:
    """Processes below a run that work on a script of a rule."""
    below = psutil.Process(run.pid).children(recursive=True)
    return [one for one in below if any(part.endswith(script) for part in command_of(one))]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return []


def resume_file(folder: Path) -> Path:
    return folder / f"{TRAINED}.resume"


def went_on(folder: Path) -> bool:
    return "going on after epoch" in (folder / "results/tiny/logs/train/blobs_finder.log").read_text()


def test_snakemake_is_killed(lacking, ends_like_the_undisturbed):
    folder = lacking(*TEST_CUBES)
    run = begin(here(folder, overlays=FAULTS), folder / "output.txt")
    wait_until(lambda: jobs_of(run, "casa_job.py"))
    below = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(below, timeout=15)
    assert not alive, "its jobs end with it"
    locked = finish(here(folder, overlays=FAULTS))
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout
    assert finish(here(folder, "--unlock", overlays=FAULTS)).returncode == 0
    ends_like_the_undisturbed(folder)


def test_a_training_is_killed_in_an_epoch(lacking, ends_like_the_undisturbed):
    folder = lacking(*NETWORK)
    run = begin(here(folder, overlays=FAULTS), folder / "output.txt")
    wait_until(lambda: resume_file(folder).is_file())
    (job,) = jobs_of(run, ".train.py")
    job.kill()
    assert run.wait() != 0
    assert not (folder / TRAINED).exists()
    ends_like_the_undisturbed(folder)
    assert went_on(folder)


def test_a_simulation_is_killed_in_tclean(lacking, ends_like_the_undisturbed, monkeypatch, tmp_path):
    folder, scratch = lacking(*TEST_CUBES), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(scratch))
    run = begin(here(folder, overlays=FAULTS), folder / "output.txt")
    wait_until(lambda: any("tclean" in log.read_text(errors="replace") for log in scratch.glob("cubefocus-*/casa.log")))
    (job,) = jobs_of(run, ".simulate.py")
    casa = jobs_of(run, "casa_job.py")
    job.kill()
    assert run.wait() != 0
    psutil.wait_procs(casa, timeout=15)
    wait_until(lambda: not [*scratch.glob("cubefocus-*")], 15)
    ends_like_the_undisturbed(folder)


@pytest.mark.parametrize(
    ("damaged", "missing", "made_with"),
    [
        ("models/deep_gru/trained.pt", FINETUNED, "models/deep_gru/trained.pt"),
        ("cubes/test/000/000026.dirty.fits", SEARCH, "cubes/test/000"),
        ("products/train/001.h5", ("models/sigma_x", *FINETUNED), "products/train/001.h5"),
    ],
    ids=["checkpoint", "FITS", "HDF5"],
)
def test_a_file_is_truncated(lacking, ends_like_the_undisturbed, damaged, missing, made_with):
    folder = lacking(*missing)
    path, made = folder / "results/tiny" / damaged, folder / "results/tiny" / made_with
    stamp = path.stat()
    path.write_bytes(path.read_bytes()[: stamp.st_size // 2])
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    failed = finish(here(folder, overlays=FAULTS))
    assert failed.returncode != 0
    assert f"results/tiny/{damaged}: " in failed.stdout
    assert "truncated" in failed.stdout
    assert "Traceback" not in failed.stdout
    shutil.rmtree(made) if made.is_dir() else made.unlink()
    ends_like_the_undisturbed(folder)


def test_two_runs_are_started_in_the_same_folder(lacking, ends_like_the_undisturbed):
    folder = lacking(*NETWORK)
    run = begin(here(folder, overlays=FAULTS), folder / "output.txt")
    wait_until(lambda: resume_file(folder).is_file())
    second = finish(here(folder, overlays=FAULTS))
    assert second.returncode != 0
    assert "lock" in second.stdout.lower()
    assert run.wait() == 0, (folder / "output.txt").read_text()[-5000:]
    ends_like_the_undisturbed(folder, finished=True)


@pytest.fixture
def small_disk(tmp_path):
    """Function that puts the results of a run on a disk of some MB, and another that gives it more."""
    mounted = []

    def put(folder: Path, megabytes: float) -> None:
        results = folder / "results"
        kept = results.rename(tmp_path / "kept")
        results.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", str(results)], check=True)
        mounted.append(results)
        shutil.copytree(kept, results, symlinks=True, dirs_exist_ok=True)
        used = shutil.disk_usage(results).used
        resize(folder, used + int(megabytes * 2**20))

    def resize(folder: Path, size: int) -> None:
        options = f"remount,size={size}"
        subprocess.run(["mount", "-o", options, str(folder / "results")], check=True)

    yield put, resize
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
@pytest.mark.parametrize(("missing", "megabytes"), [(NETWORK, 0.5), (TEST_CUBES, 0.5)], ids=["checkpoint", "cubes"])
def test_the_disk_is_full(lacking, ends_like_the_undisturbed, small_disk, missing, megabytes):
    put, resize = small_disk
    folder = lacking(*missing)
    put(folder, megabytes)
    failed = finish(here(folder, overlays=FAULTS))
    assert failed.returncode != 0
    assert "cannot be written, the disk is full; make room and run again" in failed.stdout
    resize(folder, 500 * 2**20)
    ends_like_the_undisturbed(folder)


def train_on_slurm(folder: Path, **changes) -> list[str]:
    resources = {"train_blobs_finder": changes}
    threads = {"set-threads": {"train_blobs_finder": 1}}  # as in the undisturbed run: sums depend on it
    return on_slurm(folder, TRAINED, overlays=FAULTS, resources=resources, **threads)


def states_of_training() -> list[str]:
    return [job["JobState"] for job in records() if "train_blobs_finder" in job["Comment"]]


def states_when_trained(folder: Path, **changes) -> list[str]:
    """States of the jobs of a training on Slurm that comes to its end."""
    before = len(states_of_training())
    done = finish(train_on_slurm(folder, **changes))
    assert done.returncode == 0, done.stdout[-5000:]
    return states_of_training()[before:]


def test_a_node_goes_down(slurm, lacking, ends_like_the_undisturbed):
    folder = lacking(*NETWORK)
    before = len(states_of_training())
    run = begin(train_on_slurm(folder), folder / "output.txt")
    wait_until(lambda: resume_file(folder).is_file())
    node = records()[-1]["NodeList"]
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test"], check=True)
    wait_until(lambda: len(states_of_training()) > before and states_of_training()[before] == "NODE_FAIL")
    # refused where the node has come back by itself, as it may as soon as its daemon reports
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=False)
    assert run.wait() == 0, (folder / "output.txt").read_text()[-5000:]
    assert states_of_training()[before:] == ["NODE_FAIL", "COMPLETED"]
    assert went_on(folder)
    ends_like_the_undisturbed(folder)


def test_the_time_limit_is_hit_in_a_training(slurm, lacking, ends_like_the_undisturbed):
    folder = lacking(*NETWORK)
    states = states_when_trained(folder, runtime="1 * attempt")
    assert states[0] == "TIMEOUT"
    assert states[-1] == "COMPLETED"
    assert went_on(folder)
    ends_like_the_undisturbed(folder)


def test_the_memory_limit_is_hit(slurm, lacking, ends_like_the_undisturbed):
    folder = lacking(*NETWORK)
    states = states_when_trained(folder, mem_mb="450 if attempt == 1 else 4000")
    assert len(states) == 2
    assert states[0] != "COMPLETED"
    assert states[1] == "COMPLETED"
    ends_like_the_undisturbed(folder)


def test_the_user_presses_control_c(lacking, ends_like_the_undisturbed):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, and by children too, where a shell has "&"
    folder = lacking(*NETWORK)
    run = begin(here(folder, overlays=FAULTS), folder / "output.txt")
    wait_until(lambda: resume_file(folder).is_file())
    below = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    assert run.wait(timeout=120) != 0
    _, alive = psutil.wait_procs(below, timeout=15)
    assert not alive
    ends_like_the_undisturbed(folder)
    assert went_on(folder)
