"""The work of ``cubefocus detect``: cubes on disk, one after the other, to one folder of products."""

from __future__ import annotations

import logging
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy.table import Table, vstack

from cubefocus.alma.chain import Chain
from cubefocus.alma.detection_products import source_products, write_detection_products
from cubefocus.alma.inputs import load_dirty
from cubefocus.alma.search import load_chain
from cubefocus.alma.searched import Searched
from cubefocus.cli.provenance import read_provenance
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import cube_provenance
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, read_yaml, write_table
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.ranges import Range, measured, outside
from cubefocus.provenance import digest, provenance
from cubefocus.report.pictures import field_figure, save_figure, spectra_figure
from cubefocus.search.instruments import Instrument, fit
from cubefocus.settings import DetectionSettings
from cubefocus.stats.noise import background
from cubefocus.tables.published import write_fits_table, write_votable
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)

ORIGIN = ("experiment", "seed", "noise_seed", "config", "engine", "responses", "code")
FORMATS = ("ecsv", "csv", "xml", "fits")  # of catalogues; xml: VOTable
TABLES = (*(f"{name}.{kind}" for name in ("catalogue", "fitted") for kind in FORMATS), "candidates.ecsv", "products.h5")
MAPS = ("snr", "mask", "moment0", "moment1", "moment2", "peak")  # what a search without networks leaves of each cube
SUFFIXES = (
    ".reg",
    ".field.png",
    ".spectra.png",
    ".report.html",
    *(f".{name}.fits" for name in MAPS),
)  # of the files of each cube
POSSIBLE = (0.5, 50.0)  # rest frequency over observed one: between a blueshift of c / 2 and any known redshift


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


def read_settings(path: Path | None) -> dict[str, Any]:
    """Section ``detection`` of a YAML file, or the whole file if it has no such section.

    Raises
    ------
    CubefocusError
        If the file is absent, is no YAML mapping, or holds a setting that the chain cannot use.
    """
    if path is None:
        return {}
    if not path.is_file():
        raise CubefocusError(f"{path}: no such settings file; check the path")
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise CubefocusError(f"{path}: holds no mapping; see the section detection of config.yaml")
    section = content.get("detection", content) or {}
    if not isinstance(section, dict):
        raise CubefocusError(f"{path}: detection is {section!r}; it must be a mapping, as in config.yaml")
    try:
        DetectionSettings.from_mapping(section)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    return dict(section)


def load_bundle(folder: Path, overrides: Mapping[str, Any]) -> Bundle:
    """Read a bundle and replace some of its detection settings, which is said.

    Raises
    ------
    CubefocusError
        As `Bundle.load`.
    """
    bundle = Bundle.load(folder).with_settings(overrides)
    for key, value in _leaves(bundle.overrides):
        log.info("%s: detection.%s is replaced by %s", folder, key, value)
    return bundle


def _leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def search(
    bundle: Bundle,
    paths: Sequence[Path],
    output: Path,
    device: str,
    overwrite: bool = False,
    instrument: Instrument | None = None,
) -> Found:
    """Search cubes with a bundle; as `detect_files`, with all that the bundle says."""
    chain = load_chain(bundle, device=device)
    networks = {name: origin_of(one.provenance) for name, one in bundle.networks.items()}
    facts = {"models": bundle.source, "bundle": bundle.digest, "settings": digest(bundle.detection)}
    facts |= {"networks": networks} | ({"replaced": dict(bundle.overrides)} if bundle.overrides else {})
    facts |= instrument.facts if instrument is not None else {}
    made = provenance(chain.device, **facts)
    return detect_files(chain, paths, output, made, bundle.ranges, overwrite, instrument)


def detect_files(
    chain: Chain,
    paths: Sequence[Path],
    output: Path,
    facts: Mapping[str, Any],
    ranges: Mapping[str, Range] | None = None,
    overwrite: bool = False,
    instrument: Instrument | None = None,
) -> Found:
    """Search cubes on disk, one in memory at a time, and write all products to a folder.

    Parameters
    ----------
    chain : Chain
    paths : sequence of Path
        FITS cubes in Jy/beam, mJy/beam, ...; cube_id in the tables is that of the header, or else the place in this
        list.
    output : Path
        Gets the catalogue in all `FORMATS`, candidates.ecsv, products.h5, and per cube <name>.reg, <name>.field.png,
        <name>.spectra.png.
    facts : mapping
        Provenance.
    ranges : mapping, optional
        What the networks were trained on; a cube that lies outside is told.
    overwrite : bool
        Whether products of an earlier search are removed first.
    instrument : Instrument, optional
        Beam and primary beam of the cubes: all sources of a cube are then fitted together, which the tables fitted
        hold, and the regions show.

    Raises
    ------
    CubefocusError
        If the folder cannot be written or holds results, two cubes have one id, or a cube cannot be read or searched:
        then the others have been searched and written, and the message names those that are missing.
    """
    inputs = list_inputs(paths)
    is_new = prepare_output(output, overwrite)
    facts = dict(facts) | {"cubes": [str(path) for path in paths]}
    made = [origin_of(one.made) for one in inputs]
    facts |= {"inputs": made} if any(made) else {}
    work = _Work(chain, output, facts, ranges or {}, alone=len(inputs) == 1, instrument=instrument)
    try:
        write_detection_products(output / "products.h5", work.products(inputs), facts)
        if not work.tables:
            raise CubefocusError(summary(work.found, paths))
    except CubefocusError:
        (output / "products.h5").unlink(missing_ok=True)
        if is_new and not any(output.iterdir()):
            output.rmdir()
        raise
    found = work.found
    told = {"failed": found.failed, "outside": found.remarks}
    facts |= {key: value for key, value in told.items() if value}
    found.catalogue, found.candidates = (
        vstack(list(parts), metadata_conflicts="silent") for parts in zip(*work.tables, strict=True)
    )
    write_catalogue(output / "catalogue", found.catalogue, facts)
    write_table(output / "candidates.ecsv", found.candidates, facts)
    if work.fitted:
        found.fitted = vstack(work.fitted, metadata_conflicts="silent")
        write_catalogue(output / "fitted", found.fitted, facts)
    if found.failed:
        raise CubefocusError(summary(found, paths, output))
    return found


def write_catalogue(stem: Path, table: Table, facts: Mapping[str, Any]) -> None:
    """Write a catalogue in all `FORMATS`."""
    write_table(stem.with_suffix(".ecsv"), table, facts)
    write_votable(stem.with_suffix(".xml"), table, facts)
    write_fits_table(stem.with_suffix(".fits"), table, facts)
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        table.write(temporary, format="ascii.csv")


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
            _failed(one, f"{one.path}: {error}", error, found, alone)
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


@dataclass
class _Work:
    """Search cubes one after the other and write what belongs to each alone."""

    chain: Chain
    output: Path
    facts: Mapping[str, Any]
    ranges: Mapping[str, Range]
    alone: bool
    instrument: Instrument | None = None
    fitted: list[Table] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    tables: list[tuple[Table, Table]] = field(default_factory=list)

    def products(self, inputs: Iterable[Input]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Id and arrays of each cube that could be searched; the others go into ``found.failed``."""
        for one, searched in attempts(inputs, self.search, self.found, self.alone):
            yield one.cube_id, source_products(searched)

    def search(self, one: Input) -> Searched:
        """Search one cube, and write its regions and pictures."""
        cube = load_dirty(one.path)
        self.remark(one, outside(self.ranges, measured(cube)))
        check_possible(self.chain.settings.rest_frequency_ghz, cube, one.path)
        found = self.chain.detect([cube], [one.cube_id])
        (searched,) = found.fields
        if len(found.catalogue):
            self.remark(one, outside(self.ranges, {"snr": (brightest_snr(searched),) * 2}))
        shown = found.catalogue
        if self.instrument is not None:
            settings, device = self.chain.settings, self.chain.device
            shown = fit(cube, self.instrument, one.path, found.catalogue, settings, one.cube_id, device)
            self.fitted.append(shown)
        write_regions(self.output / f"{one.name}.reg", shown, self.facts)
        save_figure(field_figure(searched), self.output / f"{one.name}.field.png", self.facts)
        if not searched.field.is_image:
            save_figure(spectra_figure(searched), self.output / f"{one.name}.spectra.png", self.facts)
        self.tables.append((found.catalogue, found.candidates))
        log.info("%s: %d sources of %d candidates", one.path, len(found.catalogue), len(found.candidates))
        if self.instrument is not None:
            log.info("%s: %d sources after the fit", one.path, len(shown))
        return searched

    def remark(self, one: Input, sentences: Iterable[str]) -> None:
        """Say what of a cube is unlike the training."""
        for sentence in sentences:
            log.warning("%s: %s", one.path, sentence)
            self.found.remarks.setdefault(str(one.path), []).append(sentence)


def brightest_snr(searched: Searched) -> float:
    """Brightest pixel of the integrated image over its robust noise, sidelobes included; NaN without any."""
    image = searched.integrated[np.isfinite(searched.integrated)]
    level, noise = background(image)
    return float((image.max() - level) / noise) if noise > 0 else float("nan")


def check_possible(rest_ghz: float | None, cube: Cube, path: Path) -> None:
    """Refuse a rest frequency that no line at the frequencies of a cube can have: it is in another unit.

    Raises
    ------
    CubefocusError
    """
    if rest_ghz is None:
        return
    observed = float(np.median(cube.frequencies_hz)) / 1e9
    if math.isfinite(observed) and not POSSIBLE[0] < rest_ghz / observed < POSSIBLE[1]:
        raise CubefocusError(
            f"{path}: a line at {observed:.6g} GHz cannot have the rest frequency {rest_ghz:.10g} GHz; give it in GHz, "
            "--rest-frequency"
        )


def list_inputs(paths: Sequence[Path]) -> list[Input]:
    """Ids and names of cubes, from their headers and their places in the list.

    A header that cannot be read says nothing here; reading the cube tells why.

    Raises
    ------
    CubefocusError
        If two cubes have the same id.
    """
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
    """Make the folder for the products of a search, as `prepare_folder`."""
    return prepare_folder(output, list(earlier_products(output)) if output.is_dir() else [], overwrite)


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
