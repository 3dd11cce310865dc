"""The source finders of a run by name: function, grid, what they search, and the package that they need."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cubefocus.errors import CubefocusError
from cubefocus.find import aegean, bdsf, blobcat, decoras, smooth_and_clip, sofia, threshold
from cubefocus.find.interface import Finder, Parameters, grid_points

Kind = Literal["image", "cleaned", "map", "cube"]


@dataclass(frozen=True)
class Entry:
    """A source finder and how its parameters are chosen.

    Attributes
    ----------
    find : Finder
    grid : mapping from name to values
        Of the parameters to try.
    allowed : callable
        Whether a combination of them can be used.
    kind : str
        What it searches: the integrated ``image``; the same of the ``cleaned`` cube; the ``map`` that the network of
        the finder's name makes of it; or the ``cube``, which gives line ranges z0 z1, which count, and has a parameter
        ``beam_area`` (pixels).
    slow : bool
        Seconds an image, to search it or to make it: its parameters are chosen on some of the validation cubes only.
    package, program : str or None
        Python package, or program on PATH, without which it cannot run.
    """

    find: Finder
    grid: Mapping[str, Sequence[Any]]
    allowed: Callable[[Parameters], bool] = lambda point: True
    kind: Kind = "image"
    slow: bool = False
    package: str | None = None
    program: str | None = None

    @property
    def lacks(self) -> str:
        """What is missing to run it, in words; empty if nothing is."""
        if self.package is not None and importlib.util.find_spec(self.package) is None:
            return f"{self.package} is not installed; pip install {self.package}"
        if self.program is not None and shutil.which(self.program) is None:
            return f"there is no program {self.program} on PATH"
        return ""

    @property
    def points(self) -> list[dict[str, Any]]:
        """Points of the grid that can be used."""
        return [point for point in grid_points(self.grid) if self.allowed(point)]


FINDERS = {
    "threshold": Entry(threshold.find, threshold.GRID),
    "blobcat": Entry(blobcat.find, blobcat.GRID, blobcat.allowed),
    "bdsf": Entry(bdsf.find, bdsf.GRID, bdsf.allowed, slow=True, package=bdsf.PACKAGE),
    "aegean": Entry(aegean.find, aegean.GRID, aegean.allowed, slow=True, package=aegean.PACKAGE),
    "decoras": Entry(decoras.BlobFinder(), decoras.GRID, kind="map"),
    "decoras_bce": Entry(decoras.BlobFinder(), decoras.GRID, kind="map"),
    "tclean": Entry(threshold.find, threshold.GRID, kind="cleaned", slow=True),
    "smooth_and_clip": Entry(smooth_and_clip.GridFinder(), smooth_and_clip.GRID, kind="cube", slow=True),
    "smooth_and_clip_defaults": Entry(
        smooth_and_clip.find_with_defaults, smooth_and_clip.DEFAULTS_GRID, kind="cube", slow=True
    ),
    "sofia": Entry(sofia.find, sofia.GRID, kind="cube", slow=True, program=sofia.PROGRAM),
}


def get_entry(name: str) -> Entry:
    """The finder of that name.

    Raises
    ------
    CubefocusError
        If there is none.
    """
    if name not in FINDERS:
        raise CubefocusError(f"there is no source finder {name!r}; there are {', '.join(FINDERS)}")
    return FINDERS[name]
