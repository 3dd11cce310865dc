"""Trained networks as the plain functions that the chain calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from cubefocus.alma import predict
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import pick_device


def load_networks(bundle: Bundle, device: str) -> dict[str, Any]:
    """Wrap the networks of a bundle as the fields of `cubefocus.alma.chain.Chain` that stand for them.

    Parameters
    ----------
    bundle : Bundle
        With some of blobs_finder, deep_gru, sigma_x, sigma_y, pa, flux.
    device : str
    """
    place = pick_device(device)
    loaded = {name: (one.model(place), one.description) for name, one in bundle.networks.items()}

    def network(name: str) -> tuple[Any, dict[str, Any]]:
        if name not in loaded:
            raise CubefocusError(f"{bundle.source}: has no trained {name}; make the bundle again, of all networks")
        return loaded[name]

    def maps(images: np.ndarray) -> np.ndarray:
        return predict.predict_maps(network("blobs_finder")[0], images)

    def cleaned(standardised: np.ndarray) -> np.ndarray:
        return predict.predict_spectra(network("deep_gru")[0], standardised)

    def parameter(name: str, images: np.ndarray) -> np.ndarray:
        model, meta = network(name)
        return predict.predict_parameter(model, meta, images)

    return {
        "predict_maps": maps,
        "predict_spectra": cleaned,
        "predict_parameters": parameter,
        "image_size": getattr(loaded["blobs_finder"][0], "image_size", None) if "blobs_finder" in loaded else None,
        "n_channels": getattr(loaded["deep_gru"][0], "n_channels", None) if "deep_gru" in loaded else None,
        "device": str(place),
        "origins": {name: meta["provenance"] for name, (_, meta) in loaded.items()},
    }
