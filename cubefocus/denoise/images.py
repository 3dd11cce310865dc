"""Images of a sky as Gheller & Vazza (2022, MNRAS 509, 990, sect. 3.2) make them: noise, dirty, and what clean needs.

Skies and images are (y, x) in Jy/arcsec^2. A value per beam becomes one per arcsec^2 by the area of the beam,
pi / (4 ln 2) x major x minor: 40.79 arcsec^2 for 6 arcsec, so 0.1 mJy/beam there are 2.45e-6 Jy/arcsec^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cubefocus.denoise.gridder import Beam, beam_of, briggs_weights, dirty, noise, predict, psf
from cubefocus.denoise.lofar import Tracks, primary_beam
from cubefocus.errors import CubefocusError

CELL_ARCSEC = 2.0
RMS_JY_BEAM = 1e-4
BEAM_ARCSEC = 6.0  # of LoTSS: of the noise images, and what clean images are restored with
ROBUST = 0.0


@dataclass(frozen=True, eq=False)
class Imaging:
    """What is the same for all skies of one grid; `imaging_of` makes it.

    Attributes
    ----------
    tracks : Tracks
    size : int
        Pixels along each side.
    cell_arcsec : float
    robust : float
    weights : ndarray, shape (row,)
    primary_beam : ndarray, shape (y, x)
    beam : (major, minor, angle)
        Gaussian fit of the dirty beam: FWHM in arcsec, position angle in deg.
    """

    tracks: Tracks
    size: int
    cell_arcsec: float
    robust: float
    weights: np.ndarray
    primary_beam: np.ndarray
    beam: Beam


def imaging_of(tracks: Tracks, size: int, cell_arcsec: float = CELL_ARCSEC, robust: float = ROBUST) -> Imaging:
    """Weights, dirty beam and primary beam of a grid.

    Raises
    ------
    CubefocusError
        If the size cannot be used, the dirty beam cannot be fitted, or ducc0 is not installed.
    """
    weights = briggs_weights(tracks, size, cell_arcsec, robust)
    beam = beam_of(psf(weights, tracks, size, cell_arcsec), cell_arcsec)
    return Imaging(tracks, size, cell_arcsec, robust, weights, primary_beam(tracks, (size, size), cell_arcsec), beam)


def beam_area(major_arcsec: float, minor_arcsec: float) -> float:
    """Area of a Gaussian beam of these FWHM, arcsec^2."""
    return math.pi * major_arcsec * minor_arcsec / (4.0 * math.log(2.0))


def noise_image(
    sky: np.ndarray, seed: int, rms_jy_beam: float = RMS_JY_BEAM, beam_arcsec: float = BEAM_ARCSEC
) -> np.ndarray:
    """Sky with Gaussian noise, independent in each pixel: the dataset Noise.

    Parameters
    ----------
    sky : ndarray, shape (y, x)
        Jy/arcsec^2.
    seed : int
    rms_jy_beam : float
        Rms of each pixel for a beam of `beam_arcsec`: divided by its area it is that in Jy/arcsec^2.
    beam_arcsec : float
        FWHM.

    Returns
    -------
    ndarray of float32, shape (y, x)
        Jy/arcsec^2.

    Raises
    ------
    CubefocusError
        If the rms or the beam cannot be.
    """
    if not (0 <= rms_jy_beam < math.inf and 0 < beam_arcsec < math.inf):
        raise CubefocusError(
            f"noise of {rms_jy_beam} Jy/beam for a beam of {beam_arcsec} arcsec; give 0 or more, and a beam above 0"
        )
    rms = rms_jy_beam / beam_area(beam_arcsec, beam_arcsec)
    return (sky + rms * np.random.default_rng(seed).standard_normal(np.shape(sky))).astype(np.float32)


def observed(sky: np.ndarray, imaging: Imaging, seed: int, rms_jy_beam: float = RMS_JY_BEAM) -> np.ndarray:
    """Visibilities of a sky behind the primary beam, with the noise that the dirty image is to have.

    Parameters
    ----------
    sky : ndarray, shape (y, x)
        Jy/arcsec^2.
    imaging : Imaging
    seed : int
        Of the noise.
    rms_jy_beam : float
        Rms of the noise in the dirty image before it is corrected for the primary beam, Jy/beam.

    Returns
    -------
    ndarray of complex128, shape (row,)
        Jy.

    Raises
    ------
    CubefocusError
        If the sky is not on the grid or not finite, or the rms cannot be.
    """
    if np.shape(sky) != (imaging.size, imaging.size):
        raise CubefocusError(
            f"the sky has the shape {np.shape(sky)}, the grid {imaging.size} x {imaging.size} pixels; cut it to these"
        )
    flux = np.asarray(sky, dtype=np.float64) * imaging.cell_arcsec**2
    visibilities = predict(flux, imaging.cell_arcsec, imaging.tracks)
    return visibilities + noise(imaging.tracks, rms_jy_beam, seed, imaging.weights)


def dirty_image(sky: np.ndarray, imaging: Imaging, seed: int, rms_jy_beam: float = RMS_JY_BEAM) -> np.ndarray:
    """Dirty image, corrected for the primary beam: the dataset Dirty.

    The parameters are those of `observed`. The beam by whose area it becomes one of Jy/arcsec^2 is that of `imaging`, a
    fit of the main lobe. The dirty beam has a wide skirt besides, so that what is extended comes out too bright: by 1.8
    for a Gaussian of standard deviation 6 arcsec, and by 4 at 20 arcsec (8 h, Briggs 0). That is for clean to remove.

    Returns
    -------
    ndarray of float32, shape (y, x)
        Jy/arcsec^2.
    """
    visibilities = observed(sky, imaging, seed, rms_jy_beam)
    image = dirty(visibilities, imaging.weights, imaging.tracks, imaging.size, imaging.cell_arcsec)
    return per_arcsec2(image, imaging, imaging.beam)


def per_arcsec2(image: np.ndarray, imaging: Imaging, beam: tuple[float, ...]) -> np.ndarray:
    """Correct an image in Jy/beam for the primary beam, in Jy/arcsec^2 by the area of its beam; float32."""
    return (image / imaging.primary_beam / beam_area(beam[0], beam[1])).astype(np.float32)
