"""Two processes started by torchrun learn what one process learns from the joint batch."""

import pytest
import torch

from cubefocus.alma.tasks import make_task
from cubefocus.alma.training_products import write_products
from cubefocus.errors import CubefocusError
from cubefocus.jobs.train import train_network
from cubefocus.learn.checkpoint import load
from cubefocus.learn.distributed import pick_device
from cubefocus.learn.loop import fit
from cubefocus.ranks import launch_torchrun
from cubefocus.settings import TrainingSettings


def test_two_processes_equal_one_with_the_joint_batch(tmp_path, monkeypatch, products, small_models):
    # 11 samples in batches of 4, 4 and 3, 5 to validate: the processes' shares differ in size
    train, valid, settings = products(11, 0), products(5, 1), {"epochs": 3, "batch_size": 4, "learning_rate": 1e-3}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = {"network": "deep_gru", "models": small_models, "settings": settings, "seed": 5, "provenance": {}}
    request |= {"start": None, "model": str(tmp_path / "two.pt")}
    for split, data in (("train", train), ("validation", valid)):
        write_products(tmp_path / f"{split}.h5", data, {})
        request[split] = [str(tmp_path / f"{split}.h5")]
    launch_torchrun(train_network, request, 2, tmp_path / "two.pt")
    fit(make_task("deep_gru", small_models), train, valid, TrainingSettings(**settings), tmp_path / "one.pt", seed=5)
    one, two = load(tmp_path / "one.pt"), load(tmp_path / "two.pt")
    assert one["iteration"] == two["iteration"] == 9
    for key, value in one["model"].items():
        assert torch.allclose(value, two["model"][key], atol=1e-6), key
    # Adam's first moments are the running mean of the gradients
    for mine, other in zip(one["optimiser"]["state"].values(), two["optimiser"]["state"].values(), strict=True):
        assert torch.allclose(mine["exp_avg"], other["exp_avg"], atol=1e-7)
    for mine, other in zip(one["history"], two["history"], strict=True):
        assert mine == pytest.approx(other, rel=1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    assert pick_device("auto").type == "cpu"
    with pytest.raises(CubefocusError, match="cuda"):
        pick_device("cuda")


def test_error_of_a_process_is_that_of_the_training(tmp_path):
    request = {"network": "deep_gru", "models": {}, "settings": {}, "seed": 5, "provenance": {}, "start": None}
    request |= {"model": str(tmp_path / "two.pt"), "train": [str(tmp_path / "no.h5")], "validation": []}
    with pytest.raises(CubefocusError, match=r"no\.h5: no such product file"):
        launch_torchrun(train_network, request, 2, tmp_path / "two.pt")
    assert not list(tmp_path.iterdir())
