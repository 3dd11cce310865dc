"""Sweeps of hyper-parameters: what is tried, that a trial costs itself alone, and what the tables say."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.denoise import trial as trial_module
from cubefocus.denoise.folder import image_path
from cubefocus.denoise.sweep import DIED, DIVERGED, DONE, REFUSED, RUNNING, Look, Outcome, Trial, trials_of
from cubefocus.denoise.task import AutoencoderTask
from cubefocus.denoise.trial import measured, n_parameters, train
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.jobs import sweep as sweep_job
from cubefocus.jobs.sweep import Sweep, jobs_of, run
from cubefocus.jobs.sweep_tables import SweepTables
from cubefocus.jobs.sweep_tables import run as make_tables
from cubefocus.learn import loop
from cubefocus.networks import Autoencoder
from cubefocus.ranks import launch
from cubefocus.report.published import SWEPT_ARCHITECTURES, SWEPT_BEST
from cubefocus.settings import SweepSettings
from cubefocus.settings.lofar import AutoencoderShape, AutoencoderTraining

PAPER = (SweepSettings(), AutoencoderShape(), AutoencoderTraining())
GRID = {"learning_rates": [1e-3, 1e-2], "batch_sizes": [4], "epochs": [1, 2]}


def test_the_grids_are_those_of_the_paper():
    identity, noise = (trials_of(dataset, *PAPER) for dataset in ("identity", "noise"))
    assert len(noise) == 30
    assert sum(len(one.training) for one in noise) == 120
    assert {(len(one.maps), one.neurons, one.kernel) for one in identity if one.architecture} == {*SWEPT_ARCHITECTURES}
    assert {one.architecture for one in identity} == {(), (100,)}
    assert not any(one.architecture for one in noise)


def test_what_both_grids_have_is_trained_once():
    both = [one for one in trials_of("identity", *PAPER) if one.architecture and one.training]
    assert [(one.maps, one.neurons, one.learning_rate, one.batch_size) for one in both] == [((32, 64), 200, 1e-4, 50)]
    assert len(trials_of("identity", *PAPER)) == 30 + 24 - 1
    assert both[0].epochs == [50, 100, 300, 500]
    rows = list(Outcome("", DONE, looks=tuple(Look(n, DONE, n, 0.1) for n in both[0].epochs)).rows(both[0]))
    assert [row["epochs"] for row in rows if row["architecture"]] == [100]


def test_each_trial_has_a_folder_of_its_own():
    every = trials_of("identity", *PAPER)
    names = {one.name for one in every}
    assert len(names) == len(every)
    assert all(name == Path(name).name for name in names)


def test_the_best_published_trainings_come_first():
    for settings in SWEPT_BEST.values():
        errors = [one.mse for one in settings]
        assert len(errors) == 10
        assert errors == sorted(errors)
    assert min(one.mse for one in SWEPT_ARCHITECTURES.values()) == SWEPT_ARCHITECTURES[2, 400, 3].mse


@pytest.fixture
def job(tmp_path, sky_of, rng):
    """A sweep of two trials on images of noise: two to learn from, one for validation."""
    folders = {kind: {split: tmp_path / kind / split for split in ("train", "validation")} for kind in ("sky", "seen")}
    for split, number in (("train", 0), ("train", 1), ("validation", 2)):
        sky = sky_of(64, 64, rng)
        seen = (sky + 2e-6 * rng.normal(size=sky.shape)).astype(np.float32)
        for kind, image in (("sky", sky), ("seen", seen)):
            folders[kind][split].mkdir(parents=True, exist_ok=True)
            path = image_path(folders[kind][split], number)
            fits.PrimaryHDU(image, fits.Header({"BUNIT": "Jy/arcsec2"})).writeto(path)
    texts = {kind: {split: [str(place)] for split, place in some.items()} for kind, some in folders.items()}
    settings = {"decay": "none", "warmup_iterations": 0, "augment": False, "batch_size": 4, "epochs": 2}
    return Sweep(
        dataset="noise",
        observed=texts["seen"],
        skies=texts["sky"],
        tile=32,
        options={"maps": [4, 6], "neurons": 5},
        settings=settings,
        grid=GRID,
        seed=1,
        table=str(tmp_path / "out" / "noise.ecsv"),
        times=str(tmp_path / "out" / "noise.times.ecsv"),
        code="test",
    )


def one_job(job, **changes):
    """Job of the first trial."""
    first = trials_of("noise", SweepSettings(**job.grid), AutoencoderShape(**job.options), PAPER[2])[0]
    (made,) = jobs_of(job, [replace(first, **changes)])
    Path(made.folder).mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def in_this_process(monkeypatch):
    """Run trials here, where the test can change what they do."""
    ran = []

    def note(job):
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        ran.append(job.trial.learning_rate)
        return train(job)

    monkeypatch.setattr(sweep_job, "run_trial", note)
    return ran


def jump(monkeypatch, rate, epoch):
    """Make the trial with a learning rate take steps of 1e20 from an epoch on."""
    real = loop.learning_rate

    def of_step(iteration, n_iterations, settings):
        late = iteration >= epoch * n_iterations // settings.epochs
        return 1e20 if settings.learning_rate == rate and late else real(iteration, n_iterations, settings)

    monkeypatch.setattr(loop, "learning_rate", of_step)


def test_a_trial_tells_what_the_tables_need(job):
    one = one_job(job)
    outcome = train(one)
    assert outcome == one.outcome()
    assert outcome.settled(one.trial)
    first, second = outcome.looks
    assert (first.epochs, second.epochs) == (1, 2)
    for look in outcome.looks:
        assert 0 < look.mse < 1
        assert look.relative_error > 0
        assert 0 <= look.discrepancy <= 2
        assert look.seconds > 0
        assert look.best_epoch <= look.epochs
    assert second.validation_loss <= first.validation_loss
    assert outcome.parameters == sum(one.numel() for one in Autoencoder(32, (4, 6), 5).parameters())
    assert {path.name for path in Path(one.folder).iterdir()} == {"outcome.json", "model.csv"}, "no weights are left"


def test_longer_training_continues_the_shorter_one(job, monkeypatch):
    epochs, real = [], loop.train_epoch
    monkeypatch.setattr(loop, "train_epoch", lambda *given: epochs.append(given[1].epoch) or real(*given))
    stepped, straight = one_job(job), one_job(replace(job, table=f"{job.table}.straight.ecsv"), training=(2,))
    last = train(stepped).looks[-1]
    assert epochs == [0, 1]
    assert replace(train(straight).looks[0], seconds=last.seconds) == last


def test_a_killed_trial_goes_on_with_the_epochs_that_are_missing(job, monkeypatch):
    whole = train(one_job(job))
    cut = one_job(replace(job, table=f"{job.table}.cut.ecsv"))
    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "measured", lambda look, *_: look if look.epochs == 1 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(cut)
    assert [look.epochs for look in cut.outcome().looks] == [1]
    epochs = []
    monkeypatch.setattr(loop, "train_epoch", lambda *given: epochs.append(given[1].epoch))
    assert replace(train(cut).looks[1], seconds=0) == replace(whole.looks[1], seconds=0)
    assert epochs == []


def test_a_trial_that_diverges_is_a_row_and_costs_itself_alone(job, monkeypatch, in_this_process):
    jump(monkeypatch, 1e-2, epoch=1)
    run(job)
    table = read_table(job.table)
    assert [*table["status"]] == [DONE, DONE, DONE, DIVERGED], "after one epoch it had not"
    assert "after epoch 2" in table["reason"][3] or "in epoch 2" in table["reason"][3]
    assert np.isnan(table["mse"][3])
    assert np.isfinite(table["mse"][:3]).all()
    assert np.ma.getmaskarray(table["best_epoch"]).tolist() == [False, False, False, True]
    run(job)
    assert in_this_process == [1e-3, 1e-2], "what diverged would do so again, and what is done is kept"


def test_finished_trials_of_other_images_settings_or_code_do_not_count(job, in_this_process):
    run(job)
    run(replace(job, seed=2))
    run(replace(job, seed=2, code="edited"))
    path = image_path(job.observed["validation"][0], 2)
    fits.PrimaryHDU(fits.getdata(path) * 2, fits.getheader(path)).writeto(path, overwrite=True)
    run(replace(job, seed=2, code="edited"))
    assert in_this_process == [1e-3, 1e-2] * 4


def test_more_settings_are_the_only_ones_that_are_trained(job, in_this_process):
    run(job)
    run(replace(job, grid=GRID | {"learning_rates": [1e-3, 1e-2, 5e-3]}))
    assert in_this_process == [1e-3, 1e-2, 5e-3]
    assert len(read_table(job.table)) == 6


def test_a_sweep_of_which_nothing_is_left_is_refused(job, monkeypatch, in_this_process):
    jump(monkeypatch, 1e-2, epoch=0)
    with pytest.raises(
        CubefocusError, match=r"noise\.ecsv: none of 1 trials .*first one diverged: autoencoder: .*lower"
    ):
        run(replace(job, grid=GRID | {"learning_rates": [1e-2]}))
    assert not Path(job.table).exists()


def test_values_that_no_float_holds_are_not_left_out_of_the_measures(job, save_network, tmp_path):
    arguments = {"tile": 32, "maps": [4], "neurons": 5, "kernel": 3, "output_bias": 1e3}
    path = save_network(AutoencoderTask(), arguments, tmp_path / "wild.pt")
    look = measured(Look(3, DONE, 2, 1e6), path, job.observed["validation"], job.skies["validation"])
    assert look.status == DIVERGED
    assert np.isnan(look.mse)
    trial = Trial((4,), 5, 3, 0.1, 4, training=(3,))
    (row,) = Outcome("", DONE, looks=(look,)).rows(trial)
    assert (row["status"], row["reason"]) == (DIVERGED, "values that no float holds in denoised images")


def test_the_number_of_parameters_is_that_of_the_paper():
    data = {key: np.zeros((1, 128, 128), np.float32) for key in ("observed", "sky")}
    data["limits"] = np.array([[-8.0, -4.0]], np.float32)
    assert round(n_parameters(AutoencoderTask(), data) / 1e6, 2) == 26.35


def test_a_damaged_outcome_is_named(tmp_path):
    (tmp_path / "outcome.json").write_text('{"recipe": "a", "stat')
    with pytest.raises(CubefocusError, match=r"outcome\.json: truncated or damaged .*delete it"):
        Outcome.read(tmp_path / "outcome.json", "a")


# Read by each Python that starts: a trial with this learning rate is killed, as the system does when memory is short.
KILL = """
import os, signal, sys
if "cubefocus.denoise.trial" in sys.orig_argv and "rate0.01_" in sys.orig_argv[-1]:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killer(tmp_path):
    (tmp_path / "kill").mkdir()
    (tmp_path / "kill" / "sitecustomize.py").write_text(KILL)
    return os.pathsep.join([str(tmp_path / "kill"), os.environ.get("PYTHONPATH", "")])


def over_ranks(job, monkeypatch):
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):  # tests run in containers
        monkeypatch.setenv(name, "1")
    launch(run, job, 2, "mpiexec --oversubscribe", job.table)


def test_a_killed_trial_is_a_row_over_ranks_too_and_is_all_that_the_next_run_trains(
    job, killer, monkeypatch, in_this_process
):
    """The same table by two ranks, of which one was told that its trial is dead, and by one process."""
    alone = replace(job, table=job.table.replace("out", "alone"), times=job.times.replace("out", "alone"))
    run(alone)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", killer)
        over_ranks(job, monkeypatch)
    table = read_table(job.table)
    assert [*table["status"]] == [DONE, DONE, DIED, DIED]
    assert {*table["reason"][2:]} == {"killed by SIGKILL, perhaps out of memory"}
    in_this_process.clear()
    run(job)
    assert in_this_process == [1e-2]
    assert Path(job.table).read_bytes() == Path(alone.table).read_bytes()


def test_bad_input_ends_the_sweep_with_its_message_and_not_as_a_row(job, tmp_path):
    image_path(job.observed["validation"][0], 2).write_bytes(b"no image")
    with pytest.raises(CubefocusError, match=r"0002\.fits"):
        run(job)
    assert not Path(job.table).exists()
    (kept,) = {json.loads(path.read_text())["status"] for path in (tmp_path / "out").glob("**/outcome.json")}
    assert kept == REFUSED
    assert not Outcome("", REFUSED).settled(Trial((4,), 5, 3, 0.1, 4, training=(3,)))
    assert not Outcome("", RUNNING).settled(Trial((4,), 5, 3, 0.1, 4, training=(3,)))


def test_tables_have_ours_beside_the_published_figures(job, monkeypatch, in_this_process, tmp_path):
    jump(monkeypatch, 1e-2, epoch=0)
    grid = GRID | {"maps": [4, 6], "levels": [2], "neurons": [5, 50], "kernels": [3]}
    for dataset in ("identity", "noise"):
        folder = str(tmp_path / "out" / dataset)
        run(replace(job, dataset=dataset, grid=grid, table=f"{folder}.ecsv", times=f"{folder}.times.ecsv"))
    names = ("sweep_architecture", "sweep_identity", "sweep_noise", "sweep_times")
    make_tables(
        SweepTables(
            {name: str(tmp_path / "out" / f"{name}.ecsv") for name in ("identity", "noise")},
            {name: str(tmp_path / "out" / f"{name}.times.ecsv") for name in ("identity", "noise")},
            {name: str(tmp_path / "tables" / name) for name in names},
        )
    )
    texts = {name: (tmp_path / "tables" / f"{name}.md").read_text() for name in names}
    for name in ("sweep_identity", "sweep_noise"):
        assert len(re.findall(r"^\| \d+ \|", texts[name], re.MULTILINE)) == 10, (
            "those of the paper, where ours are fewer"
        )
        assert texts[name].count("diverged: autoencoder: ") == 2
    assert "27.2" in texts["sweep_noise"]
    assert "the 2 best of 2 that came to their end, and 2 that did not" in texts["sweep_noise"]
    (line,) = [line for line in texts["sweep_architecture"].splitlines() if line.startswith("| 2 | 50 | 3 | 2 |")]
    assert line.endswith("| 3.25 | 191610 |")
    assert texts["sweep_times"].count("| noise |") == 4
