"""How alike a predicted map and the true one are: SSIM and DSSIM (MNRAS Eq. 7-10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.metrics import structural_similarity

from cubefocus.errors import CubefocusError

WINDOW = 11  # px: the Gaussian of sigma 1.5 px, cut as in Wang et al. 2004
SIGMA = 1.5


@dataclass(frozen=True)
class Similarity:
    """Structural similarity of pairs of maps.

    Attributes
    ----------
    ssim : ndarray, shape (n,)
        Mean SSIM of each pair, 1 for equal maps.
    """

    ssim: np.ndarray

    @property
    def dssim(self) -> np.ndarray:
        """Structural dissimilarity (1 - SSIM) / 2 of each pair, 0 for equal maps (MNRAS Eq. 7)."""
        return (1.0 - self.ssim) / 2.0

    @property
    def mean_ssim(self) -> float:
        """SSIM averaged over the pairs; NaN if there are none."""
        return float(self.ssim.mean()) if self.ssim.size else float("nan")

    @property
    def mean_dssim(self) -> float:
        """DSSIM averaged over the pairs; NaN if there are none."""
        return (1.0 - self.mean_ssim) / 2.0


def map_similarity(predicted: np.ndarray, true: np.ndarray) -> Similarity:
    """Structural similarity of predicted and true maps, each pair on its own.

    MNRAS 5.1 compares networks by it, because it does not depend on how boxes are extracted. The values printed
    there as mean SSIM (0.003, 0.008) are close to 0 for good maps, as a DSSIM is.

    Parameters
    ----------
    predicted, true : ndarray, shape (n, y, x)
        Maps in [0, 1]; sky images after `cubefocus.cube.cutouts.scale01`.

    Returns
    -------
    Similarity
        With L = 1, the range of the maps, and the window of the loss that Blobs Finder learns with.

    Raises
    ------
    CubefocusError
        If the shapes differ, the maps are smaller than the window, or a value is outside [0, 1].
    """
    if predicted.shape != true.shape or predicted.ndim != 3 or min(predicted.shape[1:]) < WINDOW:
        raise CubefocusError(
            f"maps of shapes {predicted.shape} and {true.shape} cannot be compared; give two equal ones (n, y, x) of "
            f"at least {WINDOW} px"
        )
    for maps in (predicted, true):
        if maps.size and not (maps.min() >= 0.0 and maps.max() <= 1.0):
            raise CubefocusError(f"maps span {maps.min():g} to {maps.max():g}; scale them to [0, 1] first")
    return Similarity(np.array([_ssim(one, other) for one, other in zip(predicted, true, strict=True)]))


def _ssim(one: np.ndarray, other: np.ndarray) -> float:
    options = {"gaussian_weights": True, "sigma": SIGMA, "win_size": WINDOW, "use_sample_covariance": False}
    return float(structural_similarity(one.astype(float), other.astype(float), data_range=1.0, **options))
