"""Checkpoints: what is in them, and which files are refused with which words."""

import pytest
import torch
from train_settings import settings, with_variant

from cubefocus.errors import CubefocusError
from cubefocus.learn import checkpoint
from cubefocus.learn.checkpoint import load, load_model
from cubefocus.learn.loop import fit
from cubefocus.learn.predict import Trained
from cubefocus.learn.task import make_task
from cubefocus.networks import UNet
from cubefocus.provenance import hardware


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
    maps = Trained.of(model, meta).predict({"images/dirty": data["images/dirty"]}, scaled=True)["map"]
    assert maps.shape == (8, 32, 32)
    assert maps.min() >= 0
    with pytest.raises(CubefocusError, match=r"'blobs_finder' \(UNet\); blobs_finder \(BlobsFinder\) cannot"):
        fit(make_task("blobs_finder", small_models), data, data, settings(), tmp_path / "n.pt", start=path)


class Stranger:
    """Code that is not torch's."""


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"format": checkpoint.FORMAT, "model": Stranger}, tmp_path / "evil.pt")
    with pytest.raises(CubefocusError, match=r"evil\.pt"):
        load(tmp_path / "evil.pt")
