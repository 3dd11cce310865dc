"""DS9 region files of catalogues: an ellipse and a box a source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.files import atomic_path

HEADER = (
    "# Region file format: DS9 version 4.1",
    'global color=red font="helvetica 10 normal" select=1 edit=1 move=1 delete=1',
)


def write_regions(path: str | Path, catalogue: Table, provenance: Mapping[str, Any]) -> None:
    """Write the sources of one cube as DS9 regions in image coordinates (1-based), provenance as a comment.

    The ellipse has half axes of half a FWHM; DS9 counts its angle counter-clockwise from +x, the catalogue clockwise.
    """
    lines = [*HEADER, f"# {json.dumps(provenance, sort_keys=True)}", "image"]
    for row in catalogue:
        lines.append(
            f"ellipse({row['x'] + 1:.3f},{row['y'] + 1:.3f},{row['fwhm_x'] / 2:.3f},{row['fwhm_y'] / 2:.3f},"
            f"{-row['pa']:.2f}) # text={{{row['name']}}}"
        )
        width, height = row["x1"] - row["x0"], row["y1"] - row["y0"]
        x, y = (row["x0"] + row["x1"] + 1) / 2, (row["y0"] + row["y1"] + 1) / 2
        lines.append(f"box({x:.1f},{y:.1f},{width},{height},0) # color=green")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")
