"""Tables of the Bayesian imaging: peaks and fluxes of the components, coverage of the errors, and hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Row, Table

from cubefocus.report.published import RESOLVE_PARAMETERS, RESOLVED_PEAKS, THIS_RUN, ResolvedPeak
from cubefocus.resolve.compared import FIT, RESOLVE, TRUE, WANTED
from cubefocus.resolve.parameters import shift
from cubefocus.stats.intervals import wilson

LABELS = {RESOLVE: "RESOLVE", FIT: "fit through the response", "natural": "tclean natural", "briggs": "tclean Briggs"}
DEVIATIONS, QUANTILES = "mean ± deviations", "quantiles of the samples"
UNITS = {"peaks": "Jy / arcsec2", "fluxes": "Jy"}
MEANINGS = {
    "true": "of the sky that was observed",
    "resolve": "mean and standard deviation of the posterior samples",
    "fit": "components fitted through the response from the true values: what a parametric model can tell at best",
    "off_resolve": "(RESOLVE - true) / true in per cent",
    "errors_off_resolve": "RESOLVE - true in its own errors",
    "errors_off_fit": "fit - component true in its own errors",
    "highest_resolve": "highest pixel within the FWHM, mean over the samples: noise makes it higher than the peak",
    "component_true": "peak, or whole flux, of the component alone",
    "interval": f"how errors are stated: {DEVIATIONS} (1 and 2), or {QUANTILES}",
    "n": "components, over the skies of the coverage",
    "within_68": "share of the true values within the stated 68 % interval, with Wilson's interval",
    "within_95": "the same of the 95 % interval",
    "reached": f"whether the shares are {WANTED[68][0]:.0%} to {WANTED[68][1]:.0%} and {WANTED[95][0]:.0%} to "
    f"{WANTED[95][1]:.0%}",
    "bias": "mean of (told - true) / true in per cent, and its standard error",
    "pull": "mean of (told - true) / error",
    "pull_width": "standard deviation of the same: 1 where errors are what they should be",
    "prior": "what was assumed: mean and standard deviation",
    "posterior": "what was inferred: mean and standard deviation of the samples",
    "shift": "posterior less prior mean, in standard deviations of the prior",
    "narrower": "standard deviation of the posterior over that of the prior: 1 where the data say nothing",
}


def peaks_table(compared: Table, published: Sequence[ResolvedPeak] = RESOLVED_PEAKS) -> Table:
    """Brightness at the true place of each component by each method (ESO Table 2), with published rows below ours.

    Parameters
    ----------
    compared : Table
        Of one sky, as `cubefocus.resolve.compared.compare` makes it.
    published : sequence of ResolvedPeak

    Returns
    -------
    Table
    """
    rows = []
    for one in compared:
        rows.append(_row(one, "peak", "component_peak_fit"))
        rows[-1]["highest_resolve"] = float(one["highest_resolve"])
        rows[-1]["highest_resolve_std"] = float(one["highest_resolve_std"])
        rows += [_published_peak(rows[-1], each) for each in published if each.component == one["component"]]
    return _described(rows, "peaks", "Peaks of the components: brightness at their true places, bilinear between "
                      "pixels, of sky, tclean (over the area of its beam) and RESOLVE. The fit's is the peak of the "
                      f"component alone, to be compared with component true.{converged(compared)}")  # fmt: skip


def fluxes_table(compared: Table) -> Table:
    """Flux within the same ellipse, 1.5 FWHM wide, around each component by each method."""
    rows = []
    for one in compared:
        rows.append(_row(one, "flux", "flux_fit"))
    return _described(rows, "fluxes", "Integrated fluxes of the components: within an ellipse 1.5 FWHM wide in sky, "
                      "tclean and samples of RESOLVE. The flux of the fit is that of the whole component alone, to be "
                      f"compared with component true.{converged(compared)}")  # fmt: skip


def _row(one: Row, quantity: str, fitted: str) -> dict[str, Any]:
    """A component by each method."""
    names = [name for name in ("natural", "briggs") if f"{quantity}_{name}" in one.colnames]
    true, alone = float(one[f"{quantity}_{TRUE}"]), float(one[f"{quantity}_component"])
    row: dict[str, Any] = {"component": int(one["component"]), "source": THIS_RUN, "true": true}
    row |= {f"tclean_{name}": float(one[f"{quantity}_{name}"]) for name in names}
    row |= {f"{RESOLVE}{end}": float(one[f"{quantity}_{RESOLVE}{end}"]) for end in ("", "_std")}
    row |= {f"off_tclean_{name}": _percent(row[f"tclean_{name}"], true) for name in names}
    row |= {
        "off_resolve": _percent(row[RESOLVE], true),
        "errors_off_resolve": (row[RESOLVE] - true) / row["resolve_std"],
    }
    row |= {"component_true": alone, FIT: float(one[fitted]), "fit_std": float(one[f"{fitted}_std"])}
    return row | {"errors_off_fit": (row[FIT] - alone) / row["fit_std"]}


def _published_peak(ours: Mapping[str, Any], each: ResolvedPeak) -> dict[str, Any]:
    row = dict.fromkeys(ours, math.nan) | {"component": each.component, "source": each.source, "true": each.true}
    tclean = {"natural": each.natural, "briggs": each.briggs}
    for name, value in tclean.items():
        if f"tclean_{name}" in ours:
            row |= {f"tclean_{name}": value, f"off_tclean_{name}": _percent(value, each.true)}
    row |= {RESOLVE: each.resolve, f"{RESOLVE}_std": each.resolve_std, "off_resolve": _percent(each.resolve, each.true)}
    return row | {"errors_off_resolve": (each.resolve - each.true) / each.resolve_std}


def converged(compared: Table) -> str:
    """How many of the inferences behind a table had converged, as a sentence with a blank before it."""
    verdicts = {str(one["sky"]): bool(one["converged"]) for one in compared}
    return f" Inferences that had converged: {sum(verdicts.values())} of {len(verdicts)}."


def _percent(told: float, true: float) -> float:
    return 100.0 * (told - true) / true


def coverage_table(compared: Table, level: float = 0.68) -> Table:
    """How often the truth lies within the stated errors.

    RESOLVE states standard deviations: of sixteen samples or so no quantile of 2.5 % is known, and their range is what
    the quantiles of 95 % come to. So what is to be reached is asked of the mean with 1 and 2 standard deviations; the
    quantiles stand beside it.

    Parameters
    ----------
    compared : Table
        Of all skies of the coverage, one below the other.
    level : float
        Of Wilson's intervals.

    Returns
    -------
    Table
        A row for each quantity, method and kind of interval; of CLEAN, which states no error, the bias alone.
    """
    rows = [
        _covered(quantity, *stated, level) for quantity in ("peak", "flux") for stated in _stated(compared, quantity)
    ]
    table = _described(rows, "coverage", "Coverage of the stated errors over the skies of random components: peaks are "
                       "brightnesses at the true places, fluxes those within the same ellipse of sky and samples; the "
                       f"fit's are peak and flux of the component alone.{converged(compared)}")  # fmt: skip
    for name in ("within_68", "within_95", "pull", "pull_width"):
        table[name].info.format = ".3f"
    return table


Stated = tuple[str, str, np.ndarray, np.ndarray, np.ndarray, Mapping[int, np.ndarray]]


def _stated(compared: Table, quantity: str) -> Iterator[Stated]:
    """Method, kind of interval, truth, value, error, and whether each truth is within the two intervals."""
    true = np.asarray(compared[f"{quantity}_{TRUE}"], dtype=float)
    value, error = (np.asarray(compared[f"{quantity}_{RESOLVE}{end}"], dtype=float) for end in ("", "_std"))
    yield RESOLVE, DEVIATIONS, true, value, error, _deviations(true, value, error)
    ends = {name: np.asarray(compared[f"{quantity}_{RESOLVE}_{name}"]) for name in ("lo_68", "hi_68", "lo_95", "hi_95")}
    inside = {one: (true >= ends[f"lo_{one}"]) & (true <= ends[f"hi_{one}"]) for one in WANTED}
    yield RESOLVE, QUANTILES, true, value, error, inside
    alone = np.asarray(compared[f"{quantity}_component"], dtype=float)
    name = "component_peak_fit" if quantity == "peak" else "flux_fit"
    value, error = np.asarray(compared[name], dtype=float), np.asarray(compared[f"{name}_std"], dtype=float)
    yield FIT, DEVIATIONS, alone, value, error, _deviations(alone, value, error)
    for weighting in ("natural", "briggs"):
        if f"{quantity}_{weighting}" in compared.colnames:
            value = np.asarray(compared[f"{quantity}_{weighting}"], dtype=float)
            yield weighting, "", true, value, np.full_like(value, np.nan), {}


def _deviations(true: np.ndarray, value: np.ndarray, error: np.ndarray) -> dict[int, np.ndarray]:
    """Whether truths are within 1 and 2 errors."""
    return {68: np.abs(value - true) <= error, 95: np.abs(value - true) <= 2.0 * error}


def _covered(
    quantity: str, method: str, interval: str, true: np.ndarray, value: np.ndarray, error: np.ndarray,
    inside: Mapping[int, np.ndarray], level: float,
) -> dict[str, Any]:  # fmt: skip
    """Row of a method."""
    off = 100.0 * (value - true) / true
    row: dict[str, Any] = {"quantity": quantity, "method": LABELS[method], "interval": interval, "n": len(true)}
    for one in WANTED:
        held, number = int(inside[one].sum()) if inside else 0, len(true) if inside else 0
        low, high = wilson(held, number, level)
        share = held / number if number else math.nan
        row |= {f"within_{one}": share, f"within_{one}_lo": float(low), f"within_{one}_hi": float(high)}
    met = [low <= row[f"within_{one}"] <= high for one, (low, high) in WANTED.items()]
    row["reached"] = ("yes" if all(met) else "no") if inside and len(true) else ""
    row |= {"bias": float(off.mean()), "bias_std": _standard_error(off)}
    pull = (value - true) / error
    return row | {"pull": float(pull.mean()), "pull_width": float(pull.std(ddof=1)) if len(pull) > 1 else math.nan}


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan


def hyperparameters_table(
    parameters: Mapping[str, np.ndarray],
    prior: Mapping[str, Sequence[float]],
    printed: Mapping[str, Mapping[str, tuple[float, float]]] = RESOLVE_PARAMETERS,
) -> Table:
    """Prior and posterior of the parameters of the power spectrum, beside the report's (ESO Tables 1 and 3).

    Parameters
    ----------
    parameters : mapping of str to ndarray, shape (sample,)
        Of the posterior.
    prior : mapping of str to (mean, standard deviation)
        Of the config; parameters without one are left out.
    printed : mapping

    Returns
    -------
    Table
    """
    rows = []
    for name, values in parameters.items():
        if name not in prior:
            continue
        mean, spread = map(float, prior[name])
        row: dict[str, Any] = {"parameter": name.replace("_", " "), "prior": mean, "prior_std": spread}
        row |= {"posterior": float(values.mean()), "posterior_std": float(values.std(ddof=1))}
        row |= {"shift": shift(values, (mean, spread)), "narrower": row["posterior_std"] / spread}
        for which, told in printed.items():
            row[f"published_{which}"], row[f"published_{which}_std"] = told.get(name, (math.nan, math.nan))
        rows.append(row)
    return _described(rows, "hyperparameters", "Parameters of the power spectrum of the logarithm of the sky: prior, "
                      "posterior, and the report's for its simulated data (Table 1) and Sz114 (Table 3).")  # fmt: skip


def _described(rows: list[dict[str, Any]], name: str, caption: str) -> Table:
    """A table with units, meanings and two digits."""
    table = Table(rows, meta={"caption": caption, "label": f"tab:{name}"})
    unit = UNITS.get(name)
    for column in table.colnames:
        if table[column].dtype.kind == "f":
            table[column].info.format = ".2f"
            if unit and not column.startswith(("off_", "errors_")):
                table[column].unit = unit
        table[column].info.description = MEANINGS.get(column)
        if column.startswith("off_") or column == "bias":
            table[column].unit = "%"
    return table
