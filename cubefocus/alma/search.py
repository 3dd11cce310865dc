"""Search cubes in Python, as ``cubefocus detect`` searches files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from astropy.table import vstack

from cubefocus.alma.chain import Chain, Detections
from cubefocus.alma.inputs import load_dirty
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.shipped import place_of
from cubefocus.specs import chain_among
from cubefocus.timing import Clock


def detect(
    cubes: Cube | str | Path | Iterable[Cube | str | Path],
    bundle: Bundle | str | Path,
    settings: Mapping[str, Any] | None = None,
    ids: Sequence[int] | None = None,
    device: str = "auto",
) -> Detections:
    """Find and characterise the sources in dirty cubes.

    Parameters
    ----------
    cubes : Cube, path of a FITS file, or several of them
        In memory: Jy/beam, shape (channel, y, x), with a header. Files may be in a multiple of it.
    bundle : Bundle or path
        Trained networks with their settings, such as ``results/demo/bundle``, or the name of a shipped bundle.
    settings : mapping, optional
        Detection settings that take the place of those of the bundle, such as ``{"blobs": {"threshold": 0.2}}``.
    ids : sequence of int, optional
        ``cube_id`` of each cube in the tables; 0, 1, ... if left out.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ...

    Returns
    -------
    Detections
        ``catalogue`` and ``candidates`` (astropy tables, with units), and ``fields``, one a cube, with its images.
        Cubes are searched one by one, so that each has the rows that it has alone.

    Raises
    ------
    CubefocusError
        If a file, a cube, the bundle or a setting cannot be used.

    Examples
    --------
    >>> from cubefocus import detect
    >>> found = detect("cube.fits", "results/demo/bundle")                   # doctest: +SKIP
    >>> found.catalogue["ra", "dec", "frequency", "flux"]                    # doctest: +SKIP
    """
    given = [cubes] if isinstance(cubes, Cube | str | Path) else list(cubes)
    if ids is not None and len(ids) != len(given):
        raise CubefocusError(f"{len(ids)} ids were given for {len(given)} cubes; give one each")
    numbers = list(range(len(given))) if ids is None else [int(number) for number in ids]
    if not given or len(set(numbers)) < len(numbers):
        raise CubefocusError(f"the ids of the cubes are {numbers}; give one cube at least, each with an id of its own")
    chain = load_chain(bundle if isinstance(bundle, Bundle) else Bundle.load(place_of(bundle)), settings, device)
    found = [
        chain.detect([cube if isinstance(cube, Cube) else load_dirty(Path(cube))], [number])
        for cube, number in zip(given, numbers, strict=True)
    ]
    return joined(found)


def load_chain(bundle: Bundle, settings: Mapping[str, Any] | None = None, device: str = "auto") -> Chain:
    """The whole chain of a bundle, with some of its settings replaced.

    Raises
    ------
    CubefocusError
        If the bundle lacks a network of the chain, or as `Chain.load`.
    """
    bundle.require(chain_among(bundle.networks))
    return Chain.load(bundle.with_settings(settings or {}), device)


def joined(found: Sequence[Detections]) -> Detections:
    """Detections of several calls in one, in their order."""
    clock = Clock.joined(one.clock for one in found)
    catalogue, candidates = (
        vstack([getattr(one, name) for one in found], metadata_conflicts="silent")
        for name in ("catalogue", "candidates")
    )
    return Detections(catalogue, candidates, [field for one in found for field in one.fields], clock)
