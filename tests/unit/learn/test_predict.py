"""Prediction gives what a task's decode says, whatever the number of samples and of outputs."""

import numpy as np
import pytest
import torch
from torch import nn

from cubefocus.errors import CubefocusError
from cubefocus.learn.checkpoint import build
from cubefocus.learn.predict import Trained
from cubefocus.learn.task import ListedTask, make_task
from cubefocus.specs import NETWORKS


def trained(name, products, small_models):
    task, data = make_task(name, small_models), products(6, 0)
    arguments = task.arguments(data)
    torch.manual_seed(0)
    model = build(task.network, arguments).eval()
    facts = {"task": name, "arguments": arguments, "normalisation": task.normalisation(data)}
    key = task.keys[0]
    return Trained.of(model, facts), {key: data[key]}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_samples_give_nothing_and_batches_change_nothing(name, products, small_models, monkeypatch):
    network, arrays = trained(name, products, small_models)
    whole = network.predict(arrays)
    nothing = network.predict({key: each[:0] for key, each in arrays.items()})
    monkeypatch.setattr(type(network.task), "samples_at_once", 2)
    parts = network.predict(arrays)
    assert set(nothing) == set(parts) == set(whole)
    for value, values in whole.items():
        assert nothing[value].shape == (0, *values.shape[1:])
        assert parts[value] == pytest.approx(values, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(("name", "shape"), [("blobs_finder", (2, 31, 32)), ("deep_gru", (2, 17))])
def test_arrays_of_another_size_are_refused(name, shape, products, small_models):
    network, arrays = trained(name, products, small_models)
    with pytest.raises(CubefocusError, match=f"{name} was trained on"):
        network.predict({key: np.zeros(shape, np.float32) for key in arrays})


class Both(ListedTask):
    """Mean and peak of an image, by a network of two outputs."""

    name, network, keys = "flux", "Both", ("images", "targets/mean", "targets/peak")

    @classmethod
    def configured(cls, name, models):
        return cls()

    def arguments(self, data):
        return {}

    def augment(self, arrays, kind, u):
        return arrays

    def prepare(self, arrays, scaled=False):
        return arrays["images"]

    def targets(self, arrays, normalisation):
        return arrays["targets/mean"][:, None], arrays["targets/peak"][:, None]

    def decode(self, outputs, arrays, normalisation):
        return {"mean": outputs[0][:, 0], "peak": outputs[1][:, 0]}


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        flat = self.scale * images.flatten(1)
        return flat.mean(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)


def test_a_network_may_say_several_things():
    images = np.random.default_rng(1).normal(size=(5, 3, 3)).astype(np.float32)
    said = Trained(TwoOutputs().eval(), Both(), {}, {}, {}).predict({"images": images})
    assert said["mean"] == pytest.approx(images.mean(axis=(1, 2)), abs=1e-6)
    assert said["peak"] == pytest.approx(images.max(axis=(1, 2)))
    arrays = {"images": torch.from_numpy(images), "targets/mean": torch.zeros(5), "targets/peak": torch.ones(5)}
    inputs, targets = Both().batch(arrays, {}, "none", torch.zeros(5, 5))
    loss = Both().loss(TwoOutputs()(inputs), targets, (1.0, 0.0), "gaussian")
    expected = np.abs(images.mean(axis=(1, 2))).mean() + np.abs(images.max(axis=(1, 2)) - 1).mean()
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
