"""Parameters of a finder that each cube has of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.find.cubes import StoredCubes
from cubefocus.find.registry import Entry
from cubefocus.find.run import BEAM, RESPONSE, Own


@dataclass(frozen=True)
class SetUps:
    """What says which response a cube has: config section ``observation``, cache of responses, ``sky.box_level``."""

    observation: Mapping[str, Any]
    responses: str
    box_level: float

    @classmethod
    def of_rule(cls, snakemake: Any) -> SetUps | None:
        """Those of a rule's params and inputs; None where it has no responses among its inputs."""
        if not snakemake.input.get("responses"):
            return None
        return cls(snakemake.params.observation, str(snakemake.input.responses), snakemake.params.box_level)


def own_parameters(
    entry: Entry, images: Any, truth: Table, setups: SetUps | None, cubes: Iterable[int] | None = None
) -> Own:
    """Parameters of its own of each cube: the area of its beam, or the response of its set-up.

    Parameters
    ----------
    entry : Entry
    images : mapping from cube id to ndarray
        What the finder searches; where these are no cubes they have nothing of their own.
    truth : Table
        Truth table, whose meta data say which set-up each cube drew.
    setups : SetUps or None
        For a finder that needs responses.
    cubes : iterable of int, optional
        Those that are wanted, by default all.

    Raises
    ------
    CubefocusError
        If a header has no beam, or a finder needs responses and there are none.
    """
    if not isinstance(images, StoredCubes):
        return {}
    if not entry.needs_response:
        return {cube: {BEAM: area} for cube, area in images.beam_areas(cubes).items()}
    if setups is None:
        raise CubefocusError("this finder needs the responses of the set-ups; run rule response first")
    from cubefocus.alma.setups import setups_of  # torch takes seconds to import
    from cubefocus.instrument.observation import Observation

    folders = setups_of(truth, Observation.list_from_mapping(setups.observation), Path(setups.responses))
    wanted = images if cubes is None else cubes
    return {cube: {RESPONSE: str(folders[cube]), "box_level": setups.box_level} for cube in wanted}
