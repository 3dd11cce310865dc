"""Trained networks as the plain functions that the chain calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.alma import predict
from cubefocus.errors import CubefocusError
from cubefocus.learn.checkpoint import load_model
from cubefocus.learn.distributed import pick_device


def load_networks(paths: Mapping[str, Path], device: str) -> dict[str, Any]:
    """Load checkpoints and wrap them as the fields of `cubefocus.alma.chain.Chain` that stand for networks.

    Parameters
    ----------
    paths : mapping
        Network name (blobs_finder, deep_gru, sigma_x, sigma_y, pa, flux) to checkpoint.
    device : str
    """
    place = pick_device(device)
    loaded = {name: load_model(path, place) for name, path in paths.items()}

    def network(name: str) -> tuple[Any, dict[str, Any]]:
        if name not in loaded:
            raise CubefocusError(f"no trained {name} was given; train it or name its checkpoint")
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
