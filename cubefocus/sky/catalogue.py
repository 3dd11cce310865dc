"""Draw the catalogue of an experiment: every source of every cube, from one seed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.contradictions import of_grid
from cubefocus.errors import CubefocusError
from cubefocus.settings import SkySettings
from cubefocus.sky.base import SkyType, brightness
from cubefocus.sky.columns import Source, make_table
from cubefocus.sky.registry import SKY_TYPES, catalogue_columns

LOG = logging.getLogger(__name__)
SPLITS = ("train", "validation", "test")
SOURCE_TRIES = 2000
CUBE_TRIES = 50
LARGEST_SEED = 2**31 - 1
"""Largest noise seed, a prime: CASA takes signed 32-bit seeds."""


def draw_catalogue(
    sky: Mapping[str, Any], n_channels: int, cubes: Mapping[str, Any], snr: tuple[float, float] | None,
    seed: int, *, n_pixels: int,
) -> Table:  # fmt: skip
    """Draw all sources of an experiment (MNRAS Table 1 and section 3).

    Each cube has its own random numbers, from the seed and its number: what it holds does not depend on how
    many other cubes there are.

    Parameters
    ----------
    sky : mapping
        Section ``sky`` of a config file; see `cubefocus.settings.SkySettings`.
    n_channels : int
        Channels of a cube.
    cubes : mapping
        How many cubes ``train``, ``validation`` and ``test`` have; other keys of the section are not read. Cube
        numbers run through the splits in this order.
    snr : (float, float) or None
        Range of the target signal-to-noise ratio of the central source; None if there is none. What the cubes
        hold does not depend on it.
    seed : int
        Seed of the experiment.
    n_pixels : int
        Side of a cube; the central source is at pixel n_pixels // 2.

    Returns
    -------
    Table
        One row a source, columns of `cubefocus.sky.columns.CATALOGUE` and of the sky types in use. Cubes without
        any source are listed in ``meta["cubes"]`` with cube_id, split, snr_target and noise_seed.

    Raises
    ------
    CubefocusError
        If a setting is unknown or out of range, or if the sources cannot be placed.
    """
    settings = SkySettings.from_mapping(sky)
    for problem in of_grid(vars(settings), n_channels, n_pixels):
        raise CubefocusError(problem)
    _check_draw(cubes, snr, seed)
    sources: list[Source] = []
    empty: list[dict[str, Any]] = []
    for cube_id, split in enumerate(_splits(cubes)):
        cube, inside = _draw_cube(cube_id, settings, n_pixels, snr, seed)
        cube = {"cube_id": cube_id, "split": split, **cube}
        sources += [{**source, **cube} for source in inside]
        if not inside:
            empty.append(cube)
    table = make_table(sources, catalogue_columns(settings))
    table.meta["cubes"] = empty
    LOG.info("catalogue: %d sources in %d cubes", len(table), sum(1 for _ in _splits(cubes)))
    return table


def select(catalogue: Table, cube_ids: Iterable[int]) -> Table:
    """Rows of some cubes, and the entries of those of them that are empty in ``meta["cubes"]``."""
    wanted = set(cube_ids)
    rows = catalogue[np.isin(catalogue["cube_id"], list(wanted))]
    rows.meta["cubes"] = [cube for cube in catalogue.meta.get("cubes", []) if cube["cube_id"] in wanted]
    return rows


def cube_list(catalogue: Table) -> list[dict[str, Any]]:
    """All cubes of a catalogue, empty ones too: cube_id, split, snr_target and noise_seed, by cube_id."""
    names = ("cube_id", "split", "snr_target", "noise_seed")
    _, first = np.unique(catalogue["cube_id"], return_index=True)
    values = (catalogue[name][first].tolist() for name in names)
    filled = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    return sorted(filled + list(catalogue.meta.get("cubes", [])), key=lambda cube: cube["cube_id"])


def noise_seed(seed: int, cube_id: int) -> int:
    """Seed of a cube's noise, between 1 and 2^31 - 1; within an experiment no two cubes share one.

    An affine map modulo a prime, with both coefficients from the experiment's seed, meets each value once.
    """
    start, step = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    return 1 + (int(start) + (1 + int(step) % (LARGEST_SEED - 1)) * cube_id) % LARGEST_SEED


def _splits(cubes: Mapping[str, Any]) -> Iterable[str]:
    return (split for split in SPLITS for _ in range(cubes.get(split, 0)))


def _draw_cube(
    cube_id: int, settings: SkySettings, n_pixels: int, snr: tuple[float, float] | None, seed: int
) -> tuple[dict[str, Any], list[Source]]:
    """Draw what belongs to a whole cube, and its sources."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, cube_id]))
    share = float(rng.uniform())
    target = None if snr is None else snr[0] + share * (snr[1] - snr[0])
    cube = {"snr_target": target, "noise_seed": noise_seed(seed, cube_id)}
    if rng.uniform() < settings.empty_fraction:
        return cube, []
    low, high = settings.ranges["n_sources"]
    n_further = int(rng.integers(int(low), int(high), endpoint=True))
    for _ in range(CUBE_TRIES):
        sources = _draw_sources(n_further, settings, n_pixels, rng)
        if sources is not None:
            derived = [SKY_TYPES[source["type"]].derive(source) for source in sources]
            pairs = zip(sources, derived, strict=True)
            return cube, [{"source_id": number, **source, **more} for number, (source, more) in enumerate(pairs)]
    raise CubefocusError(
        f"sky: cube {cube_id}: {n_further} further sources, {settings.separation} px apart and none brighter than the "
        f"central one, found no place in position {list(settings.ranges['position'])} after {CUBE_TRIES} attempts; "
        "lower separation or n_sources, widen position, or allow fainter sources (amplitude, line_amplitude)"
    )


def _draw_sources(
    n_further: int, settings: SkySettings, n_pixels: int, rng: np.random.Generator
) -> list[Source] | None:
    """Draw the central source and the further ones; None if one of them finds no place."""
    middle = float(n_pixels // 2)
    central = {**_draw_type(settings, rng).draw(settings.ranges, rng), "x": middle, "y": middle, "is_central": True}
    sources = [central]
    for _ in range(n_further):
        source = _draw_fainter(brightness(central), settings, rng)
        place = _draw_place(sources[1:], settings, rng)
        if source is None or place is None:
            return None
        sources.append({**source, "x": place[0], "y": place[1], "is_central": False})
    return sources


def _draw_type(settings: SkySettings, rng: np.random.Generator) -> SkyType:
    names, weights = list(settings.used_types), list(settings.used_types.values())
    return SKY_TYPES[names[0] if len(names) == 1 else str(rng.choice(names, p=weights))]


def _draw_fainter(most: float, settings: SkySettings, rng: np.random.Generator) -> Source | None:
    """Draw a source until its brightest voxel is not above the central one's.

    Its type stays, otherwise types that are faint by nature would crowd out the others.
    """
    kind = _draw_type(settings, rng)
    for _ in range(SOURCE_TRIES):
        source = kind.draw(settings.ranges, rng)
        if brightness(source) <= most:
            return source
    return None


def _draw_place(others: list[Source], settings: SkySettings, rng: np.random.Generator) -> tuple[float, float] | None:
    """Draw a whole-pixel position that keeps its distance from the others."""
    low, high = (int(end) for end in settings.ranges["position"])
    for _ in range(SOURCE_TRIES):
        x, y = (float(value) for value in rng.integers(low, high, size=2))
        if all(math.hypot(x - other["x"], y - other["y"]) >= settings.separation for other in others):
            return x, y
    return None


def _check_draw(cubes: Mapping[str, Any], snr: tuple[float, float] | None, seed: int) -> None:
    for split in SPLITS:
        if not isinstance(cubes.get(split, 0), int) or cubes.get(split, 0) < 0:
            raise CubefocusError(f"cubes: {split} is {cubes[split]!r}; it must be a whole number, 0 or more")
    if snr is not None and (len(snr) != 2 or not 0 < snr[0] <= snr[1]):
        raise CubefocusError(f"noise: snr is {list(snr)}; it must be a range [low, high] above 0")
    if not isinstance(seed, int) or seed < 0:
        raise CubefocusError(f"seed is {seed!r}; it must be a whole number, 0 or more")
