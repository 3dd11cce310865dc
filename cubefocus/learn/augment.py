"""Augmentation of whole batches on the device, driven by uniform random numbers that the caller draws.

Every function takes ``u``, uniform in [0, 1), one row a sample. The numbers are drawn for the whole batch before
it is split over processes, so that one process and several see the same images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

N_RANDOM = 5  # uniform numbers per sample, enough for any augmentation here


def centre_crop(images: Tensor, size: int) -> Tensor:
    """Central ``size`` x ``size`` pixels of images (b, y, x)."""
    top, left = ((n - size) // 2 for n in images.shape[-2:])
    return images[..., top : top + size, left : left + size]


def scale01(arrays: Tensor) -> Tensor:
    """Scale each sample (all axes but the first) to [0, 1]; a constant one becomes 0."""
    flat = arrays.flatten(1)
    low, high = flat.amin(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)
    span = torch.where(high > low, high - low, torch.ones_like(high))
    return ((flat - low) / span).view(arrays.shape)


def standardise(arrays: Tensor) -> Tensor:
    """Bring each sample to mean 0 and standard deviation 1; a constant one becomes 0."""
    flat = arrays.flatten(1)
    centred = flat - flat.mean(dim=1, keepdim=True)
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt()
    return (centred / torch.where(deviation > 0, deviation, torch.ones_like(deviation))).view(arrays.shape)


def peak(images: Tensor) -> Tensor:
    """Largest absolute value of each image (b, y, x), shape (b,); 1 for an image of zeros."""
    highest = images.flatten(1).abs().amax(dim=1)
    return torch.where(highest > 0, highest, torch.ones_like(highest))


def rotation_grid(shape: Sequence[int], size: int, u: Tensor) -> Tensor:
    """Where to sample images of a shape (y, x) to rotate them by any angle about the centre, flip and cut them out.

    Parameters
    ----------
    shape : sequence of two int
    size : int
        Side of the cut-out in px.
    u : Tensor, shape (b, >= 3)

    Returns
    -------
    Tensor, shape (b, size, size, 2)
        As `torch.nn.functional.grid_sample` takes it.
    """
    angle, flip_x, flip_y = _rotation(u)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    scale_y, scale_x = (size / n for n in shape)
    rows = (
        torch.stack([scale_x * flip_x * cos, -scale_x * flip_x * sin, zero], dim=1),
        torch.stack([scale_y * flip_y * sin, scale_y * flip_y * cos, zero], dim=1),
    )
    return F.affine_grid(torch.stack(rows, dim=1), [len(u), 1, size, size], align_corners=False)


def _rotation(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angle in radians, and -1 or 1 for a flip or none in x and in y."""
    flip_x, flip_y = (torch.where(u[:, i] < 0.5, -1.0, 1.0) for i in (1, 2))
    return 2 * math.pi * u[:, 0], flip_x, flip_y


def sample(images: Tensor, grid: Tensor, noisy: bool) -> Tensor:
    """Images (b, y, x) at the points of a grid (b, size, size, 2).

    Notes
    -----
    Bilinear interpolation takes half of the variance of pixel-to-pixel noise away, so that a network would be
    trained on cleaner images than it will see: ``noisy`` images are interpolated cubically. Sky images have no
    noise, and may have point sources, which a cubic kernel would surround by negative flux: they are interpolated
    linearly. Where the rotated frame reaches beyond the image, the image is mirrored.
    """
    mode = "bicubic" if noisy else "bilinear"
    return F.grid_sample(images[:, None], grid, mode=mode, padding_mode="reflection", align_corners=False)[:, 0]


def rotated_parameters(parameters: Sequence[Tensor], u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a rotation with the same ``u`` does to a Gaussian's parameters; as `dihedral_parameters`."""
    sigma_x, sigma_y, pa = parameters
    angle, flip_x, flip_y = _rotation(u)
    turned = pa * flip_x * flip_y + torch.rad2deg(angle)
    swapped = torch.floor(turned / 90) % 2 == 1
    return torch.where(swapped, sigma_y, sigma_x), torch.where(swapped, sigma_x, sigma_y), turned % 90


def _where(choice: Tensor, changed: Tensor, same: Tensor) -> Tensor:
    return torch.where(choice.view(-1, *[1] * (same.ndim - 1)), changed, same)


def dihedral(images: Tensor, u: Tensor) -> Tensor:
    """One of the eight flips and right-angle rotations of square images (b, ..., y, x), without interpolation."""
    images = _where(u[:, 0] < 0.5, images.flip(-1), images)
    images = _where(u[:, 1] < 0.5, images.flip(-2), images)
    return _where(u[:, 2] < 0.5, images.transpose(-1, -2), images)


def dihedral_parameters(parameters: Sequence[Tensor], u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `dihedral` with the same ``u`` does to a Gaussian's parameters.

    Parameters
    ----------
    parameters : sequence of three Tensor, each of shape (b,)
        sigma_x and sigma_y, standard deviations in px; pa, angle of the sigma_x axis from +x, clockwise with y
        up, degrees in [0, 90].
    u : Tensor, shape (b, >= 3)

    Returns
    -------
    tuple of Tensor
        The three of the changed images.

    Notes
    -----
    A flip mirrors the sigma_x axis to an angle of -pa; the range [0, 90] names the other axis instead, at 90 - pa, and
    the sigmas change places. A transposition takes the sigma_x axis to 90 - pa directly.
    """
    sigma_x, sigma_y, pa = parameters
    flipped = (u[:, 0] < 0.5) ^ (u[:, 1] < 0.5)
    mirrored = flipped ^ (u[:, 2] < 0.5)
    return (
        torch.where(flipped, sigma_y, sigma_x),
        torch.where(flipped, sigma_x, sigma_y),
        torch.where(mirrored, 90 - pa, pa),
    )


def half_turn(images: Tensor, u: Tensor) -> Tensor:
    """Rotate half of the images (b, y, x) by 180 deg, which changes no parameter of a Gaussian."""
    return _where(u[:, 0] < 0.5, images.flip(-1, -2), images)


def roll_images(images: Tensor, u: Tensor, reach: int) -> Tensor:
    """Move each sample of (b, ..., y, x) round by up to ``reach`` whole pixels in y and in x.

    What leaves at one edge comes in at the other. It keeps a network that is to find sources anywhere from
    learning where the training set has most of them.
    """
    (n_y, n_x), device = images.shape[-2:], images.device
    step = ((u[:, 3:5] * (2 * reach + 1)).long() - reach).to(device)
    rows = (torch.arange(n_y, device=device) - step[:, :1]) % n_y
    columns = (torch.arange(n_x, device=device) - step[:, 1:]) % n_x
    shape = (len(images), *[1] * (images.ndim - 3))
    moved = images.gather(-2, rows.view(*shape, n_y, 1).expand(images.shape))
    return moved.gather(-1, columns.view(*shape, 1, n_x).expand(images.shape))


def spectra(dirty: Tensor, sky: Tensor, u: Tensor, roll: bool) -> tuple[Tensor, Tensor]:
    """Reverse half of the pairs of spectra (b, channel) and, if asked, move each pair round by whole channels."""
    n = dirty.shape[-1]
    channel = torch.arange(n, device=dirty.device)
    channel = torch.where(u[:, :1] < 0.5, n - 1 - channel, channel)
    if roll:
        channel = (channel + (u[:, 1:2] * n).long()) % n
    return dirty.gather(1, channel), sky.gather(1, channel)
