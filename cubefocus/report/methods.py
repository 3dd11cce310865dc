"""The methods that tables and figures compare, by name, and what a figure calls them.

A finder has its name of `cubefocus.specs`; what the chain goes through has the name of the networks behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from astropy.table import Table

from cubefocus.settings import EvaluationSettings
from cubefocus.specs import BLOBS_FINDER_VARIANTS, FINDERS, NETWORKS
from cubefocus.tables.matching import Matches, match

BLOBS = NETWORKS["blobs_finder"].name
PEAKS = f"{BLOBS}+{NETWORKS['deep_gru'].name}"
CHAIN = "chain"
FITTED = f"{CHAIN}+fit"
ORACLE = "oracle"
TCLEAN = FINDERS["tclean"].name
MATCHED_FILTER = FINDERS["matched_filter"].name
LABELS = {
    BLOBS: "Blobs Finder",
    PEAKS: "Blobs Finder + Deep GRU",
    **{f"{BLOBS}_{variant}": f"Blobs Finder, {variant.upper()}" for variant in BLOBS_FINDER_VARIANTS},
    FITTED: "chain + fit",
    "deep_gru": "Deep GRU",
    "sofia": "SoFiA-2",
    "decoras": "DECORAS",
    "decoras_bce": "DECORAS, BCE",
    "bdsf": "PyBDSF",
    "aegean": "Aegean",
    "sigma_x": r"ResNet $\sigma_x$",
    "sigma_y": r"ResNet $\sigma_y$",
    "pa": "ResNet pa",
    "shape": r"ResNet $\sigma_x$, $\sigma_y$, pa",
    "flux": "ResNet flux",
}
"""Of methods and networks; one that is missing has its name, with blanks."""


@dataclass(frozen=True)
class Method:
    """A method and what it found on the test cubes.

    Attributes
    ----------
    name : str
        As in the table; a published row of the same name is put beside it.
    predictions : astropy.table.Table
        Columns as `cubefocus.tables.matching.match` reads them, all test cubes in one table.
    with_line : bool
        Whether its lines are part of the criterion.
    with_box : bool
        Whether its boxes are; if not, only the distance of the centres counts.
    oracle : str or None
        Name of the method that is its upper bound: the same extraction on the noise-free map.
    note : str
        For the column of that name, such as its parameters.
    """

    name: str
    predictions: Table
    with_line: bool = False
    with_box: bool = True
    oracle: str | None = ORACLE
    note: str = ""

    def matches(self, true: Table, settings: EvaluationSettings) -> Matches:
        """Pairs of what it found and the true sources of the same cubes."""
        return match(self.predictions, true, **settings.criterion(self.with_line, self.with_box))


def label_of(name: str) -> str:
    """A method or network as a figure names it."""
    return LABELS.get(name, name.replace("_", " "))


def split_name(method: str, split: str) -> str:
    """Name of a method of maps whose touching blobs are told apart in the way `split` (``none``: not at all)."""
    return method if split == "none" else f"{method} ({split})"
