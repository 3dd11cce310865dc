"""What a search of cubes on disk starts from and leaves: ids and names of the cubes, and one folder of products."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from astropy.table import Table, vstack

from cubefocus.cli.provenance import read_provenance
from cubefocus.cube.reading import cube_provenance
from cubefocus.errors import CubefocusError
from cubefocus.files import remove_leftovers, write_table
from cubefocus.tables.published import FORMATS, write_catalogue
from cubefocus.tables.regions import SUFFIXES as REGIONS

log = logging.getLogger(__name__)

ORIGIN = ("experiment", "seed", "noise_seed", "config", "engine", "responses", "code")
TABLES = (*(f"{name}.{kind}" for name in ("catalogue", "fitted") for kind in FORMATS), "candidates.ecsv", "products.h5")
MAPS = ("snr", "mask", "moment0", "moment1", "moment2", "peak")  # what a search without networks leaves of each cube
SUFFIXES = (
    *REGIONS,
    ".field.png",
    ".spectra.png",
    ".report.html",
    ".spectrum.ecsv",
    ".cube.fits",
    ".card.png",
    *(f".{name}.fits" for name in MAPS),
)  # of the files of each cube


@dataclass(frozen=True)
class Input:
    """A cube on disk: its id and the name that its files get, and what its header says of how it was made."""

    path: Path
    cube_id: int
    name: str
    made: Mapping[str, Any]


@dataclass
class Found:
    """What all cubes together hold, what went wrong, and what is unlike the training, by file."""

    catalogue: Table | None = None
    candidates: Table | None = None
    fitted: Table | None = None
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)


def facts_of(paths: Sequence[Path], inputs: Sequence[Input]) -> dict[str, Any]:
    """What the provenance of products says of the cubes: their paths, and how they were made."""
    made = [origin_of(one.made) for one in inputs]
    return {"cubes": [str(path) for path in paths]} | ({"inputs": made} if any(made) else {})


def write_tables(
    output: Path, found: Found, tables: Sequence[tuple[Table, Table]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Join the catalogues and the candidates of the cubes that could be searched, and write them.

    Parameters
    ----------
    output : Path
    found : Found
        Gets the joined tables.
    tables : sequence of (Table, Table)
        Catalogue and candidates of each cube; one at least.
    facts : mapping
        Provenance.

    Returns
    -------
    dict
        Provenance with what went wrong.
    """
    told = {"failed": found.failed, "outside": found.remarks}
    facts = {**facts, **{key: value for key, value in told.items() if value}}
    found.catalogue, found.candidates = (
        vstack(list(parts), metadata_conflicts="silent") for parts in zip(*tables, strict=True)
    )
    write_catalogue(output / "catalogue", found.catalogue, facts)
    write_table(output / "candidates.ecsv", found.candidates, facts)
    return facts


def summary(found: Found, paths: Sequence[Path], output: Path | None = None) -> str:
    rest = f"; {output} has what the others hold" if output else ""
    return f"{len(found.failed)} of {len(paths)} cubes could not be searched: {', '.join(found.failed)}{rest}"


T = TypeVar("T")


def attempts(
    inputs: Iterable[Input], search: Callable[[Input], T], found: Found, alone: bool
) -> Iterator[tuple[Input, T]]:
    """What a search gives of each cube; those that could not be searched go into ``found.failed``.

    Raises
    ------
    CubefocusError
        If the only cube cannot be searched.
    """
    for one in inputs:
        try:
            searched = search(one)
        except CubefocusError as error:
            # The search knows its cubes by number, the user by file.
            named = re.sub(rf"\bcube {one.cube_id}\b", str(one.path).replace("\\", r"\\"), str(error))
            _failed(one, named if str(one.path) in named else f"{one.path}: {named}", error, found, alone)
        except OSError as error:
            about = f"{error.strerror}: {error.filename or one.path}" if error.strerror else str(error)
            _failed(one, f"{one.path}: {about}; see that it may be read", error, found, alone)
        except Exception as error:  # a defect, which must not take what the other cubes hold with it
            log.exception("%s: this is a defect of cubefocus; please report it", one.path)
            _failed(one, f"{one.path}: {type(error).__name__}: {error}", error, found, alone)
        else:
            yield one, searched


def _failed(one: Input, message: str, error: Exception, found: Found, alone: bool) -> None:
    if alone:
        raise CubefocusError(message) from error
    log.error("%s", message)
    found.failed[str(one.path)] = message


def list_inputs(paths: Sequence[Path]) -> list[Input]:
    """Ids and names of cubes, from their headers and their places in the list.

    A header that cannot be read says nothing here; reading the cube tells why.

    Raises
    ------
    CubefocusError
        If two cubes have the same id, or one is named twice.
    """
    files = [path.resolve() for path in paths]
    for place, file in enumerate(files):
        if files.index(file) < place:
            raise CubefocusError(f"{paths[place]}: is named twice; name each cube once, else its sources count twice")
    made = [_made(path) for path in paths]
    numbers = [_cube_id(facts, place) for place, facts in enumerate(made)]
    for place, number in enumerate(numbers):
        first = numbers.index(number)
        if first < place:
            raise CubefocusError(
                f"{paths[place]}: has the cube_id {number}, as {paths[first]} has; search them one by one, each with "
                "an output folder of its own"
            )
    names = file_names(paths)
    return [Input(*each) for each in zip(paths, numbers, names, made, strict=True)]


def _made(path: Path) -> dict[str, Any]:
    try:
        return cube_provenance(path)
    except (CubefocusError, OSError) as error:
        log.debug("%s", error)
        return {}


def _cube_id(made: Mapping[str, Any], place: int) -> int:
    number = made.get("cube_id")
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= 0 else place


def origin_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an input's provenance that its products repeat."""
    return {key: made[key] for key in ORIGIN if key in made}


def prepare_output(output: Path, overwrite: bool) -> bool:
    """Make the folder for the products of a search, as `prepare_folder`, without what a killed one was writing."""
    if output.is_dir() and os.access(output, os.W_OK):
        remove_leftovers(output)
    earlier = list(earlier_products(output)) if output.is_dir() else []
    # The tables are written last. To replace the rest unasked would take it from a search that is under way.
    if earlier and not overwrite and not any((output / name).is_file() for name in TABLES):
        raise CubefocusError(
            f"{output}: holds what a search has made that was stopped or is under way ({earlier[0].name}, and no "
            "catalogue); to begin it anew, add --overwrite"
        )
    return prepare_folder(output, earlier, overwrite)


def prepare_folder(output: Path, earlier: Sequence[Path], overwrite: bool) -> bool:
    """Make a folder for products, or remove earlier ones from it; return whether it is new.

    Raises
    ------
    CubefocusError
        If it cannot be made or written to, or holds products and nobody asked to replace them.
    """
    is_new = not output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise CubefocusError(
            f"{output}: no folder can be made or written here ({error.strerror}); name another one"
        ) from error
    if earlier and not overwrite:
        raise CubefocusError(
            f"{output}: holds the results of an earlier search ({earlier[0].name}); name another folder, or add "
            "--overwrite"
        )
    for path in earlier:
        path.unlink()
    return is_new


def earlier_products(output: Path) -> Iterator[Path]:
    """Files of an earlier search: the tables, and the regions and pictures that say they were made so."""
    yield from (output / name for name in TABLES if (output / name).is_file())
    for path in sorted(output.iterdir()):
        if path.is_file() and path.name.endswith(SUFFIXES) and "cubes" in _told(path):
            yield path


def _told(path: Path) -> dict[str, Any]:
    """Provenance of a file; nothing for one of somebody else's."""
    try:
        return read_provenance(path)
    except CubefocusError as error:
        log.debug("%s", error)
        return {}


def file_names(paths: Sequence[Path]) -> list[str]:
    """Stems of cubes for the names of their products; those that are taken get their place in front."""
    stems = [re.sub(r"(\.fits)?(\.gz)?$", "", path.name, count=1, flags=re.IGNORECASE) or path.name for path in paths]
    folded = [stem.casefold() for stem in stems]  # there are file systems that know no upper and lower case
    names: list[str] = []
    for place, stem in enumerate(stems):
        name = stem if folded.count(folded[place]) == 1 else f"{place}.{stem}"
        others = {*folded, *(other.casefold() for other in names)} - {stem.casefold()}
        while name != stem and name.casefold() in others:
            name = f"{place}.{name}"
        names.append(name)
    return names
