"""Two processes started by torchrun learn what one process learns from the joint batch."""

from pathlib import Path

import pytest
import torch

from cubefocus.alma.training_products import write_products
from cubefocus.errors import CubefocusError
from cubefocus.jobs.train import Train, run
from cubefocus.learn.checkpoint import load
from cubefocus.learn.distributed import pick_device
from cubefocus.ranks import launch_torchrun


def learn(tmp_path, network, models, data, settings, n_processes):
    """Checkpoint of a network that so many processes trained."""
    paths = {split: [str(tmp_path / f"{split}.h5")] for split in ("train", "validation")}
    for split, (path,) in paths.items():
        if not Path(path).exists():
            write_products(path, data[split], {})
    model = tmp_path / f"{n_processes}.pt"
    job = Train(network, model=str(model), models=models, settings=settings, seed=5, **paths)
    if n_processes == 1:
        run(job)
    else:
        launch_torchrun(run, job, n_processes, model)
    return load(model)


def assert_equal(one, two, atol):
    assert one["iteration"] == two["iteration"]
    for key, value in one["model"].items():
        assert torch.allclose(value, two["model"][key], atol=atol), key
    for mine, other in zip(one["history"], two["history"], strict=True):
        assert mine == pytest.approx(other, rel=1e-3)


def test_two_processes_equal_one_with_the_joint_batch(tmp_path, monkeypatch, products, small_models):
    # 11 samples in batches of 4, 4 and 3, 5 to validate: the processes' shares differ in size
    data, settings = {"train": products(11, 0), "validation": products(5, 1)}, {"epochs": 3, "batch_size": 4}
    settings["learning_rate"] = 1e-3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one, two = (learn(tmp_path, "deep_gru", small_models, data, settings, number) for number in (1, 2))
    assert one["iteration"] == 9
    assert_equal(one, two, 1e-6)
    # Adam's first moments are the running mean of the gradients
    for mine, other in zip(one["optimiser"]["state"].values(), two["optimiser"]["state"].values(), strict=True):
        assert torch.allclose(mine["exp_avg"], other["exp_avg"], atol=1e-7)


def test_batch_normalisation_sees_the_joint_batch(tmp_path, monkeypatch, products, small_models):
    # Shares of 3 and 2 samples: with statistics of their own, two processes would learn something else.
    # Adam divides by the size of gradients, and rounding of the smallest grows with the steps: one step, and plainly.
    data, settings = {"train": products(5, 0), "validation": products(5, 1)}, {"epochs": 1, "batch_size": 5}
    settings |= {"learning_rate": 1e-3, "warmup_iterations": 0, "augment": False, "precision": "float32"}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one, two = (learn(tmp_path, "sigma_x", small_models, data, settings, number) for number in (1, 2))
    for key, value in one["model"].items():
        if "running" in key:
            assert torch.allclose(value, two["model"][key], rtol=1e-4, atol=1e-6), key
    for mine, other in zip(one["optimiser"]["state"].values(), two["optimiser"]["state"].values(), strict=True):
        assert (mine["exp_avg"] - other["exp_avg"]).norm() <= 1e-3 * mine["exp_avg"].norm() + 1e-5
    assert one["history"][0]["train_loss"] == pytest.approx(two["history"][0]["train_loss"], rel=1e-4)


def test_fewer_samples_than_processes(tmp_path, monkeypatch, products, small_models):
    data, settings = {"train": products(2, 0), "validation": products(1, 1)}, {"epochs": 2, "batch_size": 4}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one, three = (learn(tmp_path, "deep_gru", small_models, data, settings, number) for number in (1, 3))
    assert_equal(one, three, 1e-6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    assert pick_device("auto").type == "cpu"
    with pytest.raises(CubefocusError, match="cuda"):
        pick_device("cuda")


def test_error_of_a_process_is_that_of_the_training(tmp_path):
    no = [str(tmp_path / "no.h5")]
    job = Train("deep_gru", train=no, validation=[], model=str(tmp_path / "two.pt"), models={}, settings={}, seed=5)
    with pytest.raises(CubefocusError, match=r"no\.h5: no such product file"):
        launch_torchrun(run, job, 2, tmp_path / "two.pt")
    assert not list(tmp_path.iterdir())
