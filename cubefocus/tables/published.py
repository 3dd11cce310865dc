"""Tables as VOTable and FITS, for other programs: each column with its unit and what it is (UCD)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import CooSys, Info, VOTableFile
from astropy.table import Table

from cubefocus.files import atomic_path, write_table
from cubefocus.tables.columns import COLUMNS

FORMATS = ("ecsv", "csv", "xml", "fits")  # of catalogues; xml: VOTable
PROVENANCE = "provenance"  # name of the element INFO of a VOTable
SYSTEMS = {"ICRS": {"system": "ICRS"}, "FK5": {"system": "eq_FK5", "equinox": "J2000"}}  # COOSYS, by column frame


def write_votable(path: str | Path, table: Table, provenance: Mapping[str, Any]) -> None:
    """Write a table as VOTable 1.4 with the UCDs of `cubefocus.tables.columns.COLUMNS`.

    Parameters
    ----------
    path : str or Path
    table : astropy.table.Table
        A catalogue, truth table or any other; it is not changed. A column that brings its own ``meta["ucd"]`` keeps
        it, one that is not known has none. The frame that all rows name in a column ``frame`` stands in COOSYS.
    provenance : mapping
        As made by `cubefocus.provenance.provenance`; one JSON text in an element INFO.

    Raises
    ------
    CubefocusError
        If the disk is full.
    """
    copy = table.copy(copy_data=False)
    for name in copy.colnames:
        copy[name].info.meta = ({"ucd": _ucd(table, name)} if _ucd(table, name) else {}) | dict(copy[name].meta or {})
    document = from_table(copy)
    document.infos.append(Info(name=PROVENANCE, value=json.dumps(provenance, sort_keys=True)))
    _add_frame(document, table)
    with atomic_path(path) as temporary:
        document.to_xml(str(temporary))


def write_fits_table(path: str | Path, table: Table, provenance: Mapping[str, Any]) -> None:
    """Write a table as FITS, with what its columns are in ``TCOMMn`` and ``TUCDn``.

    Parameters
    ----------
    path : str or Path
    table : astropy.table.Table
        As for `write_votable`.
    provenance : mapping
        One JSON text in the keyword ``PROVENAN``, as in cubes.

    Raises
    ------
    CubefocusError
        If the disk is full.
    """
    bare = table.copy(copy_data=False)
    bare.meta.clear()
    hdu = fits.table_to_hdu(bare)
    hdu.header["EXTNAME"] = "CATALOGUE"
    for number, name in enumerate(table.colnames, 1):
        for keyword, text in (("TCOMM", table[name].description), ("TUCD", _ucd(table, name))):
            if text:
                hdu.header[f"{keyword}{number}"] = text
    if _one_of(table, "frame") in SYSTEMS:
        hdu.header["RADESYS"] = _one_of(table, "frame")
    primary = fits.PrimaryHDU()
    primary.header["PROVENAN"] = json.dumps(provenance, sort_keys=True)
    with atomic_path(path) as temporary:
        fits.HDUList([primary, hdu]).writeto(temporary)


def _add_frame(document: VOTableFile, table: Table) -> None:
    """Say in an element COOSYS in which frame the directions of a table are; none where rows differ or none is said."""
    frame = _one_of(table, "frame")
    if frame not in SYSTEMS:
        return
    (resource,) = document.resources
    resource.coordinate_systems.append(CooSys(ID=frame, **SYSTEMS[frame]))
    for field in resource.tables[0].fields:
        if field.ucd and "pos.eq" in field.ucd:
            field.ref = frame


def _one_of(table: Table, name: str) -> str:
    """The value of a column of text that all rows have; empty where they differ, or there is none."""
    values = {str(value) for value in table[name]} if name in table.colnames else set()
    return values.pop() if len(values) == 1 else ""


def _ucd(table: Table, name: str) -> str:
    own = (table[name].meta or {}).get("ucd")
    return str(own or (COLUMNS[name].ucd if name in COLUMNS else ""))


def write_catalogue(stem: Path, table: Table, facts: Mapping[str, Any]) -> None:
    """Write a catalogue in all `FORMATS`.

    Parameters
    ----------
    stem : Path
        Of the files, without a suffix.
    table : astropy.table.Table
    facts : mapping
        Provenance; a CSV file has no place for it.
    """
    write_table(stem.with_suffix(".ecsv"), table, facts)
    write_votable(stem.with_suffix(".xml"), table, facts)
    write_fits_table(stem.with_suffix(".fits"), table, facts)
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        table.write(temporary, format="ascii.csv")
