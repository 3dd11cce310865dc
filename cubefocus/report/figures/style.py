"""One look for all figures, and one way to save them.

Figures are made without pyplot: no backend is chosen and no global state is left behind, so that a notebook or a
program with a window of its own is not disturbed.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from cubefocus.files import atomic_path

# Okabe & Ito's palette and two of Tol's muted one, told apart with every common colour vision; line styles and markers
# repeat the distinction. Black is for the truth.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#222222", "#F0E442",
)  # fmt: skip
WINE, OLIVE = "#882255", "#8A8A23"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, WINE, OLIVE)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)), (0, (6, 2, 2, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MANY = 4  # more bands than this in one panel hide each other
TRUE, PREDICTED = GREEN, VERMILION
IMAGES = "gray_r"  # boxes in colour stand out on grey only
COLUMN, PAGE = 3.32, 6.97  # widths of a column and of a page of a journal, inches

# The fonts come with matplotlib: the same figure on every machine.
STYLE: dict[str, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "axes.unicode_minus": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "image.origin": "lower",
    "image.interpolation": "nearest",
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}

PLAQUE = {"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.5}  # behind text that may meet data
P = ParamSpec("P")
R = TypeVar("R")


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Run a plot function with this module's settings and put the user's back afterwards."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        # "default" leaves out what is the user's own: backend, interactivity, windows.
        with matplotlib.style.context(["default", STYLE]):
            return function(*args, **kwargs)

    return wrapped


def new_figure(rows: int, columns: int, width: float, height: float, **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """A figure of `rows` x `columns` axes, sizes in inches; the axes come as an array of that shape."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


@styled
def save_figure(figure: Figure, stem: str | Path, provenance: Mapping[str, Any]) -> list[Path]:
    """Write ``<stem>.png`` and ``<stem>.pdf``.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    stem : str or Path
        Path without suffix.
    provenance : mapping
        As made by `cubefocus.provenance.provenance`; goes into the files' metadata. There is no time stamp: the
        same figure gives the same bytes.

    Returns
    -------
    list of Path
    """
    made_by = json.dumps(provenance, sort_keys=True)
    metadata: dict[str, dict[str, Any]] = {
        ".png": {"Description": made_by},
        ".pdf": {"Subject": made_by, "CreationDate": None},
    }
    paths = []
    for suffix, facts in metadata.items():
        paths.append(Path(f"{stem}{suffix}"))
        with atomic_path(paths[-1]) as temporary:
            figure.savefig(temporary, metadata=facts)
    return paths


def draw_boxes(axes: Axes, boxes: np.ndarray, colour: str, style: Any = "-", width: float = 1.0) -> None:
    """Outline half-open boxes (x0, y0, x1, y1) of shape (n, 4) at the borders of their pixels."""
    for x0, y0, x1, y1 in np.asarray(boxes, dtype=float).reshape(-1, 4):
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, ls=style, lw=width))


def logarithmic(axes: Axes, which: str) -> None:
    """Make the axis `which` (x or y) logarithmic, with ticks at 1, 2, 5 if it spans little, in plain numbers."""
    axes.set(**{f"{which}scale": "log"})
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis = axes.xaxis if which == "x" else axes.yaxis
    decades = math.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 1.7 else (1.0,)))
    axis.set_minor_formatter(NullFormatter())
    if low > 1e-4 and high < 1e5:
        axis.set_major_formatter(FormatStrFormatter("%g"))


def plus_minus(values: np.ndarray) -> str:
    """Mean and standard deviation as text, to the second digit of the latter."""
    mean, spread = float(values.mean()), float(values.std())
    digits = int(np.clip(1 - math.floor(math.log10(spread)), 0, 6)) if spread > 0 else 2
    return rf"${mean:z.{digits}f} \pm {spread:.{digits}f}$"


class Look(NamedTuple):
    """Colour, line style and marker of a method."""

    colour: str
    line: Any
    marker: str


def look(number: int) -> Look:
    """How a figure draws method `number`: any two of the first 64 differ in colour or in line and marker."""
    colours, shapes = len(PALETTE), len(LINES)
    shape = (number + number // colours) % shapes
    return Look(PALETTE[number % colours], LINES[shape], MARKERS[shape])


def rate_line(axes: Axes, rate: Sequence[Any], style: Look, n_methods: int, label: str) -> None:
    """Draw a fraction with its interval: a band, or, where more than `MANY` bands would hide each other, bars.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    rate : sequence of four arrays of shape (n,)
        Where, the fraction, the ends of its interval.
    style : Look
    n_methods : int
        How many are drawn into these axes.
    label : str
    """
    where, values, low, high = (np.asarray(part, dtype=float) for part in rate)
    if n_methods > MANY:
        axes.vlines(where, low, high, colors=style.colour, lw=0.7, alpha=0.45)
    else:
        axes.fill_between(where, low, high, fc=style.colour, alpha=0.18, lw=0)
    axes.plot(where, values, c=style.colour, ls=style.line, marker=style.marker, label=label)


def method_legend(figure: Figure, panels: Iterable[Axes], columns: int) -> None:
    """One legend below all axes, each method once."""
    handles: dict[str, Any] = {}
    for axes in panels:
        handles |= {text: handle for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)


def letter(axes: Axes, index: int) -> None:
    """Write (a), (b), ... into the upper left corner."""
    axes.text(0.04, 0.95, f"({chr(ord('a') + index)})", transform=axes.transAxes, va="top", ha="left", bbox=PLAQUE)


def corner_text(axes: Axes, text: str) -> None:
    """Write a text into the upper right corner."""
    axes.text(
        0.96, 0.95, text, transform=axes.transAxes, va="top", ha="right", fontsize=8,
        bbox=PLAQUE,
    )  # fmt: skip


def nothing(axes: Axes, why: str = "no sources") -> None:
    """Say in the middle of empty axes why they are empty."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, va="center", ha="center", color="0.4")
    axes.set(xticks=[], yticks=[])


def bin_edges(values: np.ndarray, most: int = 40, allow_log: bool = True) -> tuple[np.ndarray, bool]:
    """Edges of the bins of a histogram, and whether they are logarithmic.

    Logarithmic if that is allowed, all values are positive and they span more than a factor 30: a few bright sources
    would otherwise leave all others in one bin. Their number grows with the root of the number of values, up to `most`.
    """
    low, high = float(values.min()), float(values.max())
    number = int(np.clip(np.sqrt(values.size) * 1.5, 5, most))
    if allow_log and low > 0 and high > 30 * low:
        return np.geomspace(low, high, number + 1), True
    if low == high:
        return np.linspace(low - 0.5, high + 0.5, number + 1), False
    return np.linspace(low, high, number + 1), False


def limits(*values: np.ndarray) -> tuple[float, float]:
    """Common limits of several arrays of finite values with a margin of 4 %."""
    merged = np.concatenate(values)
    low, high = float(merged.min()), float(merged.max())
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin
