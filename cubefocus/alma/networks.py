"""Trained networks as the plain functions that the chain calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import pick_device
from cubefocus.learn.predict import Trained
from cubefocus.specs import SHAPES

Say = Callable[[str, np.ndarray, bool], np.ndarray]


def load_networks(bundle: Bundle, device: str) -> dict[str, Any]:
    """Wrap the networks of a bundle as the fields of `cubefocus.alma.chain.Chain` that stand for them.

    Parameters
    ----------
    bundle : Bundle
        With some of blobs_finder, deep_gru, sigma_x, sigma_y, pa (or shape for the three), flux.
    device : str
    """
    place = pick_device(device)
    loaded = {name: Trained.of(one.model(place), one.description) for name, one in bundle.networks.items()}

    def say(network: str, images: np.ndarray, scaled: bool) -> np.ndarray:
        if network not in loaded:
            raise CubefocusError(f"{bundle.source}: has no trained {network}; make the bundle again, of all networks")
        trained = loaded[network]
        (value,) = trained.predict({trained.task.keys[0]: images}, scaled).values()
        return value

    measure = _shapes_of(loaded["shape"], say) if "shape" in loaded else say
    return {
        "predict_maps": lambda images: say("blobs_finder", images, scaled=True),
        "predict_spectra": lambda spectra: say("deep_gru", spectra, scaled=True),
        "predict_parameters": lambda name, images: measure(name, images, False),
        "image_size": loaded["blobs_finder"].arguments.get("image_size") if "blobs_finder" in loaded else None,
        "n_channels": loaded["deep_gru"].arguments.get("n_channels") if "deep_gru" in loaded else None,
        "device": str(place),
        "origins": {name: trained.provenance for name, trained in loaded.items()},
    }


def _shapes_of(trained: Trained, say: Say) -> Say:
    """A function that asks one network for the three parameters of the shapes, and others for all else.

    The three are asked for one after the other, of the same images: what was said of the last ones is kept.
    """
    last: list[Any] = [None, {}]

    def measure(name: str, images: np.ndarray, scaled: bool) -> np.ndarray:
        if name not in SHAPES:
            return say(name, images, scaled)
        if last[0] is not images:
            last[:] = images, trained.predict({trained.task.keys[0]: images}, scaled)
        return last[1][name]

    return measure
