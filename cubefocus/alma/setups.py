"""The set-up of each cube of a run: its response, and the dirty beam that the fit takes from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.instrument.observation import Observation, draw_observation
from cubefocus.instrument.response import Response, open_response, response_folder


def setups_of(truth: Table, observations: Sequence[Observation], responses: str | Path) -> dict[int, Path]:
    """Folder of the response of each cube of a truth table, by cube id.

    Parameters
    ----------
    truth : Table
        With all ``cubes`` in its meta data.
    observations : sequence of Observation
        Of which each cube drew one by its noise seed.
    responses : path
        Cache of responses.
    """
    seeds = {cube["cube_id"]: cube["noise_seed"] for cube in truth.meta["cubes"]}
    return {cube: response_folder(responses, draw_observation(observations, seed)) for cube, seed in seeds.items()}


@lru_cache(maxsize=4)
def beam_of(folder: Path) -> tuple[Response, Beam]:
    """The response in a folder and its dirty beam, kept for the next cube of the set-up.

    Raises
    ------
    CubefocusError
        If it is absent or damaged.
    """
    if not folder.is_dir():
        raise CubefocusError(f"{folder}: no such response; run the rule that makes it")
    response = open_response(folder)
    return response, Beam.of_response(response)
