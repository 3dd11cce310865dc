"""Prediction with trained networks: arrays in, arrays out, in batches on the device of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cubefocus.errors import CubefocusError
from cubefocus.learn import angles, augment

SMALLEST_SIGMA = 0.1  # px; a regression can leave the range of its training, a width of zero is no Gaussian


@torch.no_grad()
def _forward(model: nn.Module, inputs: np.ndarray, batch_size: int) -> Tensor:
    device = next(model.parameters()).device
    outputs = []
    for part in torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).split(batch_size):
        batch = part.to(device)
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        outputs.append(model(batch).float().cpu())
    return torch.cat(outputs)


def predict_maps(model: nn.Module, images: np.ndarray, batch_size: int = 16) -> np.ndarray:
    """Maps of sources by Blobs Finder.

    Parameters
    ----------
    model : BlobsFinder or UNet
    images : ndarray, shape (n, y, x)
        Integrated dirty images of the network's size, each scaled to [0, 1].
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n, y, x)
        In [0, 1].

    Raises
    ------
    CubefocusError
        If the images are not of the network's size.
    """
    if images.ndim != 3 or any(side != model.image_size for side in images.shape[1:]):
        raise CubefocusError(
            f"Blobs Finder was trained on {model.image_size} px images, these have shape "
            f"{images.shape}; tile or pad them"
        )
    if not len(images):
        return np.zeros(images.shape, np.float32)
    return _forward(model, images[:, None], batch_size)[:, 0].numpy()


def predict_spectra(model: nn.Module, spectra: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Clean spectra by Deep GRU.

    Parameters
    ----------
    model : DeepGRU
    spectra : ndarray, shape (n, channel)
        Standardised dirty spectra.
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n, channel)
        In [0, 1].

    Raises
    ------
    CubefocusError
        If the number of channels is not the network's.
    """
    if spectra.ndim != 2 or spectra.shape[1] != model.n_channels:
        raise CubefocusError(
            f"Deep GRU was trained on {model.n_channels} channels, these spectra have shape "
            f"{spectra.shape}; regrid the cube or train for its channels"
        )
    if not len(spectra):
        return np.zeros(spectra.shape, np.float32)
    return _forward(model, spectra, batch_size).numpy()


def predict_parameter(
    model: nn.Module, meta: Mapping[str, Any], images: np.ndarray, batch_size: int = 64
) -> np.ndarray:
    """One parameter of each source by its ResNet.

    Parameters
    ----------
    model : ResNet
    meta : mapping
        As `cubefocus.learn.checkpoint.load_model` returns it; says which parameter, and its normalisation.
    images : ndarray, shape (n, 64, 64)
        Focused images for sigma_x, sigma_y, pa (each is scaled to [0, 1] here); line images in Jy/beam for flux.
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n,)
        sigma_x, sigma_y in px, at least `SMALLEST_SIGMA`; pa in degrees, clipped to [0, 90]; flux in the unit of
        the line images (Jy/beam, summed over voxels), proportional to their scale.
    """
    name, normalisation = meta["task"], meta["normalisation"]
    if not len(images):
        return np.zeros(0, np.float32)
    raw = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    peak = augment.peak(raw)
    scaled = raw / peak.view(-1, 1, 1) if name == "flux" else augment.scale01(raw)
    output = _forward(model, scaled.unsqueeze(1).numpy(), batch_size)
    if normalisation.get("angle", "degrees") != "degrees":
        return angles.from_vector(output, normalisation["angle"]).numpy()
    value = output[:, 0] * normalisation["std"] + normalisation["mean"]
    if name == "flux":
        return (value * peak).numpy()
    return (value.clamp(0, 90) if name == "pa" else value.clamp(min=SMALLEST_SIGMA)).numpy()
