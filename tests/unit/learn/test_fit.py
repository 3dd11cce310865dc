"""The training loop: it learns, stops, refuses and keeps what it should."""

import csv
import logging

import numpy as np
import pytest
import torch
from train_settings import settings, with_variant

from cubefocus.errors import CubefocusError
from cubefocus.learn import loop
from cubefocus.learn.augment import N_RANDOM
from cubefocus.learn.checkpoint import load
from cubefocus.learn.loop import fit
from cubefocus.learn.task import make_task
from cubefocus.specs import NETWORKS


def least_loss(task, data):
    """Loss of a perfect prediction: that of the cross entropy is not 0 where the target is between 0 and 1."""
    arrays = {key: torch.from_numpy(data[key]) for key in task.keys}
    target = task.batch(arrays, {}, "none", torch.zeros(8, N_RANDOM))[1][0]
    return float(task.loss((target,), (target,), task.validation_weights, "gaussian"))


@pytest.mark.parametrize(("name", "variant"), [*((name, "mnras") for name in NETWORKS), ("blobs_finder", "unet")])
def test_eight_samples_are_learnt_by_heart(name, variant, tmp_path, products, small_models):
    task, data = make_task(name, with_variant(small_models, variant)), products(8, 0)
    options = settings(epochs=60, batch_size=8, learning_rate=1e-2, augment=False)
    curves = fit(task, data, data, options, tmp_path / "m.pt", seed=1)
    if task.network == "BlobsFinder":  # its training loss changes its weights as it goes
        least = least_loss(task, data)
        assert curves[-1]["valid_loss"] - least < 0.6 * (curves[0]["valid_loss"] - least)
    else:
        assert curves[-1]["train_loss"] < 0.4 * curves[0]["train_loss"]


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
    for name, rate in (("held", 1e-9), ("free", 1.0)):
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
