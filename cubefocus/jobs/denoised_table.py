"""Table of the methods to denoise, over all test images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.files import atomic_path, read_table, write_table

FACTS = ("dataset", "method", "image")
PUBLISHED = {("identity", "autoencoder"): (0.159, 0.039)}  # mean relative error, GV22 section 4.1
SHOWN = {
    "relative_error": "mean relative error",
    "relative_error_faint": "the same at S/N 0.3 to 3",
    "mse": "MSE of the logarithm",
    "discrepancy": "discrepancy of the histogram",
    "correlation": "correlation at 20 arcsec",
    "correlation_sky": "the sky's own",
    "dimming": "dimming",
    "completeness": "completeness",
    "purity": "purity",
}
NOTE = (
    "Mean over the test images, and their standard deviation. Relative error: Gheller & Vazza (2022), Eq. 7, of pixels "
    "whose sky is above 1e-7 Jy/arcsec^2; the published one beside ours. Discrepancy: Eq. A1, over the number of "
    "pixels. Correlation: Eq. 8. Dimming: flux that the brightest pixels have lost. Completeness and purity: of pixels "
    "with emission; filters are cut at a third of the noise.\n"
)


@dataclass(frozen=True)
class DenoisedTable:
    """Scores to put together, and the files to write."""

    scores: Sequence[str]
    csv: str
    markdown: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: DenoisedTable) -> None:
    """Make the table.

    Raises
    ------
    CubefocusError
        If a table cannot be read.
    """
    every = vstack([read_table(path) for path in job.scores], metadata_conflicts="silent")
    table = Table([*rows(every)])
    write_table(job.csv, table, job.provenance)
    with atomic_path(job.markdown) as part:
        part.write_text(markdown(table), encoding="utf-8")


def rows(every: Table) -> Iterator[dict[str, Any]]:
    """One row for each dataset and method: mean and standard deviation of each score over the images."""
    pairs = dict.fromkeys((str(row["dataset"]), str(row["method"])) for row in every)
    for dataset, method in pairs:
        of = every[(np.asarray(every["dataset"]) == dataset) & (np.asarray(every["method"]) == method)]
        row: dict[str, Any] = {"dataset": dataset, "method": method, "images": len(of)}
        for name in every.colnames:
            if name not in FACTS:
                values = np.asarray(of[name], dtype=float)
                held = values[np.isfinite(values)]
                row[name] = float(held.mean()) if held.size else np.nan
                row[f"{name}_std"] = float(held.std(ddof=1)) if held.size > 1 else np.nan
        row["published"], row["published_std"] = PUBLISHED.get((dataset, method), (np.nan, np.nan))
        yield row


def markdown(table: Table) -> str:
    """The table to be read."""
    heads = ["images of", "method", *SHOWN.values(), "published"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in table:
        values = [_shown(row[name], row[f"{name}_std"]) for name in SHOWN]
        published = _shown(row["published"], row["published_std"])
        lines.append(f"| {' | '.join([str(row['dataset']), str(row['method']), *values, published])} |")
    return "\n".join([*lines, "", NOTE])


def _shown(value: float, spread: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:.3g}" + (f" +- {spread:.2g}" if np.isfinite(spread) else "")
