"""The parameters of matched sources, and how their errors are measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.specs import SHAPES
from cubefocus.tables.columns import LINE_RANGE, column, cube_ids, has_columns
from cubefocus.tables.matching import Matches
from cubefocus.tables.shapes import like_true

ELONGATED = 1.2
QUARTER, HALF = 90.0, 180.0  # deg after which the paper's angle, and that of an axis, is the same again


@dataclass(frozen=True)
class Parameter:
    """A parameter of the table.

    Attributes
    ----------
    name, unit, column : str
        The unit is the one that it is shown in.
    default_unit : str or None
        Of a column that states none; None: columns are in the unit shown.
    fractions : bool
        Whether the sources within 1, 10 and 20 % are counted.
    elongated : bool
        Whether only sources of a true axis ratio above `ELONGATED` count.
    relative : bool
        Whether errors are over the true value.
    nearest : bool
        Whether widths and angle are those of the nearest description: an ellipse is the same with its widths exchanged
        and its angle a quarter of a turn on, and after half a turn.
    period : float or None
        Of an angle, degrees: the error of one that is not known at all is no larger than that of an even distribution.
    full : float or None
        What the fractions are of; None: of the true value.
    """

    name: str
    unit: str
    column: str
    default_unit: str | None = None
    fractions: bool = False
    elongated: bool = False
    relative: bool = False
    nearest: bool = False
    period: float | None = None
    full: float | None = None

    def values(self, table: Table) -> np.ndarray:
        """The parameter of each source, NaN where it is not known, shape (n,)."""
        if self.column == "extension":
            return column(table, "z1") - column(table, "z0")
        return self._in_unit(table, self.column)

    def errors(self, table: Table) -> np.ndarray:
        """Standard error of each source that the table states, NaN where it states none, shape (n,)."""
        if self.column == "extension":  # the range is one width to either side
            return 2.0 * _or_nan(table, "fwhm_z_err")
        name = f"{self.column}_err"
        return self._in_unit(table, name) if has_columns(table, (name,)) else _or_nan(table, name)

    def _in_unit(self, table: Table, name: str) -> np.ndarray:
        own = self.default_unit if self.relative else self.unit
        return column(table, name, None if self.default_unit is None else own, self.default_unit)

    @property
    def unknown(self) -> float:
        """Standard error of the parameter where nothing is known of it."""
        return math.inf if self.period is None else self.period / math.sqrt(12.0)

    def known(self, table: Table, is_true: bool = False) -> bool:
        """Whether a table has the columns; that of true sources also says which are elongated."""
        names = {*LINE_RANGE} if self.column == "extension" else {self.column}
        names |= {*SHAPES} if self.nearest else set()
        names |= {*SHAPES[:2]} if self.elongated and is_true else set()
        return has_columns(table, tuple(names))


def _or_nan(table: Table, name: str) -> np.ndarray:
    return column(table, name) if has_columns(table, (name,)) else np.full(len(table), np.nan)


FLUX = Parameter("flux", "mJy / beam", "flux", "Jy / beam", fractions=True)
PARAMETERS = (
    Parameter("x", "pix", "x"),
    Parameter("y", "pix", "y"),
    Parameter("sigma_x", "pix", "sigma_x"),
    Parameter("sigma_y", "pix", "sigma_y"),
    Parameter("z", "channel", "z"),
    Parameter("extension", "channel", "extension"),
    Parameter("pa", "deg", "pa", fractions=True, period=QUARTER),
    Parameter("pa_elongated", "deg", "pa", fractions=True, elongated=True, period=QUARTER),
    Parameter("sigma_x_nearest", "pix", "sigma_x", nearest=True),
    Parameter("sigma_y_nearest", "pix", "sigma_y", nearest=True),
    Parameter("pa_nearest", "deg", "pa", fractions=True, nearest=True, period=HALF, full=QUARTER),
    Parameter(
        "pa_nearest_elongated", "deg", "pa", fractions=True, elongated=True, nearest=True, period=HALF, full=QUARTER
    ),
    FLUX,
    Parameter("flux_relative", "", "flux", "Jy / beam", fractions=True, relative=True),
    Parameter("line_flux_jykms", "Jy km / s", "line_flux_jykms", fractions=True),
    Parameter("continuum_mjy", "mJy", "continuum_mjy", fractions=True),
)


def parameter_of(name: str) -> Parameter:
    """The parameter of this name."""
    return next(parameter for parameter in PARAMETERS if parameter.name == name)


def shared_parameters(pred: Table, true: Table) -> tuple[Parameter, ...]:
    """The parameters for which both tables have columns."""
    return tuple(parameter for parameter in PARAMETERS if parameter.known(pred) and parameter.known(true, is_true=True))


@dataclass(frozen=True)
class Residuals:
    """How a parameter of the matched sources was measured: arrays of shape (n_pairs,), in the unit of the parameter.

    Attributes
    ----------
    truth, predicted : ndarray
    residual : ndarray
        true - predicted, over the true value for a relative parameter.
    stated : ndarray
        Standard error that the catalogue states; NaN where it states none.
    limit : ndarray
        Smallest standard error that the noise allows; NaN where it is not known.
    use : ndarray of bool
        Sources that count: those with a finite residual, and of the axis ratio that the parameter is about.
    cubes : ndarray of int
        Cube of each source.
    """

    truth: np.ndarray
    predicted: np.ndarray
    residual: np.ndarray
    stated: np.ndarray
    limit: np.ndarray
    use: np.ndarray
    cubes: np.ndarray

    def of(self, chosen: np.ndarray) -> Residuals:
        """Some of them, by their numbers or a mask."""
        return Residuals(*(getattr(self, one.name)[chosen] for one in fields(self)))

    @property
    def pulls(self) -> np.ndarray:
        """Residuals over their stated errors, of the sources that count and have one, shape (n,)."""
        known = self.use & np.isfinite(self.stated) & (self.stated > 0)
        return self.residual[known] / self.stated[known]


def residuals_of(
    parameter: Parameter, pred: Table, true: Table, matches: Matches, limits: Table | None = None
) -> Residuals:
    """Errors of a parameter of the matched sources, beside what the catalogue states and the noise allows.

    Parameters
    ----------
    parameter : Parameter
    pred, true : astropy.table.Table
    matches : Matches
        Their pairs.
    limits : astropy.table.Table, optional
        Rows as those of `true`, as `limits_of` makes it.
    """
    if matches.tp == 0:
        none = np.empty(0)
        return Residuals(none, none, none, none, none, np.empty(0, dtype=bool), np.empty(0, dtype=int))
    found = like_true(pred, true, matches) if parameter.nearest else pred
    truth, predicted = pairs(parameter, found, true, matches)
    stated = parameter.errors(found)[matches.pred]
    limit = np.full(matches.tp, np.nan) if limits is None else parameter.errors(limits)[matches.true]
    limit = np.minimum(limit, parameter.unknown)
    residual = truth - predicted
    if parameter.relative:
        residual = relative_error(truth, predicted)
        size = np.where(truth != 0, np.abs(truth), np.nan)
        stated, limit = stated / size, limit / size
    use = np.isfinite(residual)
    if parameter.elongated:
        use &= axis_ratio(true)[matches.true] > ELONGATED
    return Residuals(truth, predicted, residual, stated, limit, use, matches.true_cubes[matches.true])


def limits_of(true: Table, bound: Table) -> Table:
    """Smallest standard errors of the true sources, a row for each in their order.

    Parameters
    ----------
    true, bound : astropy.table.Table
        With cube_id and source_id.

    Raises
    ------
    CubefocusError
        If a true source has no row in the bound.
    """
    rows = {key: row for row, key in enumerate(_keys(bound))}
    keys = _keys(true)
    for cube, source in keys:
        if (cube, source) not in rows:
            raise CubefocusError(f"the bound has no row for source {source} of cube {cube}; make it again")
    return bound[np.array([rows[key] for key in keys], dtype=int)]


def _keys(table: Table) -> list[tuple[int, int]]:
    return list(zip(cube_ids(table).tolist(), column(table, "source_id").astype(int).tolist(), strict=True))


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
