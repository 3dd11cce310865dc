"""Table 6: how far detections can be trusted without knowing the truth, from the inverted image or cube."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table, vstack

from cubefocus.errors import CubefocusError
from cubefocus.stats.intervals import wilson
from cubefocus.tables.columns import column

STEP = 1.25  # from one edge of the bins to the next
FEWEST = 10  # detections from an edge upwards: what is above is one bin
DEFAULT_SNR = "snr"


def fidelity(
    positive: Table, negative: Table, edges: np.ndarray, level: float = 0.68, snr_column: str = DEFAULT_SNR
) -> Table:
    """Fidelity 1 - N(negative) / N(positive) in bins of SNR (Walter et al. 2016, ApJ 833, 67).

    Noise that is symmetric about 0 gives as many detections in the inverted data as false ones in the data. So the
    dirty beam's negative sidelobes around bright sources and absorption lines count as noise here, and the fidelity
    is then too low.

    Parameters
    ----------
    positive, negative : astropy.table.Table
        Detections in the data and in the data times -1, by the same method with the same parameters.
    edges : ndarray, shape (n_bins + 1,)
        Bins are half-open, the last one closed.
    level : float
        Probability that an interval covers.
    snr_column : str

    Returns
    -------
    astropy.table.Table
        One row a bin: low, high; n_positive, n_negative, fidelity; and the same for all detections of this and the
        bins above, n_positive_above, n_negative_above, fidelity_above. NaN where there are no positive ones; below 0
        where there are fewer than negative ones.

        The intervals (``_lo``, ``_hi``) are those of the ratio of two Poisson counts: given their sum, the negative
        ones are binomial (Przyborowski & Wilenski 1940, Biometrika 31, 313), with Wilson's interval. A bootstrap over
        cubes would have no width where there are no negative ones, which is where the fidelity is of interest, and
        none at all for a single cube. It is too narrow where detections come in groups, as around one sidelobe.

    Raises
    ------
    CubefocusError
        If a table with rows lacks the SNR.
    """
    above, below = (np.histogram(_known(table, snr_column), edges)[0] for table in (positive, negative))
    names = ("low", "high", "n_positive", "n_negative", "fidelity", "fidelity_lo", "fidelity_hi")
    table = Table([edges[:-1], edges[1:], above, below, *ratio(above, below, level)], names=names)
    sums = [np.cumsum(counts[::-1])[::-1] for counts in (above, below)]
    table["n_positive_above"], table["n_negative_above"] = sums
    for end, values in zip(("", "_lo", "_hi"), ratio(sums[0], sums[1], level), strict=True):
        table[f"fidelity_above{end}"] = values
    return table


def ratio(positive: np.ndarray, negative: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1 - negative / positive of two Poisson counts and the ends of its interval; NaN where positive is 0."""
    some = positive > 0
    values = np.where(some, 1.0 - negative / np.where(some, positive, 1), np.nan)
    # A share p of negative ones among all is a ratio p / (1 - p) of negative to positive ones.
    shares = wilson(negative, positive + negative, level)
    high, low = (np.where(some, 1.0 - share / np.where(some, 1.0 - share, 1.0), np.nan) for share in shares)
    return values, low, high


def snr_edges(positive: Table, negative: Table, snr_column: str = DEFAULT_SNR) -> np.ndarray:
    """Edges of bins of about 25 % width over the SNRs of both tables, the last one to the brightest detection."""
    snr = np.concatenate([_known(table, snr_column) for table in (positive, negative)])
    if snr.size == 0:
        return np.array([1.0, STEP])
    low, high = float(snr.min()), max(float(snr.max()), STEP * float(snr.min()))
    edges = np.geomspace(low, high, round(np.log(high / low) / np.log(STEP)) + 1)
    starts = [edge for edge in edges[1:-1] if (snr >= edge).sum() >= FEWEST]
    return np.array([edges[0], *starts, edges[-1]])


def _known(table: Table, snr_column: str) -> np.ndarray:
    snr = column(table, snr_column)
    snr = snr[np.isfinite(snr)]
    if (snr <= 0).any():
        raise CubefocusError(
            f"a detection has the SNR {snr.min():g}; those of the inverted data are counted upwards too: give the SNR "
            "in the data that was searched"
        )
    return snr


def fidelity_table(
    detections: Mapping[str, tuple[Table, Table]], level: float = 0.68, snr_column: str = DEFAULT_SNR
) -> Table:
    """Fidelity of each method against SNR (table 6).

    Parameters
    ----------
    detections : mapping from method to (positive, negative)
        Detections in the data and in the data times -1.
    level : float
    snr_column : str

    Returns
    -------
    astropy.table.Table
        As `fidelity` in the bins of `snr_edges`, with the column method in front. SNRs of different methods need not
        mean the same.

    Raises
    ------
    CubefocusError
        If there is no method, or a table lacks the SNR.
    """
    if not detections:
        raise CubefocusError("no method to give the fidelity of; give the detections of at least one")
    tables = []
    for method, (positive, negative) in detections.items():
        table = fidelity(positive, negative, snr_edges(positive, negative, snr_column), level, snr_column)
        table.add_column([method] * len(table), name="method", index=0)
        tables.append(table)
    joined = vstack(tables)
    for name in joined.colnames:
        if joined[name].dtype.kind == "f":
            joined[name].info.format = ".2f"
    joined.meta["caption"] = (
        "Fidelity, 1 - N(negative) / N(positive), from the detections in the data and in the inverted data, in bins "
        "of SNR and for all detections from the bin upwards. Intervals are those of the ratio of two Poisson counts."
    )
    joined.meta["label"] = "tab:fidelity"
    return joined
