"""Published figures, as printed, each with its source; what a source does not print is NaN.

MNRAS: Delli Veneri et al. 2023, MNRAS 518, 3407. ECML: Delli Veneri et al. 2022, ECML-PKDD workshop. Both test on 1000
cubes with 4556 sources and choose the thresholds of the other methods on that same test set.
ESO: Guglielmetti et al. 2022, Internal ALMA Development Study "Bayesian Adaptive Interferometric Image Reconstruction
Methods", mid-term report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cubefocus.report.methods import BLOBS, CHAIN, PEAKS, TCLEAN

N_TEST_CUBES = 1000
N_TEST_SOURCES = 4556
N_DETECTED_SOURCES = 4202
THIS_RUN = "this run"  # source of the rows that are not published
MNRAS = "published MNRAS"
ECML = "published ECML"
ESO = "published ESO"


@dataclass(frozen=True)
class Detection:
    """One row of MNRAS Table 4 or ECML Table 2, or of the text of MNRAS 5.1."""

    method: str
    tp: int
    fp: int
    fn: int
    precision: float = math.nan
    recall: float = math.nan
    mean_iou: float = math.nan
    source: str = MNRAS
    criterion: str = "IoU >= 0.6, centres < 3 px"
    note: str = ""


LINES = "IoU >= 0.6, centres < 3 px, line IoU >= 0.6"
DETECTION = (
    Detection(
        BLOBS, 4056, 4, 354, recall=0.89,
        note="text of section 5.1; 149 further sources, blended with those, count neither as found nor as missed",
    ),
    Detection(PEAKS, 4202, 63, 354, 0.98, 0.923, 0.74, criterion=LINES),
    Detection(CHAIN, 4202, 0, 354, 1.0, 0.923, 0.74, criterion=LINES),
    Detection(
        CHAIN, 4202, 0, 354, 1.0, 0.923, 0.84, ECML, "IoU >= 0.8, centres < 3 px, line IoU >= 0.8"
    ),
    Detection("blobcat", 2779, 2429, 1777, 0.53, 0.609, 0.61),
    Detection("blobcat", 2779, 2429, 1777, 0.53, 0.609, 0.71, ECML, "IoU >= 0.8, centres < 3 px"),
    Detection("sofia", 1010, 4011, 3546, 0.20, 0.22, 0.63),
    Detection("decoras", 3560, 759, 996, 0.82, 0.78, 0.60),
)  # fmt: skip
BY_DISTANCE = (Detection("decoras", 4100, 759, 456, criterion="centres < 3 px", note="text of section 5.1"),)


@dataclass(frozen=True)
class Residual:
    """One row of MNRAS Table 5 (true - predicted), with the fractions of section 5.2."""

    parameter: str
    mean: float
    std: float
    within_1: float = math.nan
    within_10: float = math.nan
    within_20: float = math.nan
    source: str = MNRAS
    note: str = ""


RESIDUALS = (
    Residual("x", -0.004, 0.73),
    Residual("y", -0.005, 0.67),
    Residual("sigma_x", -0.04, 0.46, note="printed as FWHM_x, which its Eq. 3 uses as a standard deviation"),
    Residual("sigma_y", -0.12, 0.45, note="printed as FWHM_y, which its Eq. 3 uses as a standard deviation"),
    Residual("z", 0.0, 0.003),
    Residual("extension", 0.0, 0.001),
    Residual("pa", -0.65, 20.28, 0.53, 0.73, 0.81),
    Residual("flux", -9.56, 20.08, 0.68, 0.80, 0.87),
    Residual("flux_relative", 0.07, 0.36),
)


@dataclass(frozen=True)
class Stage:
    """Candidates at one step of the chain and how many of them were truly false (text of MNRAS 5.1)."""

    stage: str
    n_candidates: int
    n_false: int
    note: str = ""
    source: str = MNRAS


STAGES = (
    Stage("blobs", 4060, 4),
    Stage("no_peak", 3, 3),
    Stage("peaks", 4265, 63, "62 peaks and one blob of noise"),
    Stage("condition_1", 29, 29),
    Stage("condition_2", 32, 32, "31 peaks and the last blob of noise"),
    Stage("low_snr", 2, 2),
    Stage("catalogue", 4202, 0),
)


@dataclass(frozen=True)
class Similarity:
    """How alike a network's maps and the true sky are (text of MNRAS 5.1)."""

    method: str
    mean_dssim: float
    mean_ssim: float = math.nan
    source: str = MNRAS
    note: str = "printed as mean SSIM, which is 1 for equal maps; so near to 0 it reads like a mean DSSIM"


SIMILARITY = (Similarity(BLOBS, 0.003), Similarity("decoras", 0.008))


@dataclass(frozen=True)
class Time:
    """Seconds a cube of 256 x 256 pixels and 128 channels, of 1000 (ESO 5.5; section on data and software of MNRAS)."""

    method: str
    stage: str
    seconds: float
    hardware: str
    note: str = ""
    source: str = MNRAS


K20 = "NVIDIA Tesla K20"
TIMES = (
    Time(
        CHAIN, BLOBS, 23 / N_TEST_CUBES, K20,
        "23 s for all; printed speed-up over tclean: 200, and at least 150 with its major cycles", ESO,
    ),
    Time(CHAIN, "deep_gru", 9 / N_TEST_CUBES, K20, "9 s for all, with reading and writing"),
    Time(CHAIN, "morphology", 5 / N_TEST_CUBES, K20, "each ResNet 5 s for all, with reading and writing"),
    Time(CHAIN, "flux", 5 / N_TEST_CUBES, K20, "5 s for all, with reading and writing"),
    Time(
        TCLEAN, "clean", 4.3 * 60, "8 Intel Xeon E5-2680 CPUs",
        "niter=200, from visibilities; 1.5 h for all, 50 cubes at a time on 400 CPUs", ESO,
    ),
)  # fmt: skip
