"""Search one batch of test cubes with a finder; a job that was killed goes on with the cubes that are missing."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from astropy.table import Table, vstack

from cubefocus.alma.folder import close_partial, is_made, open_partial, read_recipe
from cubefocus.alma.training_products import integrated_images
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.find.cubes import Images, refuse_missing, searched
from cubefocus.find.interface import find_all
from cubefocus.find.own import SetUps, own_parameters
from cubefocus.find.registry import Entry, get_entry
from cubefocus.find.run import Choice, Own, search, shared
from cubefocus.provenance import code_version, digest
from cubefocus.timing import Clock


@dataclass(frozen=True)
class Find:
    """A batch to search with a finder.

    Attributes
    ----------
    method : str
    searched : str
        What it searches of the batch.
    truth : str
        Truth table of the batch, which says what cubes there must be.
    choice : str
        File that the tuning of the finder wrote.
    found : str
        Folder to make, of ``catalogue.ecsv``, ``inverted.ecsv`` and ``time.json``.
    setups : SetUps, optional
        For a finder that is told the response of each cube.
    code : str, optional
        Digest of the code behind them: what other code left unfinished is not used.
    provenance : mapping
    """

    method: str
    searched: str
    truth: str
    choice: str
    found: str
    setups: SetUps | None = None
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Find) -> None:
    """Search the cubes, and some of them times -1.

    Raises
    ------
    CubefocusError
        If a cube is missing, the finder fails, or it cannot be run here while it could where it was tuned.
    """
    entry, choice, out = get_entry(job.method), Choice.read(job.choice), Path(job.found)
    recipe = digest({"method": job.method, "choice": asdict(choice), "searched": _identity(Path(job.searched)),
                     "code": job.code or code_version()})  # fmt: skip
    if is_made(out, recipe):
        return
    if entry.lacks and not choice.note:
        raise CubefocusError(f"{job.method} was tuned but cannot be run here: {entry.lacks}")
    with open_partial(out, recipe) as partial:
        if partial is None:
            return
        if choice.note:
            images: Images = {}
            own: Own = {}
        else:
            images, own = _search(job, entry, choice, partial)
        _join(job, entry, choice, partial, images, own)
        close_partial(partial, out)


def _identity(path: Path) -> str:
    """What tells one content of an input from another."""
    return read_recipe(path) or "" if path.is_dir() else f"{zlib.crc32(path.read_bytes()):08x}"


def _search(job: Find, entry: Entry, choice: Choice, folder: Path) -> tuple[Images, Own]:
    """Search what is missing; what was searched, and the parameters that each cube has of its own."""
    images = searched(entry.kind, [job.searched])
    truth = read_table(job.truth)
    refuse_missing(images, truth, "test")
    own = own_parameters(entry, images, truth, job.setups)
    negative = integrated_images([job.searched], "inverted") if entry.kind == "map" else None
    there = {cube for cube in images if (folder / f"{cube:06d}.time.json").is_file()}
    search(entry, images, choice, folder, own, negative, skip=there)
    return images, own


def _join(job: Find, entry: Entry, choice: Choice, folder: Path, images: Images, own: Own) -> None:
    """Join what was found in each cube, and remove the single files."""
    inverted = [cube for cube in images if cube in choice.inverted]
    found, negative = _joined(entry, folder, "found", [*images]), _joined(entry, folder, "inverted", inverted)
    if choice.note:
        found.meta["note"] = choice.note
    else:
        found.meta["parameters"] = {**choice.parameters, **shared(own)}
    negative.meta["cubes"] = inverted
    clock = Clock.joined(Clock.read(folder / f"{cube:06d}.time.json") for cube in images)
    clock.note = choice.note
    write_table(folder / "catalogue.ecsv", found, job.provenance)
    write_table(folder / "inverted.ecsv", negative, job.provenance)
    clock.write(folder / "time.json")
    for cube in images:
        for kind in ("found.ecsv", "inverted.ecsv", "time.json"):
            (folder / f"{cube:06d}.{kind}").unlink(missing_ok=True)


def _joined(entry: Entry, folder: Path, kind: str, cubes: list[int]) -> Table:
    if not cubes:
        return find_all(entry.find, [], {})
    tables = [read_table(folder / f"{cube:06d}.{kind}.ecsv") for cube in cubes]
    for table in tables:
        table.meta.clear()
    return vstack(tables)
