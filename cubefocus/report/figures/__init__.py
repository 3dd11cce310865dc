"""Figures: functions that take tables and arrays and return a matplotlib figure, and one that saves it."""

from cubefocus.report.figures.fidelity import fidelity_curves
from cubefocus.report.figures.images import ImagePanel, SpectrumPanel, focused_images, image_panels, spectra
from cubefocus.report.figures.results import (
    completeness_purity,
    detected_histograms,
    flux_error,
    pa_error,
    parameter_residuals,
)
from cubefocus.report.figures.style import save_figure
from cubefocus.report.figures.training import training_curves
from cubefocus.report.figures.truth import truth_distributions
from cubefocus.report.figures.tuning import tuning_curves

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
