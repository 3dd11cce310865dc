"""``cubefocus detect``: catalogue, regions and pictures of a user's cubes."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cubefocus.alma.chain import Chain, Detections
from cubefocus.alma.detection_products import source_products, write_detection_products
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, write_table
from cubefocus.provenance import decode, digest, provenance
from cubefocus.report.pictures import field_figure, save_figure, spectra_figure
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)

ORIGIN = ("experiment", "seed", "noise_seed", "config", "engine", "responses", "code")


def add_detect_parser(subparsers: Any) -> None:
    """Mount ``detect`` on the subparsers of the command line."""
    parser = subparsers.add_parser("detect", help="find and characterise the sources in dirty cubes")
    parser.add_argument("cubes", nargs="+", type=Path, metavar="CUBE.fits")
    parser.add_argument("--models", required=True, type=Path, help="folder of trained networks")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for catalogue, regions and pictures")
    parser.add_argument("--settings", type=Path, help="YAML file: a config, or its section detection")
    parser.add_argument("--rest-frequency", type=float, metavar="GHZ", help="rest frequency of the line")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: the GPU where there is one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Detect in all cubes at once, and write one catalogue of them."""
    section = read_settings(arguments.settings)
    if arguments.rest_frequency is not None:
        section["rest_frequency_ghz"] = arguments.rest_frequency
    chain = Chain.load(arguments.models, section, arguments.device)
    names = [str(path) for path in arguments.cubes]
    networks = {name: origin_of(made) for name, made in chain.origins.items()}
    facts = {"cubes": names, "models": str(arguments.models), "settings": digest(section), "networks": networks}
    detect_files(chain, arguments.cubes, arguments.output, provenance(chain.device, **facts))
    return 0


def origin_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an input's provenance that its products repeat."""
    return {key: made[key] for key in ORIGIN if key in made}


def read_settings(path: Path | None) -> dict[str, Any]:
    """Section ``detection`` of a YAML file, or the whole file if it has no such section.

    Raises
    ------
    CubefocusError
        If the file is absent or is no YAML mapping.
    """
    if path is None:
        return {}
    if not path.is_file():
        raise CubefocusError(f"{path}: no such settings file; check the path")
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise CubefocusError(f"{path}: not YAML ({error}); see the section detection of config.yaml") from error
    if not isinstance(content, dict):
        raise CubefocusError(f"{path}: holds no mapping; see the section detection of config.yaml")
    section = content.get("detection", content) or {}
    if not isinstance(section, dict):
        raise CubefocusError(f"{path}: detection is {section!r}; it must be a mapping, as in config.yaml")
    return dict(section)


def detect_files(chain: Chain, paths: Sequence[Path], output: Path, facts: dict[str, Any]) -> Detections:
    """Detect in cubes on disk and write all products to a folder.

    Parameters
    ----------
    chain : Chain
    paths : sequence of Path
        FITS cubes in Jy/beam, mJy/beam, ...; cube_id in the tables is the place in this list.
    output : Path
        Gets catalogue.ecsv, catalogue.csv, candidates.ecsv, products.h5, and per cube <name>.reg, <name>.field.png,
        <name>.spectra.png.
    facts : dict
        Provenance.

    Raises
    ------
    CubefocusError
        If a cube cannot be read or searched, or the folder cannot be made; the message names the file.
    """
    cubes = [load_dirty(path) for path in paths]
    try:
        found = chain.detect(cubes)
    except CubefocusError as error:
        # The chain knows its cubes by number, the user by file.
        raise CubefocusError(re.sub(r"\bcube (\d+)\b", lambda match: str(paths[int(match[1])]), str(error))) from error
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CubefocusError(f"{output}: no folder can be made here ({error.strerror}); name another one") from error
    facts = facts | inputs_of(cubes, paths)
    write_table(output / "catalogue.ecsv", found.catalogue, facts)
    write_table(output / "candidates.ecsv", found.candidates, facts)
    with atomic_path(output / "catalogue.csv") as temporary:
        found.catalogue.write(temporary, format="ascii.csv")
    products = ((one.cube_id, source_products(one)) for one in found.fields)
    write_detection_products(output / "products.h5", products, facts)
    for number, (name, field) in enumerate(zip(file_names(paths), found.fields, strict=True)):
        rows = found.catalogue[found.catalogue["cube_id"] == number]
        write_regions(output / f"{name}.reg", rows, facts)
        save_figure(field_figure(field), output / f"{name}.field.png", facts)
        save_figure(spectra_figure(field), output / f"{name}.spectra.png", facts)
        log.info("%s: %d sources of %d candidates", paths[number], len(rows), len(field.candidates))
    return found


def inputs_of(cubes: Sequence[Cube], paths: Sequence[Path]) -> dict[str, Any]:
    """What the headers of cubes say about how they were made, in the order of the cubes; nothing if none does."""
    texts = [str(cube.header.get("PROVENAN", "")) for cube in cubes]
    made = [decode(text, path) if text.startswith("{") else {} for text, path in zip(texts, paths, strict=True)]
    return {"inputs": [origin_of(one) for one in made]} if any(made) else {}


def load_dirty(path: Path) -> Cube:
    """Read a dirty cube and bring it to Jy/beam, the unit of the catalogue.

    Raises
    ------
    CubefocusError
        If the file is unreadable, or does not say where its channels are, or is in a unit that is no flux in a beam.
    """
    return in_jy_per_beam(read_cube(path), path)


def file_names(paths: Sequence[Path]) -> list[str]:
    """Stems of cubes for the names of their products; two cubes of one name get their place in front."""
    stems = [path.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".FITS") for path in paths]
    return [stem if stems.count(stem) == 1 else f"{place}.{stem}" for place, stem in enumerate(stems)]
