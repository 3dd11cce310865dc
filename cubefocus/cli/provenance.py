"""``cubefocus provenance``: how a product was made, as it says itself."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cubefocus.cli.output import show
from cubefocus.cube.reading import cube_provenance
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, read_yaml, refuse_missing
from cubefocus.learn.manifest import MANIFEST, read_manifest
from cubefocus.provenance import decode, digest

FIRST = ("code", "experiment", "seed", "config", "engine", "responses", "hardware", "packages")  # then the others
BESIDE_CSV = (".md", ".ecsv", ".pt")  # products of the same name and the same call that tell a CSV file's origin
COMMENT = re.compile(r"^(?:# |% |<!-- )(\{.*\})(?: -->)?$", re.MULTILINE)
PNG_END = b"IEND\xaeB`\x82"
SUBJECT = re.compile(rb"/Subject \(((?:[^\\()]|\\.)*)\)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Say how a product was made: seed, digest of the config, code, engine, responses, versions, hardware. Knows "
        f"{', '.join(READERS)} and folders of bundles. A CSV file holds its rows only: it is told from the file of its "
        "name beside it that was written with it (.md, .ecsv or .pt)."
    )
    parser.epilog = "Example: cubefocus provenance results/demo/tables/detection.csv"
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="product of a run, a bundle, or of cubefocus simulate or detect"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the provenance of a file to the standard output.

    Raises
    ------
    CubefocusError
        As `read_provenance`.
    """
    facts = read_provenance(options.file)
    show(json.dumps(facts, indent=2, sort_keys=True) if options.json else "\n".join(lines_of(facts)))


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Read from a product how it was made.

    Parameters
    ----------
    path : str or Path
        File of any kind in `READERS`, or folder of a bundle.

    Returns
    -------
    dict
        As made by `cubefocus.provenance.provenance`.

    Raises
    ------
    CubefocusError
        If the file is absent, of another kind, truncated or damaged, or does not say it.
    """
    path = Path(path)
    if path.is_dir():
        return read_manifest(path)["provenance"]
    refuse_missing(path)
    suffix = next((one for one in READERS if path.name.lower().endswith(one)), None)
    if suffix is None:
        raise CubefocusError(f"{path}: no kind of file that says how it was made; give one of {', '.join(READERS)}")
    try:
        return READERS[suffix](path)
    except OSError as error:
        raise CubefocusError(f"{path}: truncated, damaged or not readable ({error}); make it again") from error


def lines_of(facts: Mapping[str, Any]) -> list[str]:
    """One line a fact, nested names with dots, in columns."""
    ordered = {key: facts[key] for key in (*FIRST, *sorted(facts)) if key in facts}
    rows = list(_flat(ordered))
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:{width}}  {value}" for name, value in rows]


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and not any(isinstance(one, list | Mapping) for one in value):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _table(path: Path) -> dict[str, Any]:
    _whole_text(path, "\n")
    facts = read_table(path).meta.get("provenance")
    return decode(None if facts is None else json.dumps(facts), path)


def _csv(path: Path) -> dict[str, Any]:
    """A CSV file has no room for comments that every program skips."""
    _whole_text(path, "\n")
    for suffix in BESIDE_CSV:
        if path.with_suffix(suffix).is_file():
            return read_provenance(path.with_suffix(suffix))
    names = ", ".join(path.with_suffix(suffix).name for suffix in BESIDE_CSV)
    raise CubefocusError(f"{path}: a CSV file holds its rows only, and none of {names} is beside it to tell more")


def _comment(path: Path, end: str = "\n") -> dict[str, Any]:
    """Provenance of a text that has it as a comment."""
    found = COMMENT.search(_whole_text(path, end))
    return decode(found[1] if found else None, path)


def _config(path: Path) -> dict[str, Any]:
    """The config of a run, if it is still the one whose digest the products have."""
    facts = _comment(path)
    config = read_yaml(path)
    if not isinstance(config, dict) or digest(config) != facts.get("config"):
        raise CubefocusError(f"{path}: was changed or truncated after the run whose config it was; make it again")
    return facts


def _whole_text(path: Path, end: str) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.endswith(end):
        raise CubefocusError(f"{path}: truncated, or cubefocus did not write it; make or fetch it again")
    return text


def _votable(path: Path) -> dict[str, Any]:
    """A VOTable with an element INFO that tells it."""
    from xml.parsers.expat import ExpatError

    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import VOTableSpecError

    from cubefocus.tables.published import PROVENANCE

    _whole_text(path, "</VOTABLE>\n")
    try:
        infos = parse(path).infos
    except (ExpatError, VOTableSpecError, ValueError, IndexError) as error:
        raise CubefocusError(f"{path}: truncated, or no VOTable ({error}); make it again") from error
    return decode(next((info.value for info in infos if info.name == PROVENANCE), None), path)


def _checkpoint(path: Path) -> dict[str, Any]:
    from cubefocus.learn import checkpoint  # torch takes seconds to import, and other products do without

    facts = checkpoint.load(path).get("provenance")
    return decode(None if facts is None else json.dumps(facts), path)


def _png(path: Path) -> dict[str, Any]:
    from PIL import Image

    if not path.read_bytes().endswith(PNG_END):
        raise CubefocusError(f"{path}: truncated, or no PNG file; make it again")
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            return decode(picture.info.get("Description"), path)
    except SyntaxError as error:  # what Pillow raises for a broken chunk
        raise CubefocusError(f"{path}: truncated or damaged ({error}); make it again") from error


def _pdf(path: Path) -> dict[str, Any]:
    """A figure of matplotlib: its document information is neither compressed nor encoded."""
    content = path.read_bytes()
    if not (content.startswith(b"%PDF-") and content.endswith(b"%%EOF\n")):
        raise CubefocusError(f"{path}: truncated, or no PDF file; make it again")
    found = SUBJECT.search(content)
    return decode(re.sub(r"\\(.)", r"\1", found[1].decode("ascii")) if found else None, path)


def _hdf5(path: Path) -> dict[str, Any]:
    from cubefocus.alma.training_products import products_provenance  # with h5py, which no search of a cube needs

    return products_provenance(path)


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".fits": cube_provenance,
    ".fits.gz": cube_provenance,
    ".h5": _hdf5,
    ".ecsv": _table,
    ".csv": _csv,
    ".xml": _votable,
    ".md": lambda path: _comment(path, " -->\n"),
    ".html": lambda path: _comment(path, "</html>\n"),
    ".tex": lambda path: _comment(path, "\\end{table}\n"),
    ".pt": _checkpoint,
    ".png": _png,
    ".pdf": _pdf,
    ".reg": _comment,
    ".crtf": _comment,
    ".yaml": _config,
    MANIFEST: lambda path: read_manifest(path.parent)["provenance"],
}
