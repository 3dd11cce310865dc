"""Clean dirty cubes with CASA, as ``tclean`` does but without visibilities: for the comparison, not the chain."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from astropy.io import fits

from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import integrate
from cubefocus.engines.casa import require_casa, run_job
from cubefocus.errors import CubefocusError

logger = logging.getLogger(__name__)

NITER = 200  # ESO report, Sec. 5.5


def clean(
    dirty: Cube,
    psf: np.ndarray,
    log: str | Path,
    niter: int = NITER,
    *,
    threshold: float = 0.0,
    scratch: str | Path | None = None,
    name: str = "the cube",
) -> Cube:
    """Clean a dirty cube (Hogbom 1974, A&AS 15, 417) in the way of ``tclean(niter=...)``.

    It works on the image, by the task ``deconvolve``, so that it cleans the very cube that the other methods search,
    with the noise that was added to it. In a cube without such noise it finds the components that tclean finds; the
    residual follows from them by a convolution, where tclean goes back to the visibilities.

    Parameters
    ----------
    dirty : Cube, shape (channel, y, x)
        Jy/beam; NaN counts as no flux.
    psf : ndarray, shape (channel, y, x)
        Dirty beam, twice as large as the cube in y and x, with its centre at pixel (y // 2, x // 2).
    log : path
        Receives all that CASA says.
    niter : int
        As tclean counts: no minor cycle starts after so many components in all channels together.
    threshold : float
        Jy/beam: nothing that is fainter is taken away, as with tclean's parameter of that name.
    scratch : path, optional
        Where the scratch directory is made.
    name : str
        What error messages call this cube.

    Returns
    -------
    Cube
        Components convolved with the clean beam of each channel, plus residual: Jy/beam, NaN where the dirty cube is.

    Raises
    ------
    CubefocusError
        If the shapes do not fit, `niter` is below 1, `threshold` below 0, or CASA is not installed.
    CasaError
        If CASA fails.
    """
    require_casa()
    if niter < 1:
        raise CubefocusError(f"niter is {niter}; give 1 or more")
    if not threshold >= 0:
        raise CubefocusError(f"threshold is {threshold} Jy/beam; give 0 or more")
    shape = dirty.data.shape
    starts = [size // 2 - n // 2 for size, n in zip(psf.shape, shape, strict=True)]
    if psf.shape[0] != shape[0] or any(size < 2 * n for size, n in zip(psf.shape[1:], shape[1:], strict=True)):
        raise CubefocusError(f"{name}: a dirty beam of shape {psf.shape} is not twice as large as the cube, {shape}")
    beam = psf[:, starts[1] : starts[1] + shape[1], starts[2] : starts[2] + shape[2]]
    header = _stokes_third(dirty.header)
    held = np.isfinite(dirty.data).astype(np.float32)  # what is blank has no components, as with tclean
    planes = {"residual": dirty.data, "psf": beam, "wide": psf, "held": held}
    images = {kind: (_four_axes(data), header) for kind, data in planes.items()}
    with run_job({"niter": niter, "threshold": threshold}, images, Path(log).absolute(), scratch, name) as (
        work,
        result,
    ):
        restored = np.array(fits.getdata(work / "restored.fits"), dtype=np.float32).reshape(shape)
    logger.debug("%s: %d components", name, result["components"])
    restored[~np.isfinite(dirty.data)] = np.nan
    return Cube(restored, dirty.header)


def _four_axes(data: np.ndarray) -> np.ndarray:
    return np.nan_to_num(data[:, np.newaxis]).astype(np.float32)


def _stokes_third(header: fits.Header) -> fits.Header:
    """Header with the axis of Stokes I that CASA wants before the frequencies, and no beam: it fits its own."""
    wanted = header.copy()
    for key in ("BMAJ", "BMIN", "BPA", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PROVENAN"):
        wanted.remove(key, ignore_missing=True)
    wanted["WCSAXES"] = 4
    stokes = {"CTYPE": "STOKES", "CRVAL": 1.0, "CDELT": 1.0, "CRPIX": 1.0, "CUNIT": ""}
    for key, value in stokes.items():
        wanted[f"{key}4"], wanted[f"{key}3"] = header[f"{key}3"], value
    return wanted


def integrated(cube: Cube) -> Cube:
    """The cube summed over its channels, shape (1, y, x); its channel is the whole band."""
    header, n_channels = cube.header.copy(), len(cube.data)
    header["CRVAL3"] += header["CDELT3"] * ((n_channels + 1) / 2 - header["CRPIX3"])
    header["CDELT3"] *= n_channels
    header["CRPIX3"] = 1.0
    return Cube(integrate(cube.data)[np.newaxis], header)
