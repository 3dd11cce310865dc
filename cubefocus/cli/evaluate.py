"""``cubefocus evaluate``: score catalogues of any program against a truth table."""

from __future__ import annotations

import argparse
import logging
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.provenance import provenance
from cubefocus.report.render import plain_text, write_table
from cubefocus.report.tables.detection import Method
from cubefocus.report.tables.scores import detection_scores, parameter_scores
from cubefocus.tables.columns import BOX, LINE_RANGE, has_columns
from cubefocus.tables.criteria import EvaluationSettings
from cubefocus.tables.entries import Truth, read_entry, read_truth
from cubefocus.tables.mapping import OWN_NAMES, SYNONYMS, TARGETS, Reading

logger = logging.getLogger(__name__)
TRUTH = "truth"
SHOWN = ("method", "tp", "fp", "fn", "precision", "recall", "f1", "mean_iou")

CONVENTIONS = (
    "Boxes are x0 y0 x1 y1, half-open (x1 is the column behind the last); or x_min y_min x_max y_max, first and last "
    "pixel, both in the box; or centre, width and height. Line ranges are z0 z1, in channels; or first and last "
    "channel, z_min z_max; or z -+ fwhm_z. Without boxes only the distance of the centres counts. A cube column is not "
    "needed if the truth has a single cube. sigma_x, sigma_y, pa (from the x axis, clockwise with y up), flux (sum "
    "over box and line range, Jy/beam) and z go into the table of parameters."
)


def add_evaluate_parser(subparsers: Any) -> None:
    """Mount ``evaluate`` on the subparsers of the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a catalogue of any program against a truth table",
        description="Match the sources of catalogues one to one with true ones and count. Tables are ECSV, CSV, FITS "
        "or VOTable, told by the extension. A row of the result is named by its file, or NAME=FILE.",
        epilog=_columns_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = EvaluationSettings()
    parser.add_argument("catalogue", metavar="CATALOGUE", help="what was found")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="what was there, such as truth.ecsv of a run")
    parser.add_argument("--against", nargs="+", default=[], metavar="CATALOGUE", help="further catalogues to score")
    parser.add_argument("--split", help="score this split only, such as test; for a truth table with a column split")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER",
                        help="write detection.* and parameters.* (csv, md, tex) here, do not print")  # fmt: skip
    match = parser.add_argument_group("when a source counts as found")
    match.add_argument("--iou", type=float, default=default.iou, help="least IoU of the boxes (default: %(default)s)")
    match.add_argument("--distance", type=float, default=default.distance, metavar="PX",
                       help="centres are closer than this (default: %(default)s px)")  # fmt: skip
    match.add_argument("--line-iou", type=float, default=default.line_iou, metavar="IOU",
                       help="least IoU of line ranges, where both tables have any (default: %(default)s)")  # fmt: skip
    match.add_argument("--ignore", choices=["boxes", "lines"], action="append", default=[],
                       help="match as if the catalogues had none; may be repeated")  # fmt: skip
    reading = parser.add_argument_group("columns", "both options are for CATALOGUE; for others put NAME: in front, "
                                        "truth: for the truth table")  # fmt: skip
    reading.add_argument("--column", action="append", default=[], metavar="[NAME:]x=XPOS",
                         help="take a column under another name; may be repeated")  # fmt: skip
    reading.add_argument("--origin", action="append", default=[], metavar="[NAME:]1",
                         help="number of the first pixel and channel, 0 or 1 (default: 0)")  # fmt: skip
    reading.add_argument("--wcs", type=Path, metavar="CUBE.fits", help="its header turns ra and dec of catalogues "
                         "without x and y into pixels; the truth table must have ra and dec too")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap intervals (default: %(default)s)")
    parser.set_defaults(run=run)


def _columns_help() -> str:
    head = "Columns that are found by themselves, upper or lower case, under their name or these:"
    lines = [f"  {name:8} {', '.join(other for other in others if other != name)}" for name, others in SYNONYMS.items()]
    own = f"and, under these very names only, {', '.join(OWN_NAMES)}."
    return "\n".join([head, *(line.rstrip() for line in lines), own, "", textwrap.fill(CONVENTIONS, 100)])


def run(options: argparse.Namespace) -> None:
    """Score all catalogues, then print or write the tables.

    Raises
    ------
    CubefocusError
        If an option or a table is unusable; nothing has been written then.
    """
    settings = EvaluationSettings(options.iou, options.distance, options.line_iou)
    files = named_files([options.catalogue, *options.against])
    readings = parse_readings(options.column, options.origin, list(files), options.wcs)
    truth = read_truth(options.truth, readings[TRUTH], options.split)
    found = {name: read_entry(path, readings[name], truth) for name, path in files.items()}
    methods = [as_method(name, table, truth, options.ignore) for name, table in found.items()]
    detection = detection_scores(methods, truth, settings, options.seed)
    if options.output is None:
        print(_printed(detection, settings.interval))
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


def as_method(name: str, found: Table, truth: Truth, ignored: Sequence[str] = ()) -> Method:
    """Boxes and lines are part of the criterion where both tables have them and nobody asks to ignore them."""
    with_box, with_line = (
        what not in ignored and has_columns(found, columns) and has_columns(truth.table, columns)
        for what, columns in (("boxes", BOX), ("lines", LINE_RANGE))
    )
    if with_line and (lost := int(np.isnan(found["z0"] + found["z1"]).sum())):
        logger.warning("%s: %d detections have no line range and match no source that has a line", name, lost)
    return Method(name, found, with_line, with_box, oracle=None)


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
    stems = [name or path.stem for name, path in pairs]
    names = [
        name or (stem if stems.count(stem) == 1 else str(path))
        for (name, path), stem in zip(pairs, stems, strict=True)
    ]  # fmt: skip
    for name in names:
        if names.count(name) > 1 or name == TRUTH:
            raise CubefocusError(f"catalogue {name!r}: this name is taken; give it another, NAME=FILE")
    return {name: path for name, (_, path) in zip(names, pairs, strict=True)}


def parse_readings(
    columns: Sequence[str], origins: Sequence[str], names: Sequence[str], wcs: Path | None
) -> dict[str, Reading]:
    """How each table is read, by name, from the options; what has no name in front is for the first table.

    Raises
    ------
    CubefocusError
        If an option is malformed or names a table or a column that there is none of, or the header has no sky.
    """
    everyone = [*names, TRUTH]
    chosen: dict[str, dict[str, str]] = {name: {} for name in everyone}
    first = dict.fromkeys(everyone, 0)
    for option in columns:
        left, equals, column = option.partition("=")
        name, target = _addressed(left, everyone, f"--column {option}")
        if not (equals and column) or target not in TARGETS:
            raise CubefocusError(f"--column {option}: give [NAME:]TARGET=COLUMN, TARGET one of {', '.join(TARGETS)}")
        chosen[name][target] = column
    for option in origins:
        name, number = _addressed(option, everyone, f"--origin {option}")
        if number not in ("0", "1"):
            raise CubefocusError(f"--origin {option}: the first pixel is number 0 or 1")
        first[name] = int(number)
    sky = None if wcs is None else _sky(wcs)
    return {name: Reading(chosen[name], first[name], sky) for name in everyone}


def _addressed(text: str, names: Sequence[str], option: str) -> tuple[str, str]:
    """Table and rest of ``[NAME:]rest``."""
    name, _, rest = text.rpartition(":")
    if name and name not in names:
        raise CubefocusError(f"{option}: there is no table {name!r}; there are {', '.join(names)}")
    return name or names[0], rest


def _sky(path: Path) -> WCS:
    wcs = read_cube(path).wcs
    if wcs.naxis != 2:
        raise CubefocusError(f"{path}: its header has no celestial axes to turn ra and dec into pixels")
    return wcs
