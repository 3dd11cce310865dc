"""The training loop: it learns, stops, resumes, refuses and keeps what it should."""

import csv
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.models import UNet
from cubefocus.provenance import hardware
from cubefocus.train import checkpoint, loop, state
from cubefocus.train.checkpoint import load, load_model
from cubefocus.train.loop import fit
from cubefocus.train.predict import predict_maps
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import NAMES, make_task


def settings(**changes):
    values = {"epochs": 4, "batch_size": 4, "learning_rate": 3e-3, "patience": 100, "resume_seconds": 0.0, **changes}
    return Settings(**values)


def with_variant(models, variant):
    """Models of another variant of Blobs Finder."""
    return {**models, "blobs_finder": {**models["blobs_finder"], "variant": variant}}


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


@pytest.mark.parametrize(("name", "variant"), [*((name, "mnras") for name in NAMES), ("blobs_finder", "unet")])
def test_eight_samples_are_learnt_by_heart(name, variant, tmp_path, products, small_models):
    task, data = make_task(name, with_variant(small_models, variant)), products(8, 0)
    options = settings(epochs=40, batch_size=8, learning_rate=1e-2, augment=False)
    curves = fit(task, data, data, options, tmp_path / "m.pt", seed=1)
    if task.network == "BlobsFinder":  # its training loss changes its weights as it goes
        assert curves[-1]["valid_loss"] < 0.6 * curves[0]["valid_loss"]
    else:
        assert curves[-1]["train_loss"] < 0.4 * curves[0]["train_loss"]


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
from cubefocus.train import loop
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import make_task
torch.set_num_threads(1)
data, models, settings = pickle.load(open(sys.argv[1], "rb"))
real = loop.train_epoch
loop.train_epoch = lambda *arguments: (time.sleep(0.3), real(*arguments))[1]
loop.fit(make_task("deep_gru", models), data, data, Settings(**settings), sys.argv[2], seed=3, device="cpu")
"""


def test_a_run_that_the_system_kills_leaves_a_usable_resume_file(tmp_path, products, small_models):
    data, options, out = products(8, 0), settings(epochs=8), tmp_path / "m.pt"
    (tmp_path / "in.pkl").write_bytes(pickle.dumps((data, small_models, options.to_dict())))
    (tmp_path / "run.py").write_text(SLOW_RUN)
    process = subprocess.Popen([sys.executable, tmp_path / "run.py", tmp_path / "in.pkl", out])
    deadline = time.monotonic() + 100
    while not (tmp_path / "m.pt.resume").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 0 < load(tmp_path / "m.pt.resume")["epoch"] < 8
    task = make_task("deep_gru", small_models)
    assert fit(task, data, data, options, out, seed=3) == fit(task, data, data, options, tmp_path / "w.pt", seed=3)
    assert_same(load(out), load(tmp_path / "w.pt"))


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
        patch.setattr(state, "code_checksum", lambda: 1)
        kill_after(2, patch)
        with pytest.raises(Killed):
            fit(task, data, data, settings(), tmp_path / "m.pt", seed=3)
    with caplog.at_level(logging.WARNING):
        again = fit(task, data, data, settings(), tmp_path / "m.pt", seed=3)
    assert "other settings, data, seed or code" in caplog.text
    assert [row["epoch"] for row in again] == [1, 2, 3, 4]
    assert again == fit(task, data, data, settings(), tmp_path / "fresh.pt", seed=3)


def test_the_checksum_of_the_code_covers_networks_and_training(monkeypatch):
    read, real = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or real(path))
    state.code_checksum()
    assert {"resnet.py", "loop.py", "augment.py", "losses.py"} <= set(read)


def test_the_seed_decides_the_weights(tmp_path, products, small_models):
    task, data = make_task("sigma_x", small_models), products(8, 0)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(task, data, data, settings(epochs=2), tmp_path / f"{name}.pt", seed=seed)
    a, b, c = (load(tmp_path / f"{name}.pt")["model"] for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_training_leaves_the_global_random_state_alone(tmp_path, products, small_models):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    data = products(4, 0)
    fit(make_task("deep_gru", small_models), data, data, settings(epochs=1), tmp_path / "m.pt")
    assert torch.equal(torch.rand(3), expected)


def test_the_weights_of_the_best_epoch_are_kept(tmp_path, products, small_models, monkeypatch):
    losses, states = iter([5.0, 1.0, 3.0, 4.0]), {}

    def scripted(_problem, training):
        states[training.epoch] = {key: value.clone() for key, value in training.model.state_dict().items()}
        return next(losses)

    monkeypatch.setattr(loop, "validate", scripted)
    data = products(8, 0)
    fit(make_task("deep_gru", small_models), data, data, settings(), tmp_path / "m.pt")
    state = load(tmp_path / "m.pt")
    assert state["best"] == {"loss": 1.0, "epoch": 2}
    assert state["epoch"] == 2
    assert all(torch.equal(state["model"][key], states[2][key]) for key in states[2])
    assert len(state["history"]) == 4


def test_training_stops_when_the_validation_loss_stops_falling(tmp_path, products, small_models, monkeypatch):
    losses = iter([3.0, 2.0, 1.0] + [9.0] * 100)
    monkeypatch.setattr(loop, "validate", lambda _problem, _training: next(losses))
    data = products(4, 0)
    history = fit(make_task("deep_gru", small_models), data, data, settings(epochs=50, patience=4), tmp_path / "m.pt")
    assert len(history) == 3 + 4


def test_nan_stops_with_epoch_batch_and_row(tmp_path, products, small_models):
    train, valid = products(12, 0), products(4, 1)
    train["spectra/dirty"][7, 3] = np.nan
    with pytest.raises(CubefocusError, match=r"loss is nan in epoch 1, batch \d of 3 \(rows .*\b7\b.*\)"):
        fit(make_task("deep_gru", small_models), train, valid, settings(), tmp_path / "m.pt")
    assert not (tmp_path / "m.pt").exists()


def test_nan_in_the_validation_set_is_told_apart(tmp_path, products, small_models):
    train, valid = products(8, 0), products(4, 1)
    valid["spectra/sky"][0] = np.nan
    with pytest.raises(CubefocusError, match="validation loss is nan"):
        fit(make_task("deep_gru", small_models), train, valid, settings(), tmp_path / "m.pt")


def test_the_fully_connected_layers_can_be_held_still(tmp_path, products, small_models):
    task, data = make_task("blobs_finder", small_models), products(8, 0)
    for name, rate in (("held", 0.0), ("free", 1.0)):
        fit(task, data, data, settings(epochs=1, dense_rate=rate), tmp_path / f"{name}.pt", seed=1)
    fit(task, data, data, settings(epochs=1, learning_rate=1e-12), tmp_path / "start.pt", seed=1)
    held, free, start = (load(tmp_path / f"{name}.pt")["model"] for name in ("held", "free", "start"))
    assert torch.equal(held["expand.weight"], free["expand.weight"]) is False
    assert torch.allclose(held["expand.weight"], start["expand.weight"], atol=1e-9)
    assert not torch.allclose(held["final.weight"], start["final.weight"], atol=1e-5)


def test_the_curves_are_written_one_row_an_epoch(tmp_path, products, small_models):
    data = products(8, 0)
    history = fit(make_task("blobs_finder", small_models), data, data, settings(), tmp_path / "m.pt")
    with open(tmp_path / "m.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["valid_loss"]) for row in rows] == [row["valid_loss"] for row in history]
    assert [float(row["l1_weight"]) for row in rows] == pytest.approx([1, 2 / 3, 1 / 3, 0])


def test_progress_goes_to_the_log_when_there_is_no_terminal(tmp_path, products, small_models, caplog):
    data = products(8, 0)
    with caplog.at_level(logging.INFO):
        fit(make_task("deep_gru", small_models), data, data, settings(epochs=2), tmp_path / "m.pt")
    assert "deep_gru: epoch 2 of 2, loss" in caplog.text


def test_fine_tuning_starts_from_the_weights_and_keeps_the_normalisation(tmp_path, products, small_models):
    task, data, other = make_task("sigma_x", small_models), products(12, 0), products(8, 5)
    other["targets/sigma_x"] = other["targets/sigma_x"] + 1
    fit(task, data, data, settings(epochs=8), tmp_path / "trained.pt", seed=1)
    history = fit(
        task, other, other, settings(epochs=3, learning_rate=1e-3), tmp_path / "tuned.pt", tmp_path / "trained.pt"
    )
    trained, tuned = load(tmp_path / "trained.pt"), load(tmp_path / "tuned.pt")
    assert tuned["normalisation"] == trained["normalisation"]
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
    assert history[-1]["valid_loss"] < history[0]["valid_loss"]
    assert not torch.equal(tuned["model"]["head.0.weight"], trained["model"]["head.0.weight"])


def test_fine_tuning_that_harms_returns_the_weights_it_began_with(tmp_path, products, small_models):
    task, data = make_task("sigma_x", small_models), products(12, 0)
    fit(task, data, data, settings(epochs=20, augment=False), tmp_path / "trained.pt", seed=1)
    wrong = {**data, "targets/sigma_x": 50 - data["targets/sigma_x"]}
    fit(task, wrong, data, settings(epochs=2, augment=False), tmp_path / "tuned.pt", tmp_path / "trained.pt")
    trained, tuned = load(tmp_path / "trained.pt"), load(tmp_path / "tuned.pt")
    assert tuned["best"]["epoch"] == 0
    assert all(torch.equal(tuned["model"][key], trained["model"][key]) for key in trained["model"])


def test_another_networks_checkpoint_is_no_start(tmp_path, products, small_models):
    data = products(4, 0)
    fit(make_task("sigma_x", small_models), data, data, settings(epochs=1), tmp_path / "x.pt")
    with pytest.raises(
        CubefocusError, match=r"x.pt: holds the network 'sigma_x' \(ResNet\); sigma_y \(ResNet\) cannot"
    ):
        fit(make_task("sigma_y", small_models), data, data, settings(), tmp_path / "y.pt", tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data.pop("targets/pa"), "no dataset 'targets/pa'"),
        (lambda data: data.update({"targets/pa": data["targets/pa"][:-1]}), "differ in length"),
        (lambda data: data.update({key: value[:0] for key, value in data.items()}), "no sample"),
    ],
)
def test_products_that_cannot_be_used_are_refused(tmp_path, products, small_models, spoil, said):
    data = products(4, 0)
    spoil(data)
    with pytest.raises(CubefocusError, match=said):
        fit(make_task("pa", small_models), data, data, settings(), tmp_path / "m.pt")


def test_a_checkpoint_tells_how_it_was_made_and_predicts(tmp_path, products, small_models):
    data = products(8, 0)
    fit(make_task("pa", small_models), data, data, settings(), tmp_path / "m.pt", seed=9, provenance={"config": "ab"})
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    wanted = {"model", "optimiser", "epoch", "iteration", "random", "best", "history", *checkpoint.DESCRIPTION}
    assert wanted <= state.keys()
    model, meta = load_model(tmp_path / "m.pt")
    assert not model.training
    assert (meta["task"], meta["seed"]) == ("pa", 9)
    assert meta["provenance"] == {"config": "ab", "hardware": hardware("cpu")}
    assert meta["arguments"]["widths"] == small_models["resnet"]["widths"]


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named_with_the_way_out(tmp_path, products, small_models, keep):
    data = products(4, 0)
    path = tmp_path / "m.pt"
    fit(make_task("deep_gru", small_models), data, data, settings(epochs=1), path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(CubefocusError, match=r"m\.pt: truncated.*delete it"):
        load_model(path)


def test_the_same_state_gives_the_same_bytes(tmp_path):
    state = {"model": {"weight": torch.arange(5.0)}, "history": [{"loss": 0.5}]}
    for name in ("a.pt", "other.pt"):
        checkpoint.save(tmp_path / name, state)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "other.pt").read_bytes()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CubefocusError, match=r"none\.pt: no such"):
        load(tmp_path / "none.pt")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(CubefocusError, match=r"other\.pt: not a"):
        load(tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("not a checkpoint at all")
    with pytest.raises(CubefocusError, match=r"text\.pt: truncated, damaged or not a checkpoint"):
        load(tmp_path / "text.pt")


def test_weights_of_another_version_are_named(tmp_path, products, small_models):
    data, path = products(4, 0), tmp_path / "m.pt"
    fit(make_task("deep_gru", small_models), data, data, settings(epochs=1), path)
    state = load(path)
    state["model"]["attention.weight"] = torch.zeros(3)
    checkpoint.save(path, state)
    with pytest.raises(CubefocusError, match=r"m\.pt: its weights are of another version of DeepGRU; train it again"):
        load_model(path)
    checkpoint.save(path, {**state, "arguments": {**state["arguments"], "heads": 2}})
    with pytest.raises(CubefocusError, match=r"m\.pt: its weights are of another version of DeepGRU; train it again"):
        load_model(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_whole_checkpoint_is_not_blamed_for_a_gpu_that_is_not_there(tmp_path, products, small_models):
    data, path = products(4, 0), tmp_path / "m.pt"
    fit(make_task("deep_gru", small_models), data, data, settings(epochs=1), path)
    with pytest.raises(CubefocusError, match="torch sees no GPU"):
        load_model(path, "cuda")


def test_a_u_net_comes_back_and_is_not_taken_for_the_autoencoder(tmp_path, products, small_models):
    data, path = products(8, 0), tmp_path / "m.pt"
    fit(make_task("blobs_finder", with_variant(small_models, "unet")), data, data, settings(epochs=1), path)
    model, meta = load_model(path)
    assert (type(model), meta["network"], model.image_size) == (UNet, "UNet", 32)
    maps = predict_maps(model, data["images/dirty"])
    assert maps.shape == (8, 32, 32)
    assert maps.min() >= 0
    with pytest.raises(CubefocusError, match=r"'blobs_finder' \(UNet\); blobs_finder \(BlobsFinder\) cannot"):
        fit(make_task("blobs_finder", small_models), data, data, settings(), tmp_path / "n.pt", start=path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"format": checkpoint.FORMAT, "model": Killed}, tmp_path / "evil.pt")
    with pytest.raises(CubefocusError, match=r"evil\.pt"):
        load(tmp_path / "evil.pt")
