"""What only a GPU can show: `make test-gpu`, a minute. On a machine without one each test fails, and says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cubefocus.alma.training_products import write_products
from cubefocus.jobs.train import Train, run
from cubefocus.learn.checkpoint import load
from cubefocus.learn.distributed import has_bfloat16, pick_device
from cubefocus.learn.loop import fit
from cubefocus.learn.predict import Trained
from cubefocus.learn.store import Store
from cubefocus.learn.task import make_task
from cubefocus.ranks import launch_torchrun
from cubefocus.settings import TrainingSettings
from cubefocus.specs import NETWORKS

pytestmark = pytest.mark.gpu
SETTINGS = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}


@pytest.fixture
def card() -> torch.device:
    return pick_device("cuda")


@pytest.mark.parametrize("name", NETWORKS)
def test_inference_gives_the_same_bits_twice_and_the_values_of_the_cpu(tmp_path, card, products, small_models, name):
    task, data = make_task(name, small_models), products(8, 0)
    fit(task, data, data, TrainingSettings(**SETTINGS), tmp_path / "m.pt", device="cpu")
    seen = {task.keys[0]: data[task.keys[0]]}
    (first,), (second,), (cpu,) = (
        Trained.load(tmp_path / "m.pt", device).predict(seen).values() for device in ("cuda", "cuda", "cpu")
    )
    assert np.array_equal(first, second)
    assert first == pytest.approx(cpu, rel=1e-2, abs=1e-2 * float(np.abs(cpu).max()))


@pytest.mark.parametrize("name", ["blobs_finder", "sigma_x"])
def test_training_gives_the_same_weights_twice(tmp_path, card, products, small_models, name):
    data, states = products(8, 0), []
    for number in (1, 2):
        path = tmp_path / f"{number}.pt"
        fit(make_task(name, small_models), data, data, TrainingSettings(**SETTINGS), path, device="cuda")
        states.append(load(path)["model"])
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_a_set_is_split_between_card_and_memory(card):
    data = {"images": np.random.default_rng(1).normal(size=(10, 64, 64)).astype(np.float32)}
    whole, parted = (Store(data, ["images"], card, "set", room) for room in (None, 0.5 * data["images"].nbytes))
    assert (whole.n_near, parted.n_near) == (10, 5)
    rows = torch.tensor([9, 0, 4, 5, 5], device=card)
    taken = parted.take(rows)["images"]
    assert taken.device.type == "cuda"
    assert torch.equal(taken, whole.take(rows)["images"])


def test_bfloat16_is_used_where_the_card_has_it(card):
    assert has_bfloat16(card) == (torch.cuda.get_device_properties(card).major >= 8)


def test_batch_normalisation_sees_the_joint_batch_of_two_cards(tmp_path, products, small_models):
    if torch.cuda.device_count() < 2:
        pytest.xfail("needs two GPUs")
    paths = {split: [str(tmp_path / f"{split}.h5")] for split in ("train", "validation")}
    for (path,) in paths.values():
        write_products(path, products(7, 0), {})
    settings = {**SETTINGS, "epochs": 1, "batch_size": 8}
    one, two = (
        Train("sigma_x", model=str(tmp_path / f"{number}.pt"), models=small_models, settings=settings, seed=5, **paths)
        for number in (1, 2)
    )
    run(one)
    launch_torchrun(run, two, 2, two.model)
    weights, others = load(one.model)["model"], load(two.model)["model"]
    for key, value in weights.items():
        if "running" in key:
            assert torch.allclose(value, others[key], rtol=1e-2, atol=1e-3), key
