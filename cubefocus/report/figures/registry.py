"""The figures of a run by name, each a function of what the run left and of what only figures show.

Importing this needs the standard library alone, as the workflow takes the names from here on login nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cubefocus.report.run import Run
    from cubefocus.report.shown import Shown


def distributions(run: Run, shown: Shown) -> Figure:
    """What the simulated sources are like."""
    from cubefocus.report.figures.distributions import truth_distributions

    return truth_distributions(run.truth)


def images(run: Run, shown: Shown) -> Figure:
    """Dirty image, sky and probability map with boxes."""
    from cubefocus.report.figures.images import image_panels, panels_of

    return image_panels(panels_of(run, shown))


def spectra(run: Run, shown: Shown) -> Figure:
    """Dirty and predicted spectra with line ranges."""
    from cubefocus.report.figures.spectra import panels_of, spectra

    return spectra(panels_of(run, shown))


def focused(run: Run, shown: Shown) -> Figure:
    """Focused images of the sources of a cube."""
    from cubefocus.report.figures.focused import focused_of

    return focused_of(run, shown)


def detected(run: Run, shown: Shown) -> Figure:
    """Which sources each method detects."""
    from cubefocus.report.figures.detected import detected_histograms

    return detected_histograms(run.truth, {one.name: run.matches_of(one).matched_true for one in run.compared})


def residuals(run: Run, shown: Shown) -> Figure:
    """True against predicted parameters."""
    from cubefocus.report.figures.residuals import parameter_residuals

    return parameter_residuals(run.catalogue, run.truth, run.matches)


def pulls(run: Run, shown: Shown) -> Figure:
    """Residuals of the fit over the errors that it states."""
    from cubefocus.report.figures.pulls import pull_histograms

    return pull_histograms(run.fitted, run.truth, run.matches_of(run.fit))


def flux_error(run: Run, shown: Shown) -> Figure:
    """Relative error of the flux against SNR."""
    from cubefocus.report.figures.flux_error import flux_error

    return flux_error(run.catalogue, run.truth, run.matches)


def pa_error(run: Run, shown: Shown) -> Figure:
    """Error of the position angle against the axis ratio."""
    from cubefocus.report.figures.pa_error import pa_error

    return pa_error(run.catalogue, run.truth, run.matches)


def completeness(run: Run, shown: Shown) -> Figure:
    """Completeness and purity against SNR and blendness."""
    from cubefocus.report.figures.completeness import completeness_purity
    from cubefocus.report.image_snr import SNR
    from cubefocus.report.rates import rates_table

    return completeness_purity(rates_table(run.compared, run.truth, run.settings, SNR))


def fidelity(run: Run, shown: Shown) -> Figure:
    """Fidelity against SNR."""
    from cubefocus.report.figures.fidelity import fidelity_curves
    from cubefocus.report.image_snr import SNR
    from cubefocus.report.tables.fidelity import fidelity_table

    return fidelity_curves(fidelity_table(run.with_inverted, run.settings.interval, SNR))


def maps(run: Run, shown: Shown) -> Figure:
    """Maps of all networks beside the sky."""
    from cubefocus.report.figures.maps import map_panels, panels_of

    return map_panels(panels_of(run, shown))


def residual_maps(run: Run, shown: Shown) -> Figure:
    """Blobs Finder's map beside what CLEAN makes of the cube; for runs whose finders search cleaned cubes."""
    from cubefocus.report.figures.residual_maps import panels_of, residual_panels

    return residual_panels(panels_of(run, shown))


def tuning(run: Run, shown: Shown) -> Figure:
    """How the parameters of the other finders were chosen."""
    from cubefocus.report.figures.tuning import tuning_curves

    return tuning_curves(shown.scores)


FIGURES: dict[str, Callable[[Run, Shown], Figure]] = {
    figure.__name__: figure
    for figure in (
        distributions, images, spectra, focused, detected, residuals, pulls, flux_error, pa_error, completeness,
        fidelity, maps, residual_maps, tuning,
    )
}  # fmt: skip
