"""What a search found in a cube as one page, which needs neither a server nor anything beside it."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
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
from cubefocus.cube.cutouts import clip_box, integrate
from cubefocus.files import atomic_path
from cubefocus.report.render import html_comment
from cubefocus.search.instruments import beams_px
from cubefocus.search.view import View
from cubefocus.tables.columns import COLUMNS

SHOWN = ("source_id", "name", "flags", "significance", "reliability", "ra", "dec", "frequency", "velocity",
         "line_flux_jykms", "continuum_mjy", "fwhm_velocity", "peak_mjy", "major", "minor",
         "position_angle")  # fmt: skip
ON_CARD = ("ra", "dec", "frequency", "velocity", "redshift", "line_flux_jykms", "continuum_mjy", "fwhm_velocity",
           "peak_mjy", "local_rms", "snr", "significance", "reliability", "major", "minor", "position_angle",
           "major_convolved", "minor_convolved", "position_angle_convolved", "flags")  # fmt: skip
DIGITS = {"source_id": 0, "ra": 6, "dec": 6, "frequency": 4, "velocity": 1, "redshift": 6, "significance": 1, "snr": 1,
          "reliability": 3, "line_flux_jykms": 3, "continuum_mjy": 3, "fwhm_velocity": 1, "peak_mjy": 2, "local_rms": 3,
          "major": 3, "minor": 3, "position_angle": 0, "major_convolved": 3, "minor_convolved": 3,
          "position_angle_convolved": 0}  # fmt: skip
MOST_DIGITS, DIGITS_OF_NONE = 9, 3
LEAST_MARK = 2.5  # pixels: half axis of the ellipse of a source that is smaller
FAINTEST = 1.0  # per cent of the pixels that are darker than the scale of a map
MARGIN = 0.6  # of the size of a source's box around it on its card
COLOURS = "inferno"
LARGEST_MAP, LARGEST_CARD = 800, 260  # pixels: larger images are shown in blocks, which no screen tells from them


def write_search_page(
    path: Path,
    cube: Cube,
    name: str,
    catalogue: Table,
    views: Sequence[View],
    facts: Sequence[tuple[str, str]],
    provenance: Mapping[str, Any],
    noise_mjy: np.ndarray | None = None,
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
    noise_mjy : ndarray, shape (channel,), optional
        Noise of a voxel by channel, mJy/beam.
    """
    n_y, n_x = cube.data.shape[1:]
    number = len(catalogue)
    told = f"{number} source{'' if number == 1 else 's'} in {len(cube.data)} x {n_y} x {n_x} voxels"
    content = {
        "summary": told,
        "facts": facts,
        "nx": n_x,
        "ny": n_y,
        "beam": _beam(cube),
        "noise": [] if noise_mjy is None else [_plain(float(value)) for value in noise_mjy],
        "band": _band(cube),
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
    image, factor = _shrunk(view.image, LARGEST_MAP)
    return {"label": view.label, "png": _png(image, low, high), "low": f"{low:.3g}", "high": f"{high:.3g}",
            "unit": view.unit, "nx": image.shape[1] * factor, "ny": image.shape[0] * factor}  # fmt: skip


def _shrunk(image: np.ndarray, largest: int) -> tuple[np.ndarray, int]:
    """An image of means over square blocks, so that no side is longer than ``largest``, and the side of a block."""
    factor = math.ceil(max(image.shape) / largest)
    if factor == 1:
        return image, 1
    padded = np.pad(image, [(0, -size % factor) for size in image.shape], constant_values=np.nan)
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    held = np.isfinite(blocks)
    number = held.sum(axis=(1, 3))
    total = np.where(held, blocks, 0.0).sum(axis=(1, 3))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan), factor


def _png(image: np.ndarray, low: float, high: float) -> str:
    """An image in false colours, north row first, as base64; what is NaN is transparent."""
    scaled = np.clip((np.nan_to_num(image, nan=low) - low) / max(high - low, 1e-300), 0.0, 1.0)
    # A palette takes a quarter of what colours take; its first entry is what is transparent.
    shades = np.where(np.isfinite(image), 1 + np.round(254 * scaled), 0).astype(np.uint8)
    palette = colormaps[COLOURS](np.arange(-1, 255) / 254.0, bytes=True)[:, :3]
    picture = Image.fromarray(shades[::-1])
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, transparency=0)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _column(name: str, catalogue: Table) -> dict[str, Any]:
    spec = COLUMNS[name]
    label = name.replace("_jykms", "").replace("_mjy", "").replace("position_angle", "PA").replace("_", " ")
    return {"name": name, "label": "number" if name == "source_id" else label, "unit": _unit(name),
            "description": spec.description, "digits": DIGITS.get(name),
            "text": spec.dtype is str or name not in catalogue.colnames}  # fmt: skip


def _unit(name: str) -> str:
    return (COLUMNS[name].unit or "").replace(" / ", "/")


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
    known = [name for name in ON_CARD if name in row.colnames]
    values = [(_column(name, row.table)["label"], _with_error(row, name)) for name in known]
    return {
        "title": f"{int(row['source_id'])}  {row['name']}",
        "x": 0.5 * (x0 + x1 - 1),
        "y": 0.5 * (y0 + y1 - 1),
        "rx": max(0.5 * (x1 - x0), LEAST_MARK),
        "ry": max(0.5 * (y1 - y0), LEAST_MARK),
        "range": channels,
        "spectrum": [_plain(float(f"{value:.5g}")) for value in spectrum],
        "axis": _axis(cube),
        "png": _png(_shrunk(shown, LARGEST_CARD)[0], *bounds),
        "values": [one for one in values if one[1]],
    }


def _with_error(row: Row, name: str) -> str:
    value = _plain(row[name])
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value.replace(";", ", ")
    unit = _unit(name)
    error = _plain(row[f"{name}_err"]) if f"{name}_err" in row.colnames else None
    digits = DIGITS.get(name, 3)
    if error is None:
        return f"{value:.{digits}f} {unit}".strip()
    error_unit = _unit(f"{name}_err")
    told = _digits_of(error)
    if error_unit == unit:
        return f"{value:.{told}f} \u00b1 {error:.{told}f} {unit}".strip()
    return f"{value:.{digits}f} {unit} \u00b1 {error:.{told}f} {error_unit}"


def _digits_of(error: float) -> int:
    """Digits behind the point that show two figures of an error, as values are given."""
    return min(max(1 - math.floor(math.log10(error)), 0), MOST_DIGITS) if error > 0 else DIGITS_OF_NONE


def _axis(cube: Cube) -> str:
    return f"sum over the box, {_band(cube)}"


def _band(cube: Cube) -> str:
    ghz = cube.frequencies_hz / 1e9
    return f"channel 0 to {len(ghz) - 1}: {ghz[0]:.6g} to {ghz[-1]:.6g} GHz"


def _beam(cube: Cube) -> list[float] | None:
    """Both axes of the beam (FWHM, pixels), and the angle of the major one from up to the left, deg."""
    if cube.beam is None or cube.wcs.naxis != 2:
        return None
    beams = beams_px(cube, cube.beam)
    return [float(value) for value in beams[len(beams) // 2]]
