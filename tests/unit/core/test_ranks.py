"""Batches over MPI ranks: the same bytes as in one process, errors named, and nothing left when ranks fail."""

import os
import signal
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.instrument.observation import Observation
from cubefocus.jobs.simulate import Simulate, run
from cubefocus.ranks import launch
from cubefocus.sky.catalogue import draw_catalogue

SKY = {
    "n_sources": [1, 2], "amplitude": [1, 5], "sigma": [1.5, 3], "pa": [0, 90], "spectral_index": [-2, 2],
    "position": [8, 32], "line_amplitude": [1, 5], "line_centre": [1, 2], "line_fwhm": [2, 2.5], "separation": 4,
    "empty_fraction": 0.2,
}  # fmt: skip
MPIEXEC = "mpiexec --oversubscribe"  # more ranks than this machine may have cores


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    """Tests run in containers."""
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


@pytest.fixture
def job_of(instrument, setup, tmp_path):
    """Makes the job of a batch of six cubes with two set-ups; their responses are measured."""
    observation = asdict(setup) | {"alternatives": [{}, {"hour_angle": "2h"}]}
    for one in Observation.list_from_mapping(observation):
        get_response(one, tmp_path / "cache")
    write_table(tmp_path / "sky.ecsv", draw_catalogue(SKY, 3, {"train": 8}, (10.0, 30.0), 7, n_pixels=40), {})

    def make(name, **changes):
        job = Simulate(
            catalogue=str(tmp_path / "sky.ecsv"),
            cube_ids=[1, 2, 3, 4, 6, 7],
            observation=observation,
            noise={"thermal": True, "snr": [10, 30]},
            box={"box_level": 0.15, "box_reference": "image"},
            cubes=str(tmp_path / name),
            engine="fft",
            responses=str(tmp_path / "cache"),
            cut={"size": 16, "dilation": 1.5},
            facts={"seed": 7},
        )
        return replace(job, **changes)

    return make


def over_ranks(job, ranks, launcher=MPIEXEC):
    launch(run, job, ranks, launcher, job.cubes)
    return Path(job.cubes)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_cubes_are_the_same_whatever_the_number_of_ranks(job_of, tmp_path, caplog):
    alone = contents(run(job_of("alone", compress=True)))
    assert {"000007.dirty.fits", "truth.ecsv", "products.h5"} <= set(alone)
    with caplog.at_level("INFO", logger="cubefocus"):
        for ranks in (2, 3):
            assert contents(over_ranks(job_of(f"{ranks}", compress=True), ranks)) == alone
    assert caplog.text.count("6 of 6") == 2, "what the ranks say is in the log"
    assert {path.name for path in tmp_path.iterdir()} == {"alone", "2", "3", "cache", "sky.ecsv", "array.cfg"}


def test_casa_observes_in_ranks_as_it_does_alone(tmp_path):
    """tclean begins MPI: as a child of a rank it would wait for the others for ever."""
    observation = Observation(n_pixels=40, n_channels=3, cell_arcsec=0.3, total_time_s=120.0)
    write_table(tmp_path / "sky.ecsv", draw_catalogue(SKY, 3, {"train": 2}, (10.0, 30.0), 7, n_pixels=40), {})
    noise, box = {"thermal": True, "snr": None}, {"box_level": 0.15, "box_reference": "image"}
    alone, ranks = (
        Simulate(str(tmp_path / "sky.ecsv"), [0, 1], str(tmp_path / name), asdict(observation), noise, box)
        for name in ("alone", "ranks")
    )
    assert contents(over_ranks(ranks, 3)) == contents(run(alone))


def test_failed_cubes_are_named_and_made_by_the_next_run(job_of, tmp_path):
    alone = contents(run(job_of("alone")))
    beams = sorted((tmp_path / "cache").glob("*/psf.fits"))
    whole = beams[0].read_bytes()
    beams[0].write_bytes(whole[:5000])
    script = tmp_path / "launcher.sh"  # leaves the status of mpiexec behind
    script.write_text(f'{Path(sys.executable).parent}/{MPIEXEC} "$@"; echo $? | tee {tmp_path}/status; exit 0')
    with pytest.raises(CubefocusError, match=r"of 6 cubes failed(?s:.*)cube \d: .*psf\.fits") as caught:
        over_ranks(job_of("out"), 3, f"sh {script}")
    assert "Traceback" not in str(caught.value)
    assert (tmp_path / "status").read_text().strip() == "1"
    made = {path.name: path.stat().st_ino for path in (tmp_path / "out.partial").glob("*.dirty.fits")}
    assert 0 < len(made) < 6
    beams[0].write_bytes(whole)
    out = over_ranks(job_of("out"), 2)
    assert contents(out) == alone
    assert {name: (out / name).stat().st_ino for name in made} == made, "these were not made again"


# Read by the Pythons of the ranks when they start: each stays in its second cube, and is killed there.
STAY = """
import pathlib, time
real, notes = pathlib.Path.write_text, []
def write_text(self, *arguments, **options):
    written = real(self, *arguments, **options)
    if self.suffix == ".at-work":
        notes.append(self)
        time.sleep(3600 if len(notes) > 1 else 0)
    return written
pathlib.Path.write_text = write_text
"""


def test_a_rank_that_dies_names_its_cube_and_the_next_run_makes_what_is_missing(job_of, tmp_path, monkeypatch):
    job = job_of("out", workers=1)
    (tmp_path / "stay").mkdir()
    (tmp_path / "stay" / "sitecustomize.py").write_text(STAY)
    killer = threading.Thread(target=kill_a_rank, args=(tmp_path, found := []))
    killer.start()
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "stay"))
        with pytest.raises(CubefocusError, match=r"out: .* \(killed.*rank [12] was at work on cube \d") as caught:
            over_ranks(job, 3)
    killer.join()
    assert f"rank {found[0][0]} was at work on {found[0][1]};" in str(caught.value)
    made = {path.name: path.stat().st_ino for path in (tmp_path / "out.partial").glob("*.truth.ecsv")}
    assert len(made) < 6
    out = over_ranks(job, 2)
    assert contents(out) == contents(run(job_of("alone")))
    assert not list(tmp_path.glob(".out.*"))


def kill_a_rank(folder, found):
    """Kill a rank in a cube, as the system does when memory is short."""
    deadline = time.monotonic() + 600
    while not found and time.monotonic() < deadline:
        for note in folder.glob(".out.*/*.at-work"):
            for process in psutil.process_iter(["environ", "cmdline"]):
                environment = process.info["environ"] or {}
                if environment.get("OMPI_COMM_WORLD_RANK") == note.stem and str(note.parent) in str(
                    process.info["cmdline"]
                ):
                    os.kill(process.pid, signal.SIGSTOP)  # so that it cannot go on to another cube meanwhile
                    if note.is_file() and note.read_text():
                        found.append((int(note.stem), note.read_text()))
                    os.kill(process.pid, signal.SIGKILL if found else signal.SIGCONT)
                    if found:
                        return


def test_cube_that_the_catalogue_lacks_is_named(job_of):
    with pytest.raises(CubefocusError, match=r"sky\.ecsv: has no cube 99; delete it and run again"):
        run(job_of("out", cube_ids=[1, 99]))


def test_launcher_of_another_library_is_refused(job_of, tmp_path):
    # each of its processes takes itself for the only one
    with pytest.raises(CubefocusError, match=r"made 1 of 2 MPI ranks.*Open MPI"):
        over_ranks(job_of("out"), 2, f"{sys.executable} -c 'import os, sys; os.execv(sys.argv[3], sys.argv[3:])'")
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ("no-such-mpiexec -x", r"launcher 'no-such-mpiexec' is not there; pip install 'cubefocus\[mpi\]'"),
        ("sh -c 'kill -9 $$'", r"out: .* ended with status 137 \(killed, perhaps out of memory"),
        ("sh -c 'echo no slots; exit 3'", r"-n 2' ended with status 3; the log has what it said"),
        ("sh -c 'exit 0'", "ended with status 0"),
    ],
)
def test_launcher_that_fails_is_named(job_of, caplog, tmp_path, launcher, message):
    with caplog.at_level("INFO", logger="cubefocus"), pytest.raises(CubefocusError, match=message):
        over_ranks(job_of("out"), 2, launcher)
    assert ("no slots" in caplog.text) == ("slots" in launcher)
    assert not list(tmp_path.glob(".out.*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_launcher_that_refuses_root_is_told_how_to_take_it(job_of, monkeypatch):
    monkeypatch.delenv("OMPI_ALLOW_RUN_AS_ROOT")
    with pytest.raises(CubefocusError, match=r"does not run as root; .*OMPI_ALLOW_RUN_AS_ROOT=1"):
        over_ranks(job_of("out"), 2)
