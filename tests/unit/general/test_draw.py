"""Images that the network of the search learns from: drawn by number, in units of their noise, with what is seen."""

import dataclasses

import numpy as np
import pytest
import torch

from cubefocus.engines.measure import get_response
from cubefocus.general.draw import Drawer
from cubefocus.general.plane import Plane
from cubefocus.general.task import NUMBERS, ProposerTask
from cubefocus.learn import loop
from cubefocus.learn.checkpoint import load
from cubefocus.learn.loop import fit
from cubefocus.settings import DrawSettings, ProposerShape, ProposerTraining
from cubefocus.stats.noise import robust_width

SETTINGS = DrawSettings(image_size=48, types={"gaussian": 1.0, "disc": 1.0}, size=(0.1, 0.5))


@pytest.fixture
def plane(instrument, setup, tmp_path):
    observation = dataclasses.replace(setup, n_pixels=56, n_channels=1, pblimit=0.2)
    return Plane.of(get_response(observation, tmp_path / "cache"))


def drawer(plane, **changes):
    return Drawer([plane], dataclasses.replace(SETTINGS, **changes), seed=5)


def test_a_number_gives_the_same_image_again_and_another_number_another(plane):
    first, again, other = (drawer(plane).draw(number) for number in (3, 3, 4))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_images_are_in_units_of_their_noise_and_blank_where_nothing_is_held(plane):
    for number in range(8):
        image, seen = drawer(plane, empty_fraction=1.0).draw(number)
        held = image != 0.0
        assert robust_width(image[held]) == pytest.approx(1.0, rel=1e-3)
        assert not seen.any()


def test_a_bright_source_is_brightest_where_it_is_seen(plane):
    bright = drawer(plane, empty_fraction=0.0, n_sources=(1, 1), snr=(40.0, 40.0), types={"point": 1.0})
    found = [(image[seen > 0], image[seen == 0]) for image, seen in map(bright.draw, range(12)) if seen.sum() > 20]
    assert len(found) > 6
    assert all(inside.mean() > 5.0 > 2.0 > abs(outside.mean()) for inside, outside in found)


def test_what_is_restored_has_no_side_lobes_of_what_was_cleaned(plane):
    sky = np.zeros((1, 56, 56), np.float32)
    sky[0, 28, 28] = 1.0
    dirty, restored = plane.dirty(sky)[0], plane.restored(sky)[0]
    assert restored[28, 28] == pytest.approx(1.0, abs=1e-3)
    assert dirty[28, 28] == pytest.approx(1.0, abs=1e-2)
    far = np.hypot(*(np.indices(dirty.shape) - 28)) > 12
    assert np.abs(restored[far]).max() < 1e-3 < 0.02 < np.abs(dirty[far]).max()


def test_the_restoring_beam_lies_as_the_dirty_one_does_on_the_sky(plane):
    """North through east, and east is at smaller columns."""
    major, minor, angle = plane.beam
    sky = np.zeros((1, 56, 56), np.float32)
    sky[0, 28, 28] = 1.0
    image = plane.restored(sky)[0]
    y, x = np.indices(image.shape) - 28.0
    moments = np.array([[(image * a * b).sum() for b in (x, y)] for a in (x, y)]) / image.sum()
    values, vectors = np.linalg.eigh(moments)
    assert np.sqrt(values) * 2.3548 == pytest.approx([minor, major], rel=0.02)
    along = vectors[:, 1]
    assert np.degrees(np.arctan2(-along[0], along[1])) % 180 == pytest.approx(angle % 180, abs=1.0)


def options(**changes):
    return ProposerTraining(**{"images": 12, "validation_images": 8, "epochs": 4, "batch_size": 4,
                               "resume_seconds": 0.0, "precision": "float32"} | changes)  # fmt: skip


def trained(task, out):
    numbers = [{NUMBERS: np.arange(number, dtype=np.float32)} for number in (12, 8)]
    return fit(task, *numbers, options(), out, seed=2, code="1")


def test_a_training_that_was_killed_goes_on_with_the_images_that_it_would_have_drawn(plane, tmp_path, monkeypatch):
    task = ProposerTask(drawer(plane), ProposerShape(widths=(4, 4, 4, 4)))
    whole = trained(task, tmp_path / "whole.pt")
    real = loop.train_epoch

    def dying(problem, training, model):
        if training.epoch == 2:
            raise KeyboardInterrupt
        return real(problem, training, model)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(task, tmp_path / "cut.pt")
    assert trained(task, tmp_path / "cut.pt") == whole
    first, second = (load(tmp_path / name)["model"] for name in ("whole.pt", "cut.pt"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_other_draws_are_another_training(plane):
    one, other = (ProposerTask(drawer(plane, snr=snr), ProposerShape()) for snr in ((3.0, 50.0), (5.0, 50.0)))
    assert one.normalisation({}) != other.normalisation({})


def test_training_draws_other_images_than_validation(plane):
    task = ProposerTask(drawer(plane), ProposerShape())
    numbers = {NUMBERS: torch.arange(2.0)}
    u = torch.tensor([[0.1, 0.2, 0.0, 0.0, 0.0], [0.3, 0.4, 0.0, 0.0, 0.0]])
    seen, same, drawn = (task.augment(numbers, kind, u)["images"] for kind in ("none", "none", "endless"))
    assert torch.equal(seen, same)
    assert not torch.equal(seen, drawn)
