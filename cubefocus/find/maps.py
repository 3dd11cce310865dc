"""What a network that is no part of the chain makes of integrated images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.alma.blobs import probability_maps
from cubefocus.alma.training_products import load_products, write_products
from cubefocus.learn.predict import Trained
from cubefocus.settings import BlobSettings
from cubefocus.timing import Clock

KEYS = ("images/dirty", "images/cube_id")


def write_maps(
    products: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    settings: BlobSettings,
    facts: Mapping[str, Any],
    device: str = "auto",
    clock: Clock | None = None,
) -> None:
    """Map the integrated images of a batch, and the same times -1.

    Parameters
    ----------
    products : path
        With ``images/dirty`` and ``images/cube_id``.
    checkpoint : path
    out : path
        Receives ``images/map`` and ``images/inverted`` (cube, y, x), and ``images/cube_id``.
    settings : BlobSettings
        Which tiles are mapped of images that are larger than the network's.
    facts : mapping
        Provenance.
    device : str
        Where the network runs.
    clock : Clock, optional
        Measures the stage ``map``, without the images times -1.

    Raises
    ------
    CubefocusError
        If products or checkpoint cannot be read.
    """
    trained = Trained.load(checkpoint, device)
    images, cubes = (load_products([products], KEYS)[key] for key in KEYS)

    def mapped(each: np.ndarray) -> np.ndarray:
        def predict(tiles: np.ndarray) -> np.ndarray:
            return trained.predict({KEYS[0]: tiles}, scaled=True)["map"]

        maps = probability_maps(list(each), predict, trained.arguments["image_size"], settings)
        return np.where(np.isnan(each), np.float32(0), np.array(maps, dtype=np.float32).reshape(each.shape))

    with (clock or Clock()).stage("map", len(images)):
        maps = mapped(images)
    found = {"images/map": maps, "images/inverted": mapped(-images), "images/cube_id": cubes}
    write_products(out, found, facts)
