"""Catalogues of any program as tables: ECSV, VOTable, FITS, CSV and SExtractor's, chosen by the file's extension."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.parsers.expat import ExpatError

from astropy.io import fits, votable
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from cubefocus.errors import CubefocusError
from cubefocus.tables.text import read_lines, read_text_table

FORMATS = {
    ".ecsv": "ecsv",
    ".csv": "csv",
    ".tsv": "csv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".cat": "sextractor",
}
Tables = dict[str, Table]
"""The tables of a file by name."""


def read_catalogue(path: str | Path, usable: Callable[[Table], bool], name: str | None = None) -> Table:
    """Read a catalogue or a truth table.

    Parameters
    ----------
    path : str or Path
        ``.ecsv``; ``.csv`` or ``.tsv`` (as `cubefocus.tables.text.read_text_table`); ``.fits`` or ``.fit`` (binary or
        ASCII tables); ``.vot``, ``.votable`` or ``.xml`` (VOTable); ``.cat`` (SExtractor's text or FITS). All may be
        gzipped, ``.fits.gz``.
    usable : callable
        Says of a table whether it can be the one that is wanted.
    name : str, optional
        Of the table in its file; if not given, it is the only usable one.

    Returns
    -------
    astropy.table.Table
        As it is in the file.

    Raises
    ------
    CubefocusError
        If the file is absent, has another extension, is damaged, truncated or without a table of its kind, or has
        several usable tables or none of that name.
    """
    path = Path(path)
    tables = _read(path)
    if name is not None:
        chosen = [table for own, table in tables.items() if own.lower() == name.lower()]
        if not chosen:
            raise CubefocusError(f"{path}: has no table {name!r}; it has {', '.join(tables)}")
        return chosen[0]
    if len(tables) == 1:
        return next(iter(tables.values()))
    good = [own for own, table in tables.items() if usable(table)]
    if len(good) == 1:
        return tables[good[0]]
    which = f"{len(good)} tables with positions, {', '.join(good)}" if good else f"no positions in {', '.join(tables)}"
    raise CubefocusError(f"{path}: has {which}; name one, --table NAME")


def _read(path: Path) -> Tables:
    kind = FORMATS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if kind is None:
        raise CubefocusError(f"{path}: the format of a table is told by its extension; give {', '.join(FORMATS)}, "
                             "also with .gz")  # fmt: skip
    if not path.is_file():
        raise CubefocusError(f"{path}: no such table; check the path")
    if kind == "sextractor" and path.read_bytes()[:6] == b"SIMPLE":
        kind = "fits"
    readers = {"ecsv": _ecsv, "csv": _csv, "fits": _fits, "votable": _votable, "sextractor": _sextractor}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units and names that break a standard are common and harmless here
            warnings.filterwarnings("error", "File may have been truncated", AstropyUserWarning)
            tables = readers[kind](path)
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, IndexError, ExpatError,
            AstropyUserWarning) as error:  # fmt: skip
        reason = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())[:200]
        raise CubefocusError(f"{path}: not a readable {kind} table ({reason}); make it again") from error
    if not tables:
        raise CubefocusError(f"{path}: not a readable {kind} table (there is no table in it); make it again")
    return tables


def _ecsv(path: Path) -> Tables:
    return {path.stem: Table.read(read_lines(path), format="ascii.ecsv")}


def _csv(path: Path) -> Tables:
    return {path.stem: read_text_table(path)}


def _sextractor(path: Path) -> Tables:
    return {path.stem: Table.read(read_lines(path), format="ascii.sextractor")}


def _fits(path: Path) -> Tables:
    with fits.open(path) as hdus:
        there = {number: hdu.name or f"HDU{number}" for number, hdu in enumerate(hdus) if _holds_table(hdu)}
    names = list(there.values())
    return {
        name if names.count(name) == 1 else f"{name}{number}": Table.read(
            path, format="fits", hdu=number, character_as_bytes=False
        )
        for number, name in there.items()
    }


def _holds_table(hdu: fits.hdu.base.ExtensionHDU) -> bool:
    return isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and not isinstance(hdu, fits.CompImageHDU)


def _votable(path: Path) -> Tables:
    tables = list(votable.parse(path).iter_tables())
    names = [table.name or table.ID or f"TABLE{number}" for number, table in enumerate(tables, 1)]
    return {
        name if names.count(name) == 1 else f"{name}{number}": table.to_table(use_names_over_ids=True)
        for number, (name, table) in enumerate(zip(names, tables, strict=True), 1)
    }
