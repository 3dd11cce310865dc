"""When a prediction counts as a detection, and how intervals are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from cubefocus.errors import CubefocusError


class Criterion(TypedDict):
    """Keyword arguments of `cubefocus.tables.matching.match`."""

    iou: float | None
    distance: float
    line_iou: float | None


@dataclass(frozen=True)
class EvaluationSettings:
    """The section ``evaluation`` of a configuration.

    Attributes
    ----------
    iou : float
        Least 2D IoU of the boxes (MNRAS 5.1; the ECML paper takes 0.8).
    distance : float
        Centres must be closer than this, in pixels.
    line_iou : float
        Least 1D IoU of the line ranges, for methods that find lines.
    interval : float
        Probability that an interval covers.
    bootstrap : int
        Number of bootstrap repeats.
    """

    iou: float = 0.6
    distance: float = 3.0
    line_iou: float = 0.6
    interval: float = 0.68
    bootstrap: int = 1000

    def __post_init__(self) -> None:
        for name in ("iou", "line_iou"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise CubefocusError(f"evaluation: {name} is {getattr(self, name)}; give a number in (0, 1]")
        if not 0.0 < self.interval < 1.0:
            raise CubefocusError(f"evaluation: interval is {self.interval}; give a probability between 0 and 1")
        if self.distance <= 0 or self.bootstrap < 1:
            raise CubefocusError(
                f"evaluation: distance is {self.distance} and bootstrap {self.bootstrap}; both must be above 0"
            )

    @classmethod
    def from_mapping(cls, section: Mapping[str, Any]) -> EvaluationSettings:
        """Take the settings from a mapping; a missing key has its default.

        Raises
        ------
        CubefocusError
            If a key is not known or a value is out of range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(section) - known)
        if unknown:
            raise CubefocusError(f"evaluation: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
        return cls(**section)

    def criterion(self, with_line: bool = False, with_box: bool = True) -> Criterion:
        """Keyword arguments of `cubefocus.tables.matching.match` for a method that finds lines and boxes or not."""
        return {
            "iou": self.iou if with_box else None,
            "distance": self.distance,
            "line_iou": self.line_iou if with_line else None,
        }

    def describe(self, with_line: bool = False, with_box: bool = True) -> str:
        """The criterion in words, for a table."""
        parts = [f"IoU >= {self.iou:g}"] if with_box else []
        parts += [f"centres < {self.distance:g} px"]
        parts += [f"line IoU >= {self.line_iou:g}"] if with_line else []
        return ", ".join(parts)
