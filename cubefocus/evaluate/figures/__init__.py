"""Figures: functions that take tables and arrays and return a matplotlib figure, and one that saves it."""

from cubefocus.evaluate.figures.fidelity import fidelity_curves
from cubefocus.evaluate.figures.images import ImagePanel, SpectrumPanel, focused_images, image_panels, spectra
from cubefocus.evaluate.figures.results import (
    completeness_purity,
    detected_histograms,
    flux_error,
    pa_error,
    parameter_residuals,
)
from cubefocus.evaluate.figures.style import save_figure
from cubefocus.evaluate.figures.training import training_curves
from cubefocus.evaluate.figures.truth import truth_distributions
from cubefocus.evaluate.figures.tuning import tuning_curves

__all__ = [
    "ImagePanel",
    "SpectrumPanel",
    "completeness_purity",
    "detected_histograms",
    "fidelity_curves",
    "flux_error",
    "focused_images",
    "image_panels",
    "pa_error",
    "parameter_residuals",
    "save_figure",
    "spectra",
    "training_curves",
    "truth_distributions",
    "tuning_curves",
]
