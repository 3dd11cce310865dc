"""Curves of the Bayesian imaging: power spectrum, residual visibilities, course of the inference, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm as normal

from cubefocus.report.figures.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    ORANGE,
    PAGE,
    VERMILION,
    corner_text,
    letter,
    logarithmic,
    new_figure,
    nothing,
    styled,
)  # fmt: skip
from cubefocus.resolve.posterior import Posterior

HEIGHT = 2.5  # inches
BINS = 20  # of baselines
REACH = 5.0  # standard deviations, of histograms
MOST_POINTS = 20000  # residuals that are drawn one by one
QUANTILES = (0.16, 0.5, 0.84)


@dataclass(frozen=True)
class Residuals:
    """Residual visibilities of a window in units of their noise, complex, and their baselines in m, shape (row,)."""

    normalised: np.ndarray
    baselines_m: np.ndarray


@styled
def resolved_power(posterior: Posterior, slope: Sequence[float], sky: np.ndarray | None, cell_arcsec: float) -> Figure:
    """Power spectrum with its spread, the slope of the prior, and the spectrum of the true sky's logarithm.

    The prior is drawn through the posterior at the smallest wavenumber, the truth with the posterior's median level
    over the smaller half of the wavenumbers: what is compared is the shape. The logarithm of the true sky is that above
    the median deviation of the posterior, as nothing is known of what is fainter.

    Parameters
    ----------
    posterior : Posterior
    slope : sequence of float
        Mean and standard deviation of the prior.
    sky : ndarray, shape (y, x), or None
        Jy/arcsec^2.
    cell_arcsec : float
    """
    figure, ((axis,),) = new_figure(1, 1, COLUMN, HEIGHT * 1.1)
    known = posterior.wavenumbers > 0
    k, power = posterior.wavenumbers[known], posterior.power[:, known]
    low, middle, high = np.quantile(power, QUANTILES, axis=0)
    ends = [middle[0] * (k / k[0]) ** (slope[0] + sign * slope[1]) for sign in (-1.0, 0.0, 1.0)]
    axis.fill_between(k, ends[0], ends[2], color="0.85", lw=0, label=f"prior slope ${slope[0]:g} \\pm {slope[1]:g}$")
    axis.plot(k, ends[1], color="0.5", ls=":")
    axis.fill_between(k, low, high, color=BLUE, alpha=0.3, lw=0)
    axis.plot(k, middle, color=BLUE, label="posterior")
    if sky is not None:
        floor = float(np.median(posterior.deviation))
        at, told = radial_power(np.log(np.maximum(sky, floor)), cell_arcsec, k)
        half = at <= np.median(at)
        scale = np.exp(np.median(np.log(np.interp(at[half], k, middle) / told[half])))
        axis.plot(at, scale * told, color=BLACK, ls="--", label="true sky, scaled")
    axis.set(yscale="log", xlabel="wavenumber [arcsec$^{-1}$]", ylabel="power of the logarithm")
    logarithmic(axis, "x")
    axis.legend()
    return figure


def radial_power(field: np.ndarray, cell_arcsec: float, wavenumbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean power of a field about its mean in bins about wavenumbers (cycles per arcsec), and their middles."""
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2 * cell_arcsec**2 / field.size
    rows, columns = (np.fft.fftfreq(side, cell_arcsec) for side in field.shape)
    k = np.hypot(rows[:, None], columns[None, :])
    number = min(len(wavenumbers), 40)
    edges = np.geomspace(0.9 * wavenumbers[0], 1.001 * wavenumbers[-1], number + 1)
    counts, sums, places = (np.histogram(k, edges, weights=one)[0] for one in (np.ones_like(k), power, k))
    held = (counts > 0) & (sums > 0)
    return places[held] / counts[held], sums[held] / counts[held]


@styled
def resolved_residuals(windows: Sequence[Residuals]) -> Figure:
    """Residual visibilities in units of their noise against baseline, and their histogram beside the normal one.

    Parameters
    ----------
    windows : sequence of Residuals
        One at least.
    """
    values = np.concatenate([each.normalised for each in windows])
    baselines = np.concatenate([each.baselines_m for each in windows])
    figure, ((course, counts),) = new_figure(1, 2, PAGE, HEIGHT)
    _against_baseline(course, values, baselines)
    both = np.concatenate([values.real, values.imag])
    edges = np.linspace(-REACH, REACH, 61)
    counts.hist(both, edges, density=True, color=BLUE, alpha=0.4, label="residuals")
    counts.plot(edges, normal.pdf(edges), color=BLACK, label="normal distribution")
    counts.set(xlabel="residual / noise", ylabel="density", yscale="log", xlim=(-REACH, REACH),
               ylim=(0.2 * normal.pdf(REACH - 1.0), 1.5))  # fmt: skip
    counts.legend(loc="lower center")
    corner_text(counts, f"std {both.std():.3f}")
    for number, axis in enumerate((course, counts)):
        letter(axis, number)
    return figure


def _against_baseline(axis: Axes, values: np.ndarray, baselines: np.ndarray) -> None:
    """Each residual, and the rms of real and imaginary parts in bins with as many visibilities each."""
    step = -(-values.size // MOST_POINTS)
    for part, colour, label in ((values.real, BLUE, "real"), (values.imag, ORANGE, "imaginary")):
        axis.plot(baselines[::step], part[::step], ".", color=colour, ms=1, alpha=0.3, rasterized=True, label=label)
    order = np.argsort(baselines)
    parts = [part for part in np.array_split(order, min(BINS, values.size)) if part.size]
    rms = [np.sqrt(0.5 * np.mean(np.abs(values[part]) ** 2)) for part in parts]
    middles = [np.median(baselines[part]) for part in parts]
    axis.plot(middles, rms, "o-", color=BLACK, label="rms")
    axis.axhline(1.0, color="0.5", lw=0.7, ls=":")
    axis.set(xlabel="baseline [m]", ylabel="residual / noise", ylim=(-REACH, REACH))
    axis.legend(loc="lower right", ncols=3, markerscale=2)


@styled
def resolved_energy(rounds: Table, chi2: Sequence[float]) -> Figure:
    """Energy and reduced chi^2 after each round.

    Parameters
    ----------
    rounds : Table
        ``round``, ``energy``, ``reduced_chi2`` of a posterior.
    chi2 : sequence of float
        Between which it is of an inference that has converged.
    """
    figure, ((energy, fit),) = new_figure(1, 2, PAGE, HEIGHT)
    number, values = np.asarray(rounds["round"]), np.asarray(rounds["energy"], dtype=float)
    energy.plot(number, values, "o-", color=BLUE)
    energy.set(xlabel="round", ylabel="energy")
    fit.axhspan(*chi2, color=GREEN, alpha=0.2, lw=0, label="converged")
    fit.plot(number, np.asarray(rounds["reduced_chi2"], dtype=float), "s-", color=VERMILION)
    fit.set(xlabel="round", ylabel=r"reduced $\chi^2$")
    for axis, positive in ((energy, (values > 0).all()), (fit, True)):
        if positive:
            logarithmic(axis, "y")
    fit.legend()
    return figure


@styled
def resolved_coverage(compared: Table) -> Figure:
    """Deviations of fluxes and peaks in their stated errors: distribution, and against the S/N of the component.

    Parameters
    ----------
    compared : Table
        Of all skies of the coverage, as `cubefocus.resolve.compared.compare` makes it.
    """
    figure, ((counts, course),) = new_figure(1, 2, PAGE, HEIGHT)
    if not len(compared):
        nothing(counts, "no skies")
        nothing(course, "no skies")
        return figure
    edges = np.linspace(-REACH, REACH, 26)
    for quantity, colour, marker in (("flux", BLUE, "o"), ("peak", VERMILION, "s")):
        pulls = pulls_of(compared, quantity)
        counts.hist(np.clip(pulls, -REACH, REACH), edges, density=True, histtype="step", color=colour, lw=1.2,
                    label=f"{quantity}: {pulls.mean():+.2f}, width {pulls.std():.2f}")  # fmt: skip
        course.plot(np.asarray(compared["snr"]), np.clip(pulls, -REACH, REACH), marker, color=colour, label=quantity)
    counts.plot(edges, normal.pdf(edges), color=BLACK, label="normal distribution")
    counts.set(xlabel="(RESOLVE $-$ true) / error", ylabel="density", xlim=(-REACH, REACH))
    counts.set_ylim(0.0, 1.5 * counts.get_ylim()[1])  # room for the legend
    for one, style in ((1.0, "--"), (2.0, ":")):
        for sign in (-one, one):
            course.axhline(sign, color="0.5", lw=0.7, ls=style)
    logarithmic(course, "x")
    course.set(
        xlabel="S/N of the component's flux", ylabel="(RESOLVE $-$ true) / error", ylim=(-REACH * 1.05, REACH * 1.05)
    )
    for axis in (counts, course):
        axis.legend(loc="upper left", fontsize=7)
    return figure


def pulls_of(compared: Mapping[str, np.ndarray] | Table, quantity: str) -> np.ndarray:
    """(RESOLVE - true) / error of each component."""
    told, error, true = (
        np.asarray(compared[f"{quantity}_{name}"], dtype=float) for name in ("resolve", "resolve_std", "true")
    )
    pulls: np.ndarray = (told - true) / error
    return pulls
