"""The source finders of a run by name: those of `cubefocus.specs`, with what they name loaded."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import Finder, Parameters, grid_points
from cubefocus.specs import FINDERS, Searches, load


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
        the finder's name makes of it; or the ``cube``, which gives line ranges z0 z1, which count. Each cube brings
        parameters of its own (`cubefocus.find.own`).
    slow : bool
        Seconds an image, to search it or to make it: its parameters are chosen on some of the validation cubes only.
    needs_response : bool
        Whether it is told the response of each cube's set-up, and not the area of its beam.
    package, program : str or None
        Python package, or program on PATH, without which it cannot run.
    """

    find: Finder
    grid: Mapping[str, Sequence[Any]]
    allowed: Callable[[Parameters], bool] = lambda point: True
    kind: Searches = "image"
    slow: bool = False
    needs_response: bool = False
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


@cache
def get_entry(name: str) -> Entry:
    """The finder of that name.

    Raises
    ------
    CubefocusError
        If there is none.
    """
    if name not in FINDERS:
        raise CubefocusError(f"there is no source finder {name!r}; there are {', '.join(FINDERS)}")
    spec = FINDERS[name]
    function = load(spec.function)
    return Entry(
        find=function() if isinstance(function, type) else function,  # a class keeps what it found in the last image
        grid=load(spec.grid),
        allowed=load(spec.allowed) if spec.allowed else lambda point: True,
        kind=spec.searches,
        slow=spec.slow,
        needs_response=spec.needs_response,
        package=spec.package,
        program=spec.program,
    )
