"""Two processes started by torchrun learn what one process learns from the joint batch."""

import os
import pickle
import subprocess
import sys

import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.train.checkpoint import load
from cubefocus.train.distributed import pick_device
from cubefocus.train.loop import fit
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import make_task

SCRIPT = """
import pickle, sys, torch
from cubefocus.train.loop import fit
from cubefocus.train.settings import Settings
from cubefocus.train.tasks import make_task
torch.set_num_threads(1)
train, valid, models, settings = pickle.load(open(sys.argv[1], "rb"))
fit(make_task("deep_gru", models), train, valid, Settings(**settings), sys.argv[2], seed=5, device="cpu")
"""


def test_two_processes_equal_one_with_the_joint_batch(tmp_path, products, small_models):
    # 11 samples in batches of 4, 4 and 3, 5 to validate: the processes' shares differ in size
    train, valid, settings = products(11, 0), products(5, 1), {"epochs": 3, "batch_size": 4, "learning_rate": 1e-3}
    (tmp_path / "in.pkl").write_bytes(pickle.dumps((train, valid, small_models, settings)))
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [str(tmp_path / "run.py"), str(tmp_path / "in.pkl"), str(tmp_path / "two.pt")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    fit(make_task("deep_gru", small_models), train, valid, Settings(**settings), tmp_path / "one.pt", seed=5)
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
