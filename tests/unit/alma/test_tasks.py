"""What goes into the networks and what is asked of them."""

import numpy as np
import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.learn import angles, augment
from cubefocus.learn.checkpoint import build
from cubefocus.learn.predict import Trained
from cubefocus.learn.task import as_outputs, make_task
from cubefocus.specs import NETWORKS


def tensors(products):
    return {key: torch.from_numpy(value) for key, value in products.items()}


@pytest.fixture
def unused():
    return torch.zeros(6, augment.N_RANDOM)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_task_gives_inputs_and_targets_that_its_network_fits(name, products, small_models, unused):
    task, data = make_task(name, small_models), products(6, 0)
    model = build(task.network, task.arguments(data))
    for kind in ("none", *task.augmentations):
        inputs, targets = task.batch(tensors(data), task.normalisation(data), kind, torch.rand(6, augment.N_RANDOM))
        assert [output.shape for output in as_outputs(model(inputs))] == [target.shape for target in targets]
        assert torch.isfinite(inputs).all()


def test_images_are_cropped_and_only_then_scaled(unused):
    dirty = np.zeros((6, 40, 40), np.float32)
    dirty[:, 0, 0] = 100  # outside the crop: must not set the scale
    dirty[:, 20, 20] = 2
    task = make_task("blobs_finder", {"image_size": 32})
    inputs, (target,) = task.batch(tensors({"images/dirty": dirty, "images/sky": dirty / 7}), {}, "none", unused)
    assert inputs.shape == (6, 1, 32, 32)
    assert float(inputs.max()) == 1
    assert torch.allclose(inputs, target)


def test_the_output_starts_at_the_mean_target(products):
    data = products(6, 0)
    bias = make_task("blobs_finder", {"image_size": 32}).arguments(data)["output_bias"]
    mean = augment.scale01(torch.from_numpy(data["images/sky"])).mean()
    assert float(torch.sigmoid(torch.tensor(bias))) == pytest.approx(float(mean), rel=1e-5)


def test_an_empty_training_sky_does_not_break_the_start():
    empty = {"images/sky": np.zeros((3, 32, 32), np.float32)}
    assert np.isfinite(make_task("blobs_finder", {"image_size": 32}).arguments(empty)["output_bias"])


def test_the_u_nets_loss_does_not_change_over_the_epochs(products, small_models):
    task = make_task("blobs_finder", {**small_models, "blobs_finder": {"latent": 32, "variant": "unet"}})
    prediction, target = torch.full((2, 1, 16, 16), 0.3), torch.full((2, 1, 16, 16), 0.1)
    losses = [task.loss((prediction,), (target,), task.weights(epoch, 5), "gaussian") for epoch in range(5)]
    losses.append(task.loss((prediction,), (target,), task.validation_weights, "gaussian"))
    assert torch.stack(losses).tolist() == pytest.approx([0.2 + 5 * 0.2**2] * 6)
    assert "latent" not in task.arguments(products(2, 0))


def test_images_smaller_than_the_network_are_refused(products):
    with pytest.raises(CubefocusError, match="image_size 64"):
        make_task("blobs_finder", {"image_size": 64}).arguments(products(2, 0))


def test_flux_is_asked_relative_to_the_peak(products, small_models, unused):
    task, data = make_task("flux", small_models), products(6, 0)
    brighter = {key: value * (1000 if key in task.keys else 1) for key, value in data.items()}
    assert task.normalisation(brighter) == pytest.approx(task.normalisation(data), rel=1e-5)
    normalisation = task.normalisation(data)
    once, more = (task.batch(tensors(each), normalisation, "none", unused) for each in (data, brighter))
    assert torch.allclose(once[0], more[0], atol=1e-6)
    assert torch.allclose(once[1][0], more[1][0], atol=1e-4)
    assert float(once[1][0].mean()) == pytest.approx(0, abs=1e-4)
    assert float(once[1][0].std(unbiased=False)) == pytest.approx(1, abs=1e-4)


class Constant(torch.nn.Module):
    """A network whose output is known."""

    def __init__(self, values):
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor(values))

    def forward(self, images):
        return self.values.expand(len(images), -1)


def said(outputs, description, images):
    trained = Trained.of(Constant(outputs), description)
    return trained.predict({trained.task.keys[0]: images})[description["task"]]


def test_predictions_return_to_physical_units():
    images = np.stack([np.eye(64, dtype=np.float32), -3 * np.eye(64, dtype=np.float32)])
    sigma = {"task": "sigma_x", "normalisation": {"angle": "degrees", "mean": 3.0, "std": 0.5}}
    assert said([2.0], sigma, images).tolist() == [4, 4]
    assert said([-9.0], sigma, images).min() > 0
    flux = {"task": "flux", "normalisation": {"mean": 100.0, "std": 10.0}}
    assert said([-1.0], flux, images).tolist() == [90, 270]
    degrees = {"task": "pa", "normalisation": {"angle": "degrees", "mean": 45.0, "std": 26.0}}
    assert said([3.0], degrees, images).tolist() == [90, 90]
    vector = {"task": "pa", "normalisation": {"angle": "vector"}}
    assert said([0.0, 2.0], vector, images) == pytest.approx([45, 45])


@pytest.mark.parametrize("pa", ["degrees", "vector"])
def test_one_network_for_all_shapes_is_asked_and_says_what_three_would(products, pa, unused):
    models, data = {"resnet": {"widths": [4, 8, 8, 8], "pa": pa}}, products(6, 0)
    joint, parts = make_task("shape", models), [make_task(name, models) for name in ("sigma_x", "sigma_y", "pa")]
    facts = joint.normalisation(data)
    (wanted,) = joint.targets(tensors(data), facts)
    alone = [part.targets(tensors(data), part.normalisation(data))[0] for part in parts]
    assert torch.equal(wanted, torch.cat(alone, dim=1))
    said = Trained.of(Constant([0.5, -0.5, 0.1, 0.4][: wanted.shape[1]]), {"task": "shape", "normalisation": facts})
    values = said.predict({"focused": data["focused"]})
    assert set(values) == {"sigma_x", "sigma_y", "pa"}
    mean, std = facts["sigma_y"]["mean"], facts["sigma_y"]["std"]
    assert values["sigma_y"] == pytest.approx(np.full(6, mean - 0.5 * std))
    right = joint.decode((wanted,), {}, facts)
    for name in values:
        assert right[name].numpy() == pytest.approx(data[f"targets/{name}"], abs=1e-3)


@pytest.mark.parametrize("kind", ["vector", "vector4"])
def test_angles_survive_the_way_to_vectors_and_back(kind):
    pa = torch.linspace(1, 89, 45)
    assert torch.allclose(angles.from_vector(3 * angles.to_vector(pa, kind), kind), pa, atol=1e-3)


def test_vectors_outside_the_range_go_to_the_nearest_angle():
    outside = torch.tensor([[1.0, -0.3], [-1.0, -0.3]])
    assert torch.allclose(angles.from_vector(outside, "vector"), torch.tensor([0.0, 90.0]))


def test_only_four_times_the_angle_closes_the_circle():
    ends = torch.tensor([0.0, 90.0])
    assert torch.allclose(*angles.to_vector(ends, "vector4"), atol=1e-5)
    assert float((angles.to_vector(ends, "vector")[0] - angles.to_vector(ends, "vector")[1]).norm()) > 1.9


@pytest.mark.parametrize(
    ("name", "models", "said"),
    [
        ("sigma_z", {}, "sigma_z"),
        ("pa", {"resnet": {"pa": "radians"}}, "radians"),
        ("flux", {"resnet": {"depth": 18}}, "depth"),
        ("deep_gru", {"deep_gru": {"units": 3}}, "units"),
    ],
)
def test_unknown_names_and_options_are_refused(name, models, said):
    with pytest.raises(CubefocusError, match=said):
        make_task(name, models)


def test_an_unknown_augmentation_is_refused_with_the_known_ones():
    task = make_task("sigma_x")
    assert task.augmentation(True) == "dihedral"
    assert task.augmentation(False) == "none"
    with pytest.raises(CubefocusError, match=r"shear.*dihedral"):
        task.augmentation("shear")
