"""Region files of catalogues, for DS9 and for CARTA and CASA: an ellipse and a box a source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
from astropy.table import Table
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from regions import EllipsePixelRegion, PixCoord, RectanglePixelRegion, RegionMeta, Regions, RegionVisual

from cubefocus.files import atomic_path

SUFFIXES = (".reg", ".crtf")
LEAST = 0.1  # pixels: a source that is no wider than the beam has a width of 0, and an ellipse cannot


def write_regions(stem: str | Path, catalogue: Table, provenance: Mapping[str, Any], wcs: WCS) -> None:
    """Write the sources of one cube as ``<stem>.reg`` for DS9, in pixels, and ``<stem>.crtf`` for CARTA, on the sky.

    Provenance is a comment in both. The ellipse has half axes of half a FWHM; regions count its angle counter-clockwise
    from +x, the catalogue clockwise.

    Parameters
    ----------
    stem : path
        Of the files, without a suffix.
    catalogue : astropy.table.Table
        With name x y fwhm_x fwhm_y pa x0 y0 x1 y1.
    provenance : mapping
    wcs : astropy.wcs.WCS
        Celestial, of the cube.
    """
    drawn = Regions([region for row in catalogue for region in _drawn(row)])
    on_sky = Regions([region.to_sky(wcs) for region in drawn])
    # Their frame is that of the cube: the writer would not turn the angles into another one's.
    frame = wcs_to_celestial_frame(wcs).name
    texts = {
        ".reg": drawn.serialize(format="ds9", precision=3) if drawn else "# Region file format: DS9\nimage\n",
        ".crtf": on_sky.serialize(format="crtf", coordsys=frame, fmt=".9f", radunit="deg") if drawn else "#CRTFv0\n",
    }
    for suffix, text in texts.items():
        first, rest = text.split("\n", 1)
        with atomic_path(Path(f"{stem}{suffix}")) as temporary:
            temporary.write_text(f"{first}\n# {json.dumps(provenance, sort_keys=True)}\n{rest}")


def _drawn(row: Any) -> tuple[EllipsePixelRegion, RectanglePixelRegion]:
    name = str(row["name"])
    width, height = float(row["x1"] - row["x0"]), float(row["y1"] - row["y0"])
    middle = PixCoord((row["x0"] + row["x1"] - 1) / 2, (row["y0"] + row["y1"] - 1) / 2)
    ellipse = EllipsePixelRegion(
        PixCoord(float(row["x"]), float(row["y"])),
        max(float(row["fwhm_x"]), LEAST),
        max(float(row["fwhm_y"]), LEAST),
        -float(row["pa"]) * u.deg,
        meta=RegionMeta({"text": name, "label": name}),
        visual=RegionVisual({"color": "red"}),
    )
    return ellipse, RectanglePixelRegion(middle, width, height, visual=RegionVisual({"color": "green"}))
