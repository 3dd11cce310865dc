"""The networks learn what they should, by the training loop that all networks share."""

import numpy as np
import pytest
import torch
from train_settings import settings

from cubefocus.denoise import metrics
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.scale import LogScale, to_asinh
from cubefocus.denoise.task import AutoencoderTask, DenoisingTask, ResidualTask
from cubefocus.errors import CubefocusError
from cubefocus.learn.augment import N_RANDOM
from cubefocus.learn.loop import fit

NOISE = 2.45e-6
FEW = {"augment": False, "precision": "float32", "batch_size": 8, "resume_seconds": 1e3}


def said_of(path, data, product="denoised"):
    """What a trained network makes of the tiles of a set, each an image of its own."""
    denoiser = Denoiser.load(path, "cpu")
    return np.stack([denoiser.says(one[None], LogScale.of(one))[product][0] for one in data["observed"]])


def test_the_autoencoder_learns_the_identity_of_a_toy_set(tmp_path, products):
    data = products(8, 0.0)
    task = AutoencoderTask(maps=(8, 16), neurons=32)
    before = fit(task, data, data, settings(epochs=1, learning_rate=1e-9, **FEW), tmp_path / "a.pt", seed=1)
    curves = fit(task, data, data, settings(epochs=100, learning_rate=3e-3, **FEW), tmp_path / "b.pt", seed=1)
    assert curves[-1]["valid_loss"] < 0.02 * before[-1]["valid_loss"]
    error = [
        metrics.mean_relative_error(*pair) for pair in zip(data["sky"], said_of(tmp_path / "b.pt", data), strict=True)
    ]
    assert np.mean(error) < 0.35  # GV22 has 0.16, of a network and a set a thousand times as large


def test_the_residual_network_keeps_the_identity_and_finds_the_emission(tmp_path, products):
    data = products(8, 0.0)
    task = ResidualTask(widths=(8, 8, 8))
    curves = fit(task, data, data, settings(epochs=120, learning_rate=4e-3, **FEW), tmp_path / "r.pt", seed=1)
    assert curves[-1]["train_loss"] < 0.3 * curves[0]["train_loss"]
    sky, made = data["sky"], said_of(tmp_path / "r.pt", data)
    assert abs(metrics.dimming(sky, made)) < 0.1  # after so few steps
    assert np.abs(made - sky).max() < 0.1 * sky.max()
    seen = said_of(tmp_path / "r.pt", data, "probability") > 0.5
    scores = metrics.segmentation(sky, made, seen, NOISE)
    assert min(scores.recall, scores.precision) > 0.8


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_the_residual_network_takes_noise_away_and_dims_no_peak(tmp_path, products, loss):
    data = products(16, NOISE)
    task = ResidualTask(widths=(8, 12, 16), loss=loss)
    fit(task, data, data, settings(epochs=40, learning_rate=5e-3, **FEW), tmp_path / "r.pt", seed=1)
    sky, made = data["sky"], said_of(tmp_path / "r.pt", data)
    empty = sky < 1e-8
    assert np.std(made[empty]) < 0.4 * NOISE
    assert metrics.dimming(sky, made) < 0.05


def test_both_arrays_are_turned_alike_and_the_targets_are_those_of_the_sky(products):
    data = {key: torch.from_numpy(value) for key, value in products(16, 0.0).items()}
    for task in (AutoencoderTask(), ResidualTask()):
        turned = task.augment(data, "dihedral", torch.rand(16, N_RANDOM, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(turned["observed"], turned["sky"])
        assert not torch.equal(turned["sky"], data["sky"])
        inputs, targets = task.batch(data, {}, "none", torch.zeros(16, N_RANDOM))
        assert inputs.shape == targets[0].shape == (16, 1, 32, 32)
    task = ResidualTask()
    flux, seen = task.targets(data, {})
    assert torch.allclose(torch.sinh(flux) * task.faintest, data["sky"][:, None], rtol=1e-5)
    perfect = (to_asinh(data["sky"][:, None], NOISE), torch.where(seen > 0.5, 30.0, -30.0))
    assert float(task.loss(perfect, (flux, seen), (0.0, 0.0), "")) < 1e-6  # in either scale it is the same sky
    assert torch.equal(seen[:, 0] == 1, data["sky"] > 1e-7)


def test_the_scale_of_the_observed_image_is_that_of_both():
    arrays = {"observed": torch.tensor([[[1e-8, 1e-6]]]), "sky": torch.tensor([[[0.0, 1e-5]]])}
    arrays["limits"] = torch.tensor([[-8.0, -6.0]])
    task = AutoencoderTask()
    assert task.prepare(arrays)[0, 0, 0].tolist() == pytest.approx([0, 1], abs=1e-6)
    (target,) = task.targets(arrays, {})
    assert target[0, 0, 0].tolist() == pytest.approx([0, 1.5], abs=1e-6)
    assert torch.allclose(task.decode((target,), arrays, {})["denoised"], torch.tensor([[[1e-8, 1e-5]]]))


def test_the_outputs_start_at_the_mean_target(products):
    data = products(8, NOISE)
    arguments = AutoencoderTask((4, 8), 10, 5).arguments(data)
    low, high = data["limits"].T[:, :, None, None]
    expected = np.mean((np.log10(np.maximum(data["sky"], 1e-8)) - low) / (high - low))
    assert arguments == {
        "tile": 32, "maps": [4, 8], "neurons": 10, "kernel": 5, "output_bias": pytest.approx(expected, rel=1e-4),
    }  # fmt: skip
    share = (data["sky"] > 1e-7).mean()
    bias = ResidualTask().arguments(data)["output_bias"]
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(share)


def test_what_does_not_fit_is_refused(products):
    with pytest.raises(CubefocusError, match="loss of the residual network is 'l3'; give one of l1, mse"):
        ResidualTask(loss="l3")
    with pytest.raises(CubefocusError, match=r"tiles of 16 px, not \(32, 32\)"):
        AutoencoderTask().check({"tile": 16}, products(1, 0.0))
    meta = {"task": "residual", "arguments": {"widths": [4], "scale": 1e-6}, "normalisation": {"floor": 1.0}}
    with pytest.raises(CubefocusError, match=r"was trained with .*'floor': 1\.0.*train it again"):
        DenoisingTask.described(meta)
    with pytest.raises(CubefocusError, match="'deep_gru', which does not denoise; give one of autoencoder, residual"):
        DenoisingTask.described({**meta, "task": "deep_gru"})
