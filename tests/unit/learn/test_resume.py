"""A training that is killed or told to stop goes on where it was, to the same weights, or from the start."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
import torch
from train_settings import settings, with_variant

from cubefocus.errors import CubefocusError
from cubefocus.learn import loop
from cubefocus.learn.checkpoint import load
from cubefocus.learn.loop import fit
from cubefocus.learn.task import make_task


class Killed(BaseException):
    """Stands for a signal: no handler of the loop catches it."""


def kill_after(epochs, monkeypatch):
    """Make the loop die in the middle of the epoch after ``epochs``."""
    real = loop.train_epoch

    def dying(problem, training, model):
        if training.epoch == epochs:
            model.train()(torch.rand(2, 16)).sum().backward()
            training.optimiser.step()  # half an epoch's damage, which must not reach the resumed run
            raise Killed
        return real(problem, training, model)

    monkeypatch.setattr(loop, "train_epoch", dying)


def assert_same(first, second):
    """Equality of nested containers, tensors bit for bit."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def test_a_killed_run_goes_on_to_the_same_weights_bit_for_bit(tmp_path, products, small_models, monkeypatch):
    task, train, valid = make_task("deep_gru", small_models), products(10, 0), products(4, 1)
    whole = fit(task, train, valid, settings(epochs=6, decay="cosine"), tmp_path / "whole.pt", seed=3)
    with monkeypatch.context() as patch:
        kill_after(3, patch)
        with pytest.raises(Killed):
            fit(task, train, valid, settings(epochs=6, decay="cosine"), tmp_path / "cut.pt", seed=3)
    assert not (tmp_path / "cut.pt").exists()
    assert load(tmp_path / "cut.pt.resume")["epoch"] == 3
    resumed = fit(task, train, valid, settings(epochs=6, decay="cosine"), tmp_path / "cut.pt", seed=3)
    assert resumed == whole
    assert_same(load(tmp_path / "whole.pt"), load(tmp_path / "cut.pt"))
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "cut.csv").read_bytes()
    assert not (tmp_path / "cut.pt.resume").exists()


def test_a_longer_training_continues_a_shorter_one_bit_for_bit(tmp_path, products, small_models, monkeypatch):
    task, train, valid = make_task("deep_gru", small_models), products(10, 0), products(4, 1)
    whole = fit(task, train, valid, settings(epochs=4), tmp_path / "whole.pt", seed=3)
    steps = {"state": tmp_path / "state.pt", "seed": 3}
    short = fit(task, train, valid, settings(epochs=2), tmp_path / "short.pt", **steps)
    assert load(tmp_path / "state.pt")["epoch"] == 2
    real = loop.train_epoch
    monkeypatch.setattr(loop, "train_epoch", lambda *given: epochs.append(given[1].epoch) or real(*given))
    epochs: list[int] = []
    assert fit(task, train, valid, settings(epochs=4), tmp_path / "long.pt", **steps) == whole
    assert epochs == [2, 3]
    assert_same(load(tmp_path / "whole.pt"), load(tmp_path / "long.pt"))
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "long.csv").read_bytes()
    assert fit(task, train, valid, settings(epochs=2), tmp_path / "again.pt", **steps) == short == whole[:2]
    assert epochs == [2, 3, 0, 1], "what is past the last epoch is no start"


@pytest.mark.parametrize(
    ("name", "decay", "said"),
    [
        ("deep_gru", "cosine", "decay is 'cosine', which hangs on the number of epochs.*give none"),
        ("blobs_finder", "none", "weights of its loss hang on the number of epochs"),
    ],
)
def test_a_course_over_all_epochs_is_not_continued(name, decay, said, tmp_path, products, small_models):
    task, data = make_task(name, with_variant(small_models, "mnras")), products(4, 0)
    with pytest.raises(CubefocusError, match=said):
        fit(task, data, data, settings(decay=decay), tmp_path / "m.pt", state=tmp_path / "state.pt")
    assert not list(tmp_path.iterdir())


def test_sigterm_stops_after_the_epoch_with_a_resume_file(tmp_path, products, small_models, monkeypatch):
    task, train, valid = make_task("deep_gru", small_models), products(10, 0), products(4, 1)
    options = settings(epochs=6, resume_seconds=1e9)
    whole = fit(task, train, valid, options, tmp_path / "whole.pt", seed=3)
    real, before = loop.train_epoch, signal.getsignal(signal.SIGTERM)

    def interrupted(problem, training, model):
        if training.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(problem, training, model)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", interrupted)
        patch.setattr(loop, "RESUME_PAUSE", 1e12)
        with pytest.raises(CubefocusError, match="deep_gru: told to stop by SIGTERM after epoch 3"):
            fit(task, train, valid, options, tmp_path / "cut.pt", seed=3)
    assert signal.getsignal(signal.SIGTERM) == before
    assert load(tmp_path / "cut.pt.resume")["epoch"] == 3
    assert fit(task, train, valid, options, tmp_path / "cut.pt", seed=3) == whole
    assert_same(load(tmp_path / "whole.pt"), load(tmp_path / "cut.pt"))


@pytest.mark.parametrize("variant", ["mnras", "ecml", "unet"])
def test_a_convolutional_network_resumes_bit_for_bit_too(variant, tmp_path, products, small_models, monkeypatch):
    task, data = make_task("blobs_finder", with_variant(small_models, variant)), products(8, 0)
    fit(task, data, data, settings(), tmp_path / "whole.pt", seed=3)
    real = loop.validate

    def dying(problem, training):
        if training.epoch == 3:
            raise Killed
        return real(problem, training)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", dying)
        with pytest.raises(Killed):
            fit(task, data, data, settings(), tmp_path / "cut.pt", seed=3)
    fit(task, data, data, settings(), tmp_path / "cut.pt", seed=3)
    assert_same(load(tmp_path / "whole.pt"), load(tmp_path / "cut.pt"))


SLOW_RUN = """
import pickle, sys, time, torch
from cubefocus.learn import loop
from cubefocus.settings import TrainingSettings
from cubefocus.learn.task import make_task
torch.set_num_threads(1)
data, models, settings = pickle.load(open(sys.argv[1], "rb"))
real = loop.train_epoch
def slow(problem, training, model):
    time.sleep(0.3 if training.epoch < 6 else 3600)  # whenever it is killed, it has not ended
    return real(problem, training, model)
loop.train_epoch = slow
loop.fit(make_task("deep_gru", models), data, data, TrainingSettings(**settings), sys.argv[2], seed=3, device="cpu")
"""


def test_a_run_that_the_system_kills_leaves_a_usable_resume_file(tmp_path, products, small_models):
    data, options, out = products(8, 0), settings(epochs=8), tmp_path / "m.pt"
    (tmp_path / "in.pkl").write_bytes(pickle.dumps((data, small_models, options.to_dict())))
    (tmp_path / "run.py").write_text(SLOW_RUN)
    process = subprocess.Popen([sys.executable, tmp_path / "run.py", tmp_path / "in.pkl", out])
    deadline = time.monotonic() + 600
    while not (tmp_path / "m.pt.resume").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 0 < load(tmp_path / "m.pt.resume")["epoch"] < 8
    task = make_task("deep_gru", small_models)
    assert fit(task, data, data, options, out, seed=3) == fit(task, data, data, options, tmp_path / "w.pt", seed=3)
    assert_same(load(out), load(tmp_path / "w.pt"))


def test_a_resume_file_of_other_settings_is_not_used(tmp_path, products, small_models, monkeypatch, caplog):
    task, data = make_task("deep_gru", small_models), products(8, 0)
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(Killed):
            fit(task, data, data, settings(), tmp_path / "m.pt", seed=3)
    with caplog.at_level(logging.WARNING):
        again = fit(task, data, data, settings(learning_rate=1e-3), tmp_path / "m.pt", seed=3)
    assert "other settings" in caplog.text
    assert again == fit(task, data, data, settings(learning_rate=1e-3), tmp_path / "fresh.pt", seed=3)


def test_a_resume_file_of_other_code_is_not_used(tmp_path, products, small_models, monkeypatch, caplog):
    task, data = make_task("deep_gru", small_models), products(8, 0)
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(Killed):
            fit(task, data, data, settings(), tmp_path / "m.pt", seed=3, code="before")
    with caplog.at_level(logging.WARNING):
        again = fit(task, data, data, settings(), tmp_path / "m.pt", seed=3, code="after")
    assert "other settings, data, seed or code" in caplog.text
    assert [row["epoch"] for row in again] == [1, 2, 3, 4]
    assert again == fit(task, data, data, settings(), tmp_path / "fresh.pt", seed=3)
