"""``cubefocus evaluate``: score catalogues of any program against a truth table."""

from __future__ import annotations

import argparse
import logging
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from astropy.table import Table

from cubefocus.cli.options import check_seed, output_path
from cubefocus.cli.output import show
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.provenance import provenance
from cubefocus.report.render import plain_text, write_table
from cubefocus.report.score import as_method
from cubefocus.report.tables.scores import detection_scores, parameter_scores
from cubefocus.settings import EvaluationSettings
from cubefocus.tables.entries import read_entry, read_truth
from cubefocus.tables.field import Field
from cubefocus.tables.foreign import ANGLES, NAMES, OWN_NAMES, SHAPES, TARGETS
from cubefocus.tables.hints import hints
from cubefocus.tables.mapping import Reading
from cubefocus.tables.values import parse_unit

logger = logging.getLogger(__name__)
T = TypeVar("T")
TRUTH = "truth"
SHOWN = ("method", "tp", "fp", "fn", "precision", "recall", "f1", "mean_iou")

CONVENTIONS = (
    "Boxes are x0 y0 x1 y1, half-open (x1 is the column behind the last); or x_min y_min x_max y_max, first and last "
    "pixel, both in the box; or centre, width and height. Line ranges are z0 z1, in channels; or first and last "
    "channel, z_min z_max; or z -+ fwhm_z. Without boxes only the distance of the centres counts. A cube column is not "
    "needed if the truth has a single cube. sigma_x, sigma_y, pa (from the x axis, clockwise with y up), flux (sum "
    "over box and line range, Jy/beam) and z go into the table of parameters, as do the ellipses of other programs. "
    "Pixels count from 0, or from 1 in columns marked 1 above. Sizes and angles on the sky are turned by the header of "
    "--wcs. Units that a file states are converted; what had to be assumed is said."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Match the sources of catalogues one to one with true ones and count. Tables are ECSV, CSV, FITS or VOTable, "
        "told by the extension. A row of the result is named by its file, or NAME=FILE."
    )
    parser.epilog = f"Example: cubefocus evaluate found/catalogue.ecsv truth.ecsv\n\n{_columns_help()}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = EvaluationSettings()
    parser.add_argument("catalogue", metavar="CATALOGUE", help="what was found")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="what was there, such as truth.ecsv of a run")
    parser.add_argument("--against", nargs="+", default=[], metavar="CATALOGUE", help="further catalogues to score")
    parser.add_argument("--split", help="score this split only, such as test; for a truth table with a column split")
    parser.add_argument("-o", "--output", type=output_path, metavar="FOLDER",
                        help="write detection.* and parameters.* (csv, md, tex) here, do not print")  # fmt: skip
    match = parser.add_argument_group("when a source counts as found")
    match.add_argument("--iou", type=float, default=default.iou, help="least IoU of the boxes (default: %(default)s)")
    match.add_argument("--distance", type=float, default=default.distance, metavar="PX",
                       help="centres are closer than this (default: %(default)s px)")  # fmt: skip
    match.add_argument("--line-iou", type=float, default=default.line_iou, metavar="IOU",
                       help="least IoU of line ranges, where both tables have any (default: %(default)s)")  # fmt: skip
    match.add_argument("--ignore", choices=["boxes", "lines", "cubes"], action="append", default=[],
                       help="match as if the catalogues had none; may be repeated")  # fmt: skip
    reading = parser.add_argument_group("columns", "all options but --wcs are for CATALOGUE; for others put NAME: in "
                                        "front, truth: for the truth table")  # fmt: skip
    reading.add_argument("--column", action="append", default=[], metavar="[NAME:]x=XPOS",
                         help="take a column under another name; may be repeated")  # fmt: skip
    reading.add_argument("--origin", action="append", default=[], metavar="[NAME:]1",
                         help="number of the first pixel and channel, 0 or 1 (default: by the columns)")  # fmt: skip
    reading.add_argument("--unit", action="append", default=[], metavar="[NAME:]ra=hourangle",
                         help="unit of a column, in place of what the file states; may be repeated")  # fmt: skip
    reading.add_argument("--angle", action="append", default=[], metavar=f"[NAME:]{'|'.join(ANGLES)}",
                         help="how the position angle is measured: "
                         + "; ".join(f"{name}, {meaning}" for name, meaning in ANGLES.items())
                         + " (default: by the columns)")  # fmt: skip
    reading.add_argument("--table", action="append", default=[], metavar="[NAME:]TABLE",
                         help="which table of a file of several (default: the one with positions)")  # fmt: skip
    reading.add_argument("--wcs", type=Path, metavar="CUBE.fits",
                         help="its header turns directions, sizes and angles on the sky into pixels; the truth table "
                         "must have ra and dec beside x and y")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap intervals (default: %(default)s)")
    parser.set_defaults(run=run)


def _columns_help() -> str:
    head = "Columns that are found by themselves, upper or lower case, under their name or these:"
    lines = [f"  {target:8} " + ", ".join(one.name + (" (1)" if one.origin else "") for one in names
                                          if one.name != target) for target, names in NAMES.items()]  # fmt: skip
    own = f"and, under these very names only, {', '.join(OWN_NAMES)}."
    ellipses = [", ".join((shape.major, shape.minor, shape.angle)) for shape in SHAPES]
    width = max(map(len, ellipses))
    ellipses = [f"  {names:{width}}  {ANGLES[shape.reference]}" for names, shape in zip(ellipses, SHAPES, strict=True)]
    return "\n".join(
        [
            head,
            *(line.rstrip() for line in lines),
            own,
            "Ellipses of other programs, and how their angle is measured:",
            *ellipses,
            "",
            textwrap.fill(CONVENTIONS, 100),
        ]
    )


def run(options: argparse.Namespace) -> None:
    """Score all catalogues, then print or write the tables.

    Raises
    ------
    CubefocusError
        If an option or a table is unusable; nothing has been written then.
    """
    check_seed(options.seed)
    settings = EvaluationSettings(options.iou, options.distance, options.line_iou)
    files = named_files([options.catalogue, *options.against])
    readings = parse_readings(options, list(files))
    truth = read_truth(options.truth, readings[TRUTH], options.split)
    found = {name: read_entry(path, readings[name], truth) for name, path in files.items()}
    methods = [as_method(name, table, truth, options.ignore) for name, table in found.items()]
    for name, table in found.items():
        for hint in hints(name, table, truth, settings.distance):
            logger.warning("%s: %s", files[name], hint)
    detection = detection_scores(methods, truth, settings, options.seed)
    if options.output is None:
        show(_printed(detection, settings.interval))
        return
    parameters = parameter_scores(methods[0], truth, settings, options.seed)
    facts = {"truth": str(options.truth), "split": options.split, "seed": options.seed}
    facts |= {"catalogues": {name: str(path) for name, path in files.items()}, "ignored": sorted(set(options.ignore))}
    _write(options.output, {"detection": detection, "parameters": parameters}, provenance(**facts))


def _printed(detection: Table, interval: float) -> str:
    """The counts and scores, and below them what counted as a match and what is to be known about a row."""
    below = [f"{row['method']}: {row['criterion']}" + (f"; {row['note']}" if row["note"] else "") for row in detection]
    facts = (
        f"{detection['n_sources'][0]} sources in {detection['n_cubes'][0]} cubes; in brackets {interval:.0%} intervals"
    )
    return "\n".join([plain_text(detection, SHOWN), "", facts, *below])


def _write(folder: Path, tables: Mapping[str, Table | None], facts: Mapping[str, Any]) -> None:
    for name, table in tables.items():
        if table is None:
            logger.info("no table of %s: the catalogue has none that the truth has too", name)
            continue
        try:
            paths = write_table(table, folder / name, facts)
        except OSError as error:
            raise CubefocusError(f"{folder}: cannot be written to ({error.strerror}); name another folder") from error
        logger.info("wrote %s", ", ".join(map(str, paths)))


def named_files(texts: Sequence[str]) -> dict[str, Path]:
    """Files by the name of their row: NAME of NAME=FILE, the stem, or the whole path where stems are the same.

    Raises
    ------
    CubefocusError
        If two rows have one name, or one is called as the truth.
    """
    pairs: list[tuple[str, Path]] = []
    for text in texts:
        name, equals, file = text.partition("=")
        named = bool(equals and name and file) and not Path(text).is_file()
        pairs.append((name, Path(file)) if named else ("", Path(text)))
    stems = [name or Path(path.name.removesuffix(".gz")).stem for name, path in pairs]
    names = [
        name or (stem if stems.count(stem) == 1 else str(path))
        for (name, path), stem in zip(pairs, stems, strict=True)
    ]  # fmt: skip
    for name in names:
        if names.count(name) > 1 or name == TRUTH:
            raise CubefocusError(f"catalogue {name!r}: this name is taken; give it another, NAME=FILE")
    return {name: path for name, (_, path) in zip(names, pairs, strict=True)}


def parse_readings(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Reading]:
    """How each table is read, by name, from the options; what has no name in front is for the first table.

    Parameters
    ----------
    options : argparse.Namespace
        With column, origin, unit, angle, table (lists of texts), ignore and wcs.
    names : sequence of str
        Of the catalogues.

    Raises
    ------
    CubefocusError
        If an option is malformed or names a table or a column that there is none of, or the header has no sky.
    """
    everyone = [*names, TRUTH]
    columns = _pairs(options.column, everyone, "--column", "COLUMN")
    units = _pairs(options.unit, everyone, "--unit", "UNIT")
    for unit, option in {
        text: f"--unit {target}={text}" for own in units.values() for target, text in own.items()
    }.items():
        try:
            parse_unit(unit)
        except CubefocusError as error:
            raise CubefocusError(f"{option}: {error}") from error
    origins = _single(options.origin, everyone, "--origin", {"0": 0, "1": 1}, "the first pixel is number 0 or 1")
    angles = _single(options.angle, everyone, "--angle", {name: name for name in ANGLES}, f"give {', '.join(ANGLES)}")
    tables = dict(_addressed(option, everyone, f"--table {option}") for option in options.table)
    field = None if options.wcs is None else _field(options.wcs)
    ignored = tuple(options.ignore)
    return {
        name: Reading(columns[name], origins.get(name), field, units[name], angles.get(name), tables.get(name),
                      () if name == TRUTH else ignored)
        for name in everyone
    }  # fmt: skip


def _pairs(texts: Sequence[str], names: Sequence[str], option: str, what: str) -> dict[str, dict[str, str]]:
    """Values of ``[NAME:]TARGET=VALUE`` by table and target."""
    chosen: dict[str, dict[str, str]] = {name: {} for name in names}
    for text in texts:
        left, equals, value = text.partition("=")
        name, target = _addressed(left, names, f"{option} {text}")
        if not (equals and value) or target not in TARGETS:
            raise CubefocusError(f"{option} {text}: give [NAME:]TARGET={what}, TARGET one of {', '.join(TARGETS)}")
        chosen[name][target] = value
    return chosen


def _single(texts: Sequence[str], names: Sequence[str], option: str, known: Mapping[str, T], way: str) -> dict[str, T]:
    """Values of ``[NAME:]VALUE`` by table."""
    chosen = {}
    for text in texts:
        name, value = _addressed(text, names, f"{option} {text}")
        if value not in known:
            raise CubefocusError(f"{option} {text}: {way}")
        chosen[name] = known[value]
    return chosen


def _addressed(text: str, names: Sequence[str], option: str) -> tuple[str, str]:
    """Table and rest of ``[NAME:]rest``."""
    name, _, rest = text.rpartition(":")
    if name and name not in names:
        raise CubefocusError(f"{option}: there is no table {name!r}; there are {', '.join(names)}")
    return name or names[0], rest


def _field(path: Path) -> Field:
    cube = read_cube(path)
    wcs = cube.wcs
    if wcs.naxis != 2:
        raise CubefocusError(f"{path}: its header has no celestial axes to turn ra and dec into pixels")
    return Field(wcs, (cube.data.shape[1], cube.data.shape[2]), path)
