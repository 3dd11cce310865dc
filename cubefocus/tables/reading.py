"""Catalogues of any program as tables: ECSV, VOTable, FITS and CSV, chosen by the file's extension."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from cubefocus.errors import CubefocusError

FORMATS: dict[str, dict[str, Any]] = {
    ".ecsv": {"format": "ascii.ecsv"},
    ".csv": {"format": "ascii.csv"},
    ".fits": {"format": "fits", "character_as_bytes": False},
    ".fit": {"format": "fits", "character_as_bytes": False},
    ".vot": {"format": "votable"},
    ".votable": {"format": "votable"},
    ".xml": {"format": "votable"},
}


def read_catalogue(path: str | Path) -> Table:
    """Read a catalogue or a truth table.

    Parameters
    ----------
    path : str or Path
        ``.ecsv``, ``.csv`` (comma-separated, one line of names), ``.fits`` or ``.fit`` (a binary or ASCII table), or
        ``.vot``, ``.votable``, ``.xml`` (VOTable). A FITS or VOTable file holds one table.

    Returns
    -------
    astropy.table.Table
        As it is in the file.

    Raises
    ------
    CubefocusError
        If the file is absent, has another extension, or is damaged, truncated or without a table of its kind.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise CubefocusError(f"{path}: the format of a table is told by its extension; give {', '.join(FORMATS)}")
    if not path.is_file():
        raise CubefocusError(f"{path}: no such table; check the path")
    options = FORMATS[path.suffix.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units and names that break a standard are common and harmless here
            for trouble in ("File may have been truncated", ".*multiple tables are present"):
                warnings.filterwarnings("error", trouble, AstropyUserWarning)
            return Table.read(path, **options)
    except (OSError, ValueError, TypeError, KeyError, IndexError, ExpatError, AstropyUserWarning) as error:
        kind = options["format"].removeprefix("ascii.")
        reason = " ".join(str(error).split())[:200]
        raise CubefocusError(f"{path}: not a readable {kind} table ({reason}); make it again") from error
