"""The parameters of matched sources, and how their errors are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from cubefocus.tables.columns import LINE_RANGE, column, has_columns
from cubefocus.tables.matching import Matches

ELONGATED = 1.2


@dataclass(frozen=True)
class Parameter:
    """A parameter of the table: its column, the unit it is shown in and the unit of a column that states none."""

    name: str
    unit: str
    column: str
    default_unit: str | None = None
    fractions: bool = False
    elongated: bool = False
    relative: bool = False

    def values(self, table: Table) -> np.ndarray:
        """The parameter of each source, NaN where it is not known, shape (n,)."""
        if self.column == "extension":
            return column(table, "z1") - column(table, "z0")
        unit = None if self.default_unit is None else self.unit
        return column(table, self.column, unit, self.default_unit)

    def known(self, table: Table, is_true: bool = False) -> bool:
        """Whether a table has the columns; that of true sources also says which are elongated."""
        names = LINE_RANGE if self.column == "extension" else (self.column,)
        return has_columns(table, names + (("sigma_x", "sigma_y") if self.elongated and is_true else ()))


FLUX = Parameter("flux", "mJy / beam", "flux", "Jy / beam", fractions=True)
PARAMETERS = (
    Parameter("x", "pix", "x"),
    Parameter("y", "pix", "y"),
    Parameter("sigma_x", "pix", "sigma_x"),
    Parameter("sigma_y", "pix", "sigma_y"),
    Parameter("z", "channel", "z"),
    Parameter("extension", "channel", "extension"),
    Parameter("pa", "deg", "pa", fractions=True),
    Parameter("pa_elongated", "deg", "pa", fractions=True, elongated=True),
    FLUX,
    Parameter("flux_relative", "", "flux", relative=True),
)


def shared_parameters(pred: Table, true: Table) -> tuple[Parameter, ...]:
    """The parameters for which both tables have columns."""
    return tuple(parameter for parameter in PARAMETERS if parameter.known(pred) and parameter.known(true, is_true=True))


def pairs(parameter: Parameter, pred: Table, true: Table, matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values of the matched sources in the unit of the parameter, each of shape (n_pairs,)."""
    if matches.tp == 0:
        return np.empty(0), np.empty(0)
    return parameter.values(true)[matches.true], parameter.values(pred)[matches.pred]


def axis_ratio(table: Table) -> np.ndarray:
    """Longer over shorter of sigma_x and sigma_y, at least 1, shape (n,); NaN for sources without extent."""
    x, y = column(table, "sigma_x"), column(table, "sigma_y")
    short = np.minimum(x, y)
    return np.divide(np.maximum(x, y), short, out=np.full(x.shape, np.nan), where=short > 0)


def relative_error(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(true - predicted) / true (MNRAS Eq. 24); NaN where the true value is 0."""
    return np.divide(truth - predicted, truth, out=np.full(truth.shape, np.nan), where=truth != 0)
