"""Tables as VOTable, for programs of the Virtual Observatory: each column with its unit and what it is (UCD)."""

from __future__ import annotations

from pathlib import Path

from astropy.io.votable import from_table
from astropy.table import Table

from cubefocus.files import atomic_path
from cubefocus.tables.columns import COLUMNS


def write_votable(path: str | Path, table: Table) -> None:
    """Write a table as VOTable 1.4 with the UCDs of `cubefocus.tables.columns.COLUMNS`.

    Parameters
    ----------
    path : str or Path
    table : astropy.table.Table
        A catalogue, truth table or any other; it is not changed. A column that brings its own ``meta["ucd"]`` keeps
        it, one that is not known has none.

    Raises
    ------
    CubefocusError
        If the disk is full.
    """
    copy = table.copy(copy_data=False)
    for name in copy.colnames:
        if name in COLUMNS and COLUMNS[name].ucd:
            copy[name].info.meta = {"ucd": COLUMNS[name].ucd} | dict(copy[name].info.meta or {})
    with atomic_path(path) as temporary:
        from_table(copy).to_xml(str(temporary))
