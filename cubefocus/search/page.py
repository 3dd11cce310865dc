"""What a search found in a cube as one page, which needs neither a server nor anything beside it."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from astropy.table import Row, Table
from matplotlib import colormaps
from PIL import Image

from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_sum, clip_box, integrate
from cubefocus.files import atomic_path
from cubefocus.report.render import html_comment
from cubefocus.tables.columns import COLUMNS

SHOWN = ("source_id", "name", "ra", "dec", "frequency", "velocity", "significance", "reliability", "line_flux_jykms",
         "continuum_mjy", "fwhm_velocity", "major", "minor", "position_angle", "flags")  # fmt: skip
DIGITS = {"source_id": 0, "ra": 5, "dec": 5, "frequency": 4, "velocity": 1, "significance": 1, "reliability": 3,
          "line_flux_jykms": 3, "continuum_mjy": 3, "fwhm_velocity": 1, "major": 2, "minor": 2,
          "position_angle": 0}  # fmt: skip
LEAST_MARK = 2.5  # pixels: half axis of the ellipse of a source that is smaller
FAINTEST = 1.0  # per cent of the pixels that are darker than the scale of a map
MARGIN = 0.6  # of the size of a source's box around it on its card
COLOURS = "inferno"


@dataclass(frozen=True, eq=False)
class View:
    """An image of a cube for the page.

    Attributes
    ----------
    label : str
    image : ndarray, shape (y, x)
        NaN where there is nothing.
    unit : str
    """

    label: str
    image: np.ndarray
    unit: str


def write_search_page(
    path: Path,
    cube: Cube,
    name: str,
    catalogue: Table,
    views: Sequence[View],
    facts: Sequence[tuple[str, str]],
    provenance: Mapping[str, Any],
) -> None:
    """Write the page of a cube.

    Parameters
    ----------
    path : Path
        Of the HTML file.
    cube : Cube
    name : str
        Of the cube, for the title.
    catalogue : Table
        Its sources, with the columns of `cubefocus.search.run.COLUMNS`.
    views : sequence of View
        Images to choose from; the first one is shown.
    facts : sequence of (str, str)
        What was measured and assumed, for the head of the page.
    provenance : mapping
        As made by `cubefocus.provenance.provenance`.
    """
    n_y, n_x = cube.data.shape[1:]
    number = len(catalogue)
    told = f"{number} source{'' if number == 1 else 's'} in {len(cube.data)} x {n_y} x {n_x} voxels"
    content = {
        "summary": told,
        "facts": facts,
        "nx": n_x,
        "ny": n_y,
        "maps": [_picture(view) for view in views],
        "columns": [_column(column, catalogue) for column in SHOWN],
        "rows": [[_plain(row[column]) for column in SHOWN] for row in catalogue],
        "sources": [_source(row, cube) for row in catalogue],
    }
    text = json.dumps(content, allow_nan=False).replace("</", "<\\/")
    template = Template((files("cubefocus.search") / "page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(f"{name}: sources"), aspect=f"{n_x} / {n_y}", data=text, provenance=html_comment(provenance)
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _picture(view: View) -> dict[str, Any]:
    known = view.image[np.isfinite(view.image)]
    low, high = (float(np.percentile(known, FAINTEST)), float(known.max())) if known.size else (0.0, 1.0)
    return {"label": view.label, "png": _png(view.image, low, high), "low": f"{low:.3g}", "high": f"{high:.3g}",
            "unit": view.unit}  # fmt: skip


def _png(image: np.ndarray, low: float, high: float) -> str:
    """An image in false colours, north row first, as base64; what is NaN is transparent."""
    scaled = np.clip((np.nan_to_num(image, nan=low) - low) / max(high - low, 1e-300), 0.0, 1.0)
    colours = colormaps[COLOURS](scaled, bytes=True)
    colours[~np.isfinite(image), 3] = 0
    buffer = io.BytesIO()
    Image.fromarray(colours[::-1]).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _column(name: str, catalogue: Table) -> dict[str, Any]:
    spec = COLUMNS[name]
    label = name.replace("_jykms", "").replace("_mjy", "").replace("_", " ")
    return {"name": name, "label": "number" if name == "source_id" else label, "unit": spec.unit or "",
            "description": spec.description, "digits": DIGITS.get(name),
            "text": spec.dtype is str or name not in catalogue.colnames}  # fmt: skip


def _plain(value: Any) -> Any:
    """A value for JSON; None for what is not known."""
    if value is np.ma.masked:
        return None
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, int | np.integer) else str(value)


def _source(row: Row, cube: Cube) -> dict[str, Any]:
    x0, y0, x1, y1 = (int(row[name]) for name in ("x0", "y0", "x1", "y1"))
    n_channels, channels = len(cube.data), None
    if math.isfinite(row["z0"]) and math.isfinite(row["z1"]):
        channels = (max(0.0, float(row["z0"])), min(float(n_channels), float(row["z1"]) + 1.0))
    box = cube.data[:, y0:y1, x0:x1]
    spectrum = np.where(np.isfinite(box).any(axis=(1, 2)), np.nansum(box, axis=(1, 2)), np.nan)
    low, high = (0, n_channels) if channels is None else (math.floor(channels[0]), max(math.ceil(channels[1]), 1))
    margin = MARGIN * max(x1 - x0, y1 - y0)
    around = np.array([x0 - margin, y0 - margin, x1 + margin, y1 + margin]).round().astype(int)
    left, top, right, bottom = clip_box(around, cube.data.shape[1:])
    shown = integrate(cube.data[low:high, top:bottom, left:right])
    known = shown[np.isfinite(shown)]
    bounds = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    values = [(_column(name, row.table)["label"], _with_error(row, name)) for name in SHOWN[2:]]
    return {
        "title": f"{int(row['source_id'])}  {row['name']}",
        "x": 0.5 * (x0 + x1 - 1),
        "y": 0.5 * (y0 + y1 - 1),
        "rx": max(0.5 * (x1 - x0), LEAST_MARK),
        "ry": max(0.5 * (y1 - y0), LEAST_MARK),
        "range": channels,
        "spectrum": [_plain(float(value)) for value in spectrum],
        "axis": _axis(cube),
        "png": _png(shown, *bounds),
        "values": [one for one in values if one[1]],
    }


def _with_error(row: Row, name: str) -> str:
    value = _plain(row[name])
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value.replace(";", ", ")
    unit = COLUMNS[name].unit or ""
    error = _plain(row[f"{name}_err"]) if f"{name}_err" in row.colnames else None
    digits = DIGITS.get(name, 3)
    told = "" if error is None else f" \u00b1 {error:.{digits}f}"
    return f"{value:.{digits}f}{told} {unit}".strip()


def _axis(cube: Cube) -> str:
    ghz = cube.frequencies_hz / 1e9
    return f"sum over the box, channel 0 to {len(ghz) - 1}: {ghz[0]:.5g} to {ghz[-1]:.5g} GHz"


def sum_of(cube: Cube) -> View:
    """The cube summed over its channels."""
    return View("sum over channels", channel_sum(cube.data), "Jy/beam x channel")
