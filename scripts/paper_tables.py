"""The papers' tables with the figures of a run beside the published ones, as one page: `make paper-tables`."""

import sys
from pathlib import Path

from cubefocus.cli.provenance import read_provenance
from cubefocus.errors import CubefocusError
from cubefocus.report.papers import write_paper_tables


def main(run: Path) -> None:
    """Write the page into the folder of the run, and say where it is."""
    try:
        tables = run / "tables" / "detection.csv"
        print(write_paper_tables(run, read_provenance(tables) if tables.is_file() else {}))
    except CubefocusError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
