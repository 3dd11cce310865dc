"""Trained networks as the plain functions that the chain calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import pick_device
from cubefocus.learn.predict import Trained


def load_networks(bundle: Bundle, device: str) -> dict[str, Any]:
    """Wrap the networks of a bundle as the fields of `cubefocus.alma.chain.Chain` that stand for them.

    Parameters
    ----------
    bundle : Bundle
        With some of blobs_finder, deep_gru, sigma_x, sigma_y, pa, flux.
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

    return {
        "predict_maps": lambda images: say("blobs_finder", images, scaled=True),
        "predict_spectra": lambda spectra: say("deep_gru", spectra, scaled=True),
        "predict_parameters": lambda name, images: say(name, images, scaled=False),
        "image_size": loaded["blobs_finder"].arguments.get("image_size") if "blobs_finder" in loaded else None,
        "n_channels": loaded["deep_gru"].arguments.get("n_channels") if "deep_gru" in loaded else None,
        "device": str(place),
        "origins": {name: trained.provenance for name, trained in loaded.items()},
    }
