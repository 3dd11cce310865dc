"""Published figures, as printed, each with its source; what a source does not print is NaN.

MNRAS: Delli Veneri et al. 2023, MNRAS 518, 3407. ECML: Delli Veneri et al. 2022, ECML-PKDD workshop. Both test on 1000
cubes with 4556 sources and choose the thresholds of the other methods on that same test set.
ESO: Guglielmetti et al. 2022, Internal ALMA Development Study "Bayesian Adaptive Interferometric Image Reconstruction
Methods", mid-term report.
GV22: Gheller & Vazza 2022, MNRAS 509, 990, whose figures other than these are read off plots only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cubefocus.report.methods import BLOBS, CHAIN, PEAKS, TCLEAN

N_TEST_CUBES = 1000
N_TEST_SOURCES = 4556
N_DETECTED_SOURCES = 4202
THIS_RUN = "this run"  # source of the rows that are not published
MNRAS = "published MNRAS"
ECML = "published ECML"
ESO = "published ESO"
GV22 = "published GV22"

SETUPS: dict[str, Mapping[str, Any]] = {
    MNRAS: {
        "cubes.train": 3000,
        "cubes.test": N_TEST_CUBES,
        "observation.array": "alma.cycle9.3",
        "observation.n_pixels": 360,
        "observation.n_channels": 128,
        "observation.integration_s": 10.0,
        "sky.types": {"gaussian": 1.0},
        "sky.sigma": (2, 8),
        "noise.snr": (10, 30),
        "engine.train": "casa",
        "engine.test": "casa",
        "models.blobs_finder.variant": "mnras",
        "models.resnet.shapes": "separate",
        "models.resnet.widths": (64, 128, 256, 512),
        "training.blobs_finder.epochs": 300,
        "detection.blobs.threshold": 0.15,
        "detection.blobs.split": "none",
        "evaluation.iou": 0.6,
        "evaluation.line_iou": 0.6,
        "evaluation.distance": 3.0,
    },
    ECML: {
        "cubes.train": 3000,
        "cubes.test": N_TEST_CUBES,
        "observation.array": "alma.cycle9.3",
        "observation.n_channels": 128,
        "sky.types": {"gaussian": 1.0},
        "sky.sigma": (2, 8),
        "engine.train": "casa",
        "engine.test": "casa",
        "models.blobs_finder.variant": "ecml",
        "detection.blobs.threshold": 0.1,
        "detection.blobs.split": "none",
        "evaluation.iou": 0.8,
        "evaluation.line_iou": 0.8,
        "evaluation.distance": 3.0,
    },
}
"""What is printed of the set-up behind detections and residuals, by the keys of a config."""


@dataclass(frozen=True)
class Detection:
    """One row of MNRAS Table 4 or ECML Table 2, or of the text of MNRAS 5.1.

    The percentages of found and missed sources are those of print, which the counts do not always give.
    """

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
    tp_percent: float = math.nan
    fn_percent: float = math.nan


LINES = "IoU >= 0.6, centres < 3 px, line IoU >= 0.6"
DETECTION = (
    Detection(
        BLOBS, 4056, 4, 354, recall=0.89, tp_percent=89,
        note="text of section 5.1; 149 further sources, blended with those, count neither as found nor as missed",
    ),
    Detection(PEAKS, 4202, 63, 354, 0.98, 0.923, 0.74, criterion=LINES, tp_percent=92.3, fn_percent=7.7),
    Detection(CHAIN, 4202, 0, 354, 1.0, 0.923, 0.74, criterion=LINES, tp_percent=92.3, fn_percent=7.7),
    Detection(
        CHAIN, 4202, 0, 354, 1.0, 0.923, 0.84, ECML, "IoU >= 0.8, centres < 3 px, line IoU >= 0.8",
        tp_percent=92.3, fn_percent=7.7,
    ),
    Detection("blobcat", 2779, 2429, 1777, 0.53, 0.609, 0.61, tp_percent=61, fn_percent=39),
    Detection(
        "blobcat", 2779, 2429, 1777, 0.53, 0.609, 0.71, ECML, "IoU >= 0.8, centres < 3 px",
        tp_percent=61, fn_percent=39,
    ),
    Detection("sofia", 1010, 4011, 3546, 0.20, 0.22, 0.63, tp_percent=22, fn_percent=78),
    Detection("decoras", 3560, 759, 996, 0.82, 0.78, 0.60, tp_percent=78.2, fn_percent=21.9),
)  # fmt: skip
BY_DISTANCE = (
    Detection(
        "decoras", 4100, 759, 456, criterion="centres < 3 px", note="text of section 5.1",
        tp_percent=89.9, fn_percent=10.1,
    ),
)  # fmt: skip


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
    """Seconds a cube of 256 x 256 pixels and 128 channels, of 1000.

    From ESO 5.5, the section on data and software of MNRAS, and ECML 3.1.
    """

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
    Time(CHAIN, "total", 0.0032, "", "less than Blobs Finder alone in ESO 5.5; hardware not given", ECML),
    Time("blobcat", "search", 32.0, "", "hardware not given", ECML),
)  # fmt: skip


@dataclass(frozen=True)
class Denoised:
    """Mean relative error of denoised images and its standard deviation (text of GV22 4.1)."""

    dataset: str
    method: str
    relative_error: float
    relative_error_std: float
    source: str = GV22


DENOISED = (Denoised("identity", "autoencoder", 0.159, 0.039),)


@dataclass(frozen=True)
class DenoisingTime:
    """Seconds that a network takes for an image of some pixels, and for one of its tiles (text of GV22 5)."""

    method: str
    seconds: float
    seconds_per_tile: float
    note: str
    pixels: int = 2000 * 2000
    tile: int = 128
    hardware: str = "NVIDIA V100"
    source: str = GV22


DENOISING_TIMES = (
    DenoisingTime("autoencoder", 0.31, math.nan, "to denoise, with 3 times as many tiles, which overlap"),
    DenoisingTime("autoencoder", 0.131, 512e-6, "in training, of tiles side by side"),
)


@dataclass(frozen=True)
class SweptArchitecture:
    """One figure of GV22 Table A1: levels, neurons of the dense layer, side of the convolutions in px.

    The discrepancy is printed for convolutions of 3 x 3 px only. It is a count of pixels of an unstated number of
    images, and the mean squared error is in "code units" that the paper does not define: they rank settings, and cannot
    be compared with ours by value.
    """

    levels: int
    neurons: int
    kernel: int
    mse: float
    discrepancy: float = math.nan


@dataclass(frozen=True)
class Swept:
    """One row of GV22 Tables B1 to B3, with the mean squared error of Table A1."""

    epochs: int
    batch_size: int
    learning_rate: float
    mse: float


_TABLE_A1 = (
    (2, 50, 3.246, 191610, 3.218), (2, 100, 1.229, 49068, 1.263), (2, 200, 0.575, 59180, 0.598),
    (2, 400, 0.400, 62300, 0.435), (3, 50, 3.259, 141288, 3.245), (3, 100, 1.209, 312606, 1.111),
    (3, 200, 0.605, 263144, 0.543), (3, 400, 0.611, 199036, 0.670), (4, 50, 5.017, 86408, 2.677),
    (4, 100, 1.407, 241464, 2.008), (4, 200, 0.934, 130892, 0.876), (4, 400, 0.854, 63698, 2.313),
)  # fmt: skip
SWEPT_ARCHITECTURES: Mapping[tuple[int, int, int], SweptArchitecture] = {
    (one.levels, one.neurons, one.kernel): one
    for levels, neurons, of_3, discrepancy, of_5 in _TABLE_A1
    for one in (
        SweptArchitecture(levels, neurons, 3, of_3, discrepancy),
        SweptArchitecture(levels, neurons, 5, of_5),
    )
}
"""Table A1, of the identity, by levels, neurons and kernel."""

SWEPT_BEST: Mapping[str, tuple[Swept, ...]] = {
    "identity": (
        Swept(100, 50, 0.0001, 0.382), Swept(300, 50, 0.00005, 0.412), Swept(100, 25, 0.0001, 0.415),
        Swept(300, 100, 0.005, 0.432), Swept(300, 100, 0.0001, 0.438), Swept(100, 50, 0.005, 0.449),
        Swept(100, 100, 0.001, 0.479), Swept(300, 100, 0.001, 0.489), Swept(100, 50, 0.00005, 0.535),
        Swept(100, 50, 0.001, 0.548),
    ),
    "noise": (
        Swept(100, 100, 0.001, 27.181), Swept(100, 150, 0.001, 28.348), Swept(100, 150, 0.00005, 29.531),
        Swept(100, 50, 0.0001, 29.546), Swept(100, 50, 0.00005, 29.784), Swept(100, 100, 0.0001, 30.007),
        Swept(100, 200, 0.0001, 30.525), Swept(100, 100, 0.00005, 30.526), Swept(300, 100, 0.0001, 30.738),
        Swept(100, 100, 0.0001, 30.769),
    ),
    "clean": (
        Swept(500, 50, 0.0001, 45.882), Swept(500, 100, 0.001, 49.694), Swept(300, 50, 0.001, 52.817),
        Swept(500, 50, 0.00005, 62.978), Swept(300, 100, 0.001, 87.378), Swept(300, 50, 0.0001, 90.731),
        Swept(500, 100, 0.0001, 106.497), Swept(100, 100, 0.00005, 136.113), Swept(300, 50, 0.00005, 155.270),
        Swept(300, 100, 0.0001, 178.352),
    ),
}  # fmt: skip
"""Tables B1 to B3, the ten best of each dataset, the best first.

The learning rate 0.005 of Table B1 is not one of those that the text lists, and Table B2 has two figures for the same
setting (100 epochs, batch of 100, 0.0001).
"""


@dataclass(frozen=True)
class ResolvedPeak:
    """Peak of a component in Jy/arcsec^2: of the sky, of tclean with two weightings, of RESOLVE (ESO Table 2)."""

    component: int
    true: float
    natural: float
    briggs: float
    resolve: float
    resolve_std: float
    source: str = ESO


RESOLVED_PEAKS = (
    ResolvedPeak(1, 34.11, 24.67, 24.96, 26.68, 5.76),
    ResolvedPeak(2, 23.31, 21.68, 22.19, 23.59, 6.72),
    ResolvedPeak(3, 16.69, 16.31, 16.57, 17.82, 3.86),
)

RESOLVE_PARAMETERS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "simulated": {"zero_mode": (1.0, 0.1), "fluctuations": (5.0, 1.0), "slope": (-2.0, 0.5),
                  "flexibility": (1.2, 0.4), "asperity": (0.2, 0.2)},
    "sz114": {"zero_mode": (1.0, 0.2), "fluctuations": (3.0, 1.0), "slope": (-4.0, 2.0),
              "flexibility": (4.0, 0.8), "asperity": (2.0, 0.8)},
}  # fmt: skip
"""Mean and standard deviation of the parameters of RESOLVE (ESO Tables 1 and 3), whose captions call them inputs."""


DISC_RADII: Mapping[str, tuple[float, float, float]] = {
    "best tclean": (8.63, 22.79, 47.45),
    "tclean hogbom": (8.85, 22.82, 47.07),
    "tclean multiscale": (8.95, 22.53, 47.24),
    "RESOLVE": (9.48, 23.21, 47.24),
}
"""Flux of Sz114 within 0.06, 0.15 and 0.35 arcsec by each method (ESO Table 4), which prints no unit that can be: mJy,
as the whole disc has 49 mJy."""
DISC_RADII_STD = (1.07, 0.68, 2.79)
"""The standard deviations that it prints for RESOLVE."""
