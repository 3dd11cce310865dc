"""What a search could have found: known sources are put into a cube through its beam, and the search is run on it.

A few at a time, so that they do not hide each other, far from what the cube holds itself. Their line fluxes are drawn
evenly in the logarithm around the limit, which the cube's own noise gives for a point with a line of the drawn width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt
from scipy.optimize import minimize
from scipy.special import expit

from cubefocus.alma.catalogue import build_table, on_the_sky
from cubefocus.alma.fitted import KM_S
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.fit.model import transforms
from cubefocus.fit.sky import behind_beam, from_truth
from cubefocus.fit.source import Component, Spectral
from cubefocus.report.figures.style import logarithmic
from cubefocus.search.bank import LEAST_CHANNELS
from cubefocus.search.levels import Levels, measure_levels
from cubefocus.stats.intervals import wilson
from cubefocus.tables.columns import column, define

AT_ONCE = 5  # sources in a cube
RANGE = (3.0, 30.0)  # signal-to-noise in the best channels between which fluxes are drawn
WIDTHS = (2.0, 12.0)  # FWHM of the lines, channels
SIZES = (0.05, 1.0)  # standard deviations of the sources, in those of the beam
APART = 3.0  # beams between two sources, and to what the cube holds itself
EDGE = 1.5  # beams to where the data end
MATCH = 1.0  # beams between a source and what was found of it
TRIES = 200  # places that are drawn for a source
BINS = 8  # of the flux in the table of completeness

COLUMNS = tuple(
    define(name, meaning)
    for name, meaning in {
        "cube_id": "round of the search",
        **dict.fromkeys(("x", "y", "ra", "dec", "z", "fwhm_z", "sigma_x"), None),
        "line_flux_jykms": "velocity-integrated line flux that was put in; NaN in an image",
        "continuum_mjy": "continuum flux density that was put in",
        "snr_target": "signal-to-noise ratio of a template that is just like it",
        "is_found": "whether the search found it",
        "significance": "of what was found; NaN for a source that was missed",
        "line_flux_jykms_found": "line flux that the search measured",
        "continuum_mjy_found": "continuum flux density that the search measured",
    }.items()
)
COMPLETENESS = tuple(
    define(name)
    for name in ("snr_low", "snr_high", "n_sources", "completeness", "completeness_low", "completeness_high")
)
Search = Callable[[Cube, int], Table]


@dataclass(frozen=True, eq=False)
class Injected:
    """What was put into a cube and found again.

    Attributes
    ----------
    sources : Table
        Columns `COLUMNS`.
    completeness : Table
        Columns `COMPLETENESS`.
    half, most : float
        Signal-to-noise ratio of the sources of which 50 % and 90 % are found, from a logistic curve in its logarithm;
        NaN where all were found, or none.
    """

    sources: Table
    completeness: Table
    half: float
    most: float

    def plot(self) -> Figure:
        """Completeness against signal-to-noise."""
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        table = self.completeness
        middle = np.sqrt(column(table, "snr_low") * column(table, "snr_high"))
        share = column(table, "completeness")
        errors = np.stack([share - column(table, "completeness_low"), column(table, "completeness_high") - share])
        axes.errorbar(middle, share, yerr=errors, fmt="o", capsize=3)
        if math.isfinite(self.half) and self.most > self.half:
            snr = np.geomspace(*RANGE, 200)
            axes.plot(snr, expit(math.log(9.0) * np.log(snr / self.half) / math.log(self.most / self.half)), "C0", lw=1)
        for value, label in ((self.half, "50 %"), (self.most, "90 %")):
            if math.isfinite(value):
                axes.axvline(value, linestyle=":", color="grey")
                axes.annotate(label, (value, 1.05), ha="center", color="grey", annotation_clip=False)
        axes.set(ylim=(-0.03, 1.03), xlabel="signal-to-noise of the best template", ylabel="found")
        logarithmic(axes, "x")
        return figure


def inject(cube: Cube, beam: Beam, search: Search, number: int = 100, seed: int = 1) -> Injected:
    """Put sources into a cube and search for them.

    Parameters
    ----------
    cube : Cube
        Jy/beam.
    beam : Beam
        What the cube shows of a source, with the primary beam if it has not been divided by that.
    search : callable
        Takes a cube and a number for its rows; gives a catalogue with x, y (pixels), z (channels), significance and
        fluxes.
    number : int
        Of sources in all, a few in each round of the search.
    seed : int
        Of their places, widths and fluxes.

    Returns
    -------
    Injected

    Raises
    ------
    CubefocusError
        If the cube has no place for them.
    """
    rng = np.random.default_rng(seed)
    place = _Places(cube, beam, search(cube, 0))
    levels = measure_levels(cube.data, place.fwhm)
    rows: list[dict[str, Any]] = []
    for start in range(0, number, AT_ONCE):
        several = place.draw(min(AT_ONCE, number - start), rng)
        drawn = [_draw(cube, levels, x, y, beam, rng) for x, y in several]
        data = cube.data.copy()
        for one in drawn:
            data += _shown(one, cube, beam)
        round_ = 1 + start // AT_ONCE
        found = search(cube.with_data(data), round_)
        rows += [{"cube_id": round_} | one | part for one, part in zip(drawn, _matched(drawn, found, place.fwhm),
                                                                        strict=True)]  # fmt: skip
    for row, sky in zip(rows, on_the_sky(cube, [(row["x"], row["y"]) for row in rows]), strict=True):
        row |= {name: sky[name] for name in ("ra", "dec")}
    sources = build_table(COLUMNS, rows)
    return Injected(sources, _completeness(sources), *_limits(sources))


class _Places:
    """Where sources may be put: in the data, away from their edge and from what the cube holds itself."""

    def __init__(self, cube: Cube, beam: Beam, own: Table) -> None:
        self.fwhm = math.sqrt(beam.fwhm[0] * beam.fwhm[1])
        held = np.isfinite(cube.data).any(axis=0)
        free = distance_transform_edt(np.pad(held, 1))[1:-1, 1:-1] > EDGE * self.fwhm
        for row in own:
            margin = APART * self.fwhm
            low_x, high_x = max(0, math.floor(row["x0"] - margin)), math.ceil(row["x1"] + margin)
            low_y, high_y = max(0, math.floor(row["y0"] - margin)), math.ceil(row["y1"] + margin)
            free[low_y:high_y, low_x:high_x] = False
        self.free = free

    def draw(self, number: int, rng: np.random.Generator) -> list[tuple[float, float]]:
        """Places (x, y) that are apart."""
        rows, columns = np.nonzero(self.free)
        if not len(rows):
            raise CubefocusError(
                "there is no place for a source: what the cube holds itself, and its edges, leave none free"
            )
        chosen: list[tuple[float, float]] = []
        for _ in range(TRIES * number):
            pick = int(rng.integers(len(rows)))
            x, y = (float(at[pick]) + float(rng.uniform(-0.5, 0.5)) for at in (columns, rows))
            if all(math.dist((x, y), other) > APART * self.fwhm for other in chosen):
                chosen.append((x, y))
                if len(chosen) == number:
                    break
        return chosen  # fewer than wanted where they would hide each other


def _draw(cube: Cube, levels: Levels, x: float, y: float, beam: Beam, rng: np.random.Generator) -> dict[str, Any]:
    """Parameters of a source at a place."""
    snr = math.exp(rng.uniform(*np.log(RANGE)))
    sigma = beam.sigma * float(rng.uniform(*SIZES))
    n_channels = len(cube.data)
    # Of a source that is larger than a point its peak is lower.
    peak = snr * levels.rms * float(levels.place[round(y), round(x)])
    flux = peak * (1.0 + (sigma / beam.sigma) ** 2) / _primary(beam, x, y)
    row: dict[str, Any] = {"x": x, "y": y, "sigma_x": sigma, "snr_target": snr}
    if n_channels < LEAST_CHANNELS:
        return row | {"z": math.nan, "fwhm_z": math.nan, "continuum_mjy": 1e3 * flux, "line_flux_jykms": math.nan}
    width = float(rng.uniform(WIDTHS[0], min(WIDTHS[1], 0.4 * n_channels)))
    z = float(rng.uniform(width, n_channels - 1 - width))
    spread = width / SIGMA_TO_FWHM
    height = flux / math.sqrt(spread * math.sqrt(math.pi))  # a line of so many channels is seen in all of them
    line = height * spread * math.sqrt(2.0 * math.pi) * _channel_kms(cube, z)
    return row | {"z": z, "fwhm_z": width, "continuum_mjy": 0.0, "line_flux_jykms": line}


def _channel_kms(cube: Cube, z: float) -> float:
    """Width of a channel at a place of the band, km/s."""
    hz = cube.frequencies_hz
    return KM_S * abs(float(np.median(np.diff(hz)))) / float(np.interp(z, np.arange(len(hz)), hz))


def _primary(beam: Beam, x: float, y: float) -> float:
    """Primary beam at a place."""
    if beam.log_pb is None:
        return 1.0
    return math.exp(float(beam.log_pb.mean(axis=0)[round(y), round(x)]))


def _shown(one: Mapping[str, Any], cube: Cube, beam: Beam) -> np.ndarray:
    """What a cube shows of a source, (channel, y, x)."""
    n_channels = len(cube.data)
    if math.isnan(one["z"]):
        source = Component.of(one["x"], one["y"], one["sigma_x"] ** 2 * np.eye(2), [], 1e-3 * one["continuum_mjy"])
    else:
        kms = _channel_kms(cube, one["z"])
        source = from_truth(
            one["x"], one["y"], one["sigma_x"], one["sigma_x"], 0.0, 1e-3 * one["continuum_mjy"], one["z"],
            one["fwhm_z"], one["line_flux_jykms"] / kms, np.zeros(n_channels),
        )  # fmt: skip
    shown = behind_beam(source, beam)
    spectrum = Spectral(np.zeros(n_channels), np.ones(n_channels)).of(shown)[0]
    image = np.zeros(cube.data.shape, dtype=np.float32)
    for number, band in enumerate(beam.bands):
        transfer = torch.from_numpy(beam.transfer[number].astype(np.float32))
        seen = beam.grid.pixels(transforms(beam.grid, transfer, [shown], derivatives=False))[0].numpy()
        image[band] = spectrum[band, None, None] * seen[None]
    return image


def _matched(drawn: Sequence[Mapping[str, Any]], found: Table, fwhm: float) -> list[dict[str, Any]]:
    """What was found of each source: within a beam, and with a line within its width."""
    parts, used = [], set()
    for one in drawn:
        part: dict[str, Any] = {"is_found": False, "significance": math.nan}
        away = np.hypot(column(found, "x") - one["x"], column(found, "y") - one["y"])
        for number in np.argsort(away).tolist():
            row = found[number]
            apart = abs(float(row["z"]) - one["z"])
            if away[number] > MATCH * fwhm or number in used or apart > max(one["fwhm_z"], 2.0):
                continue
            used.add(number)
            part = {"is_found": True, "significance": float(row["significance"])}
            part |= {f"{name}_found": float(row[name]) for name in ("line_flux_jykms", "continuum_mjy")}
            break
        parts.append(part)
    return parts


def _completeness(sources: Table) -> Table:
    """Share of the sources that were found, by their signal-to-noise."""
    edges = np.geomspace(*RANGE, BINS + 1)
    snr, is_found = column(sources, "snr_target"), np.asarray(sources["is_found"], dtype=bool)
    rows = []
    for low, high in pairwise(edges.tolist()):
        inside = (snr >= low) & (snr < high)
        n, k = int(inside.sum()), int(is_found[inside].sum())
        interval = [float(end) for end in wilson(k, n)]
        rows.append({"snr_low": low, "snr_high": high, "n_sources": n, "completeness": k / n if n else math.nan,
                     "completeness_low": interval[0], "completeness_high": interval[1]})  # fmt: skip
    return build_table(COMPLETENESS, rows)


def _limits(sources: Table) -> tuple[float, float]:
    """Signal-to-noise of which half and of which nine tenths are found: a logistic curve of largest likelihood."""
    log_snr, is_found = np.log(column(sources, "snr_target")), np.asarray(sources["is_found"], dtype=bool)
    if is_found.all() or not is_found.any():
        return math.nan, math.nan

    def loss(values: np.ndarray) -> float:
        middle, log_slope = values
        chance = expit((log_snr - middle) * math.exp(log_slope))
        return -float(np.where(is_found, np.log(chance + 1e-12), np.log(1.0 - chance + 1e-12)).sum())

    best = minimize(loss, [float(np.median(log_snr)), 1.5], method="Nelder-Mead").x
    return tuple(math.exp(best[0] + math.log(odds) / math.exp(best[1])) for odds in (1.0, 9.0))  # type: ignore[return-value]
