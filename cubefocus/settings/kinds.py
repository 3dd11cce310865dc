"""Kinds of values that several sections of the config have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from cubefocus.sections import Listed, Number, Positive, Whole

SPLITS = ("none", "watershed")
MEASURES = ("std", "var", "mad")
ENGINES = ("casa", "fft")
Share = Annotated[Number, Field(gt=0, lt=1)]
Range = Annotated[tuple[Number, Number], Listed()]
PositiveRange = Annotated[tuple[Positive, Positive], Listed()]
Channels = Annotated[Number, Field(ge=0)]
Degrees = Annotated[Number, Field(ge=0, le=90)]
Depth = Annotated[Number, Field(ge=0, le=0.999)]
Pixels = Annotated[Whole, Field(ge=0)]
Lines = Annotated[Whole, Field(ge=1, le=2)]
Weight = Annotated[Number, Field(ge=0)]


def part(kind: type[Any], description: str) -> Any:
    """A section within a config, with the defaults of its own."""
    return Field(default_factory=kind, description=description)


Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # of a folder below results/
