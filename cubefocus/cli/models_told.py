"""The work of ``cubefocus models``: bundles as lines of text, and cubes beside what they were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cubefocus.cli.provenance import lines_of
from cubefocus.errors import CubefocusError
from cubefocus.learn import manifest
from cubefocus.learn.ranges import as_ranges, measured, outside, shown
from cubefocus.learn.shipped import CARD, place_of, purpose_of, shipped, size_of

CUBES = (".fits", ".fits.gz", ".fits.fz", ".fit", ".fts")


def is_cube(path: Path) -> bool:
    """Whether a path is a file, or is named as one of a cube."""
    return path.is_file() or path.name.lower().endswith(CUBES)


def listed() -> Iterator[str]:
    """One line for each bundle that comes with the package, in columns."""
    rows = []
    for name, folder in shipped().items():
        networks = ", ".join(manifest.read_manifest(folder)["networks"])
        rows.append((name, networks, f"{size_of(folder) / 1e6:.1f} MB", purpose_of(folder)))
    if not rows:
        yield "no bundle comes with this installation; a run makes one: results/demo/bundle"
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join(f"{text:{width}}" for text, width in zip(row, (*widths, 0), strict=True)).rstrip()


def info(name: str) -> Iterator[str]:
    """What a bundle says of itself: networks, licence, ranges, provenance, and its model card.

    Raises
    ------
    CubefocusError
        If there is none, or it is damaged.
    """
    folder = place_of(name)
    content = manifest.read_manifest(folder)
    facts: dict[str, Any] = {"bundle": folder.name, "folder": str(folder), "study": content["study"]}
    facts["networks"] = ", ".join(f"{key} ({one['network']})" for key, one in content["networks"].items())
    facts |= {"size": f"{size_of(folder) / 1e6:.1f} MB", "licence": content["licence"], "digest": content["digest"]}
    yield from _pairs(facts)
    yield from ("", "trained on")
    ranges = as_ranges(content["ranges"])
    yield from _pairs({name: shown(name, *pair) for name, pair in ranges.items()} or {"ranges": "not said"})
    yield from ("", "made by")
    yield from (f"  {line}" for line in lines_of(content["provenance"]))
    card = folder / CARD
    if card.is_file():
        yield from ("", card.read_text(encoding="utf-8").rstrip())


def check_bundle(name: str) -> Iterator[str]:
    """Say that a bundle is whole.

    Raises
    ------
    CubefocusError
        Naming the part that is missing, damaged, or fits no network.
    """
    from cubefocus.learn.bundle import Bundle  # torch takes seconds to import

    bundle = Bundle.load(place_of(name))
    for task, one in bundle.networks.items():
        number = sum(parameter.numel() for parameter in one.model().parameters())
        yield f"{task}: {one.network}, {number} weights, as its digest says"
    yield f"{bundle.source}: whole, {len(bundle.networks)} networks, digest {bundle.digest}"


def check_cube(path: Path, name: str | None) -> Iterator[str]:
    """Say in what a cube lies outside of what networks were trained on.

    Parameters
    ----------
    path : Path
        FITS file.
    name : str or None
        Name or folder of a bundle; each that is shipped if None.

    Raises
    ------
    CubefocusError
        If the cube or the bundle cannot be read, or there is no bundle.
    """
    from cubefocus.alma.inputs import load_dirty

    folders = dict(shipped()) if name is None else {name: place_of(name)}
    if not folders:
        raise CubefocusError("no bundle comes with this installation; name one with --models")
    values = measured(load_dirty(path))
    for one, folder in folders.items():
        ranges: Mapping[str, Any] = as_ranges(manifest.read_manifest(folder)["ranges"])
        compared = [key for key in values if key in ranges]
        told = list(outside(ranges, values))
        yield from (f"{path}: {one}: {sentence}" for sentence in told)
        if not told:
            within = f"within what it was trained on, by {', '.join(compared)}"
            yield f"{path}: {one}: {within if compared else 'the bundle says no range that the header could be in'}"


def _pairs(facts: Mapping[str, str]) -> Iterator[str]:
    width = max(len(key) for key in facts)
    return (f"  {key:{width}}  {value}" for key, value in facts.items())
