"""What is not written for the site as pages of it: tables of published runs, benchmarks, and files outside of docs/."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
COPIES = "benchmarks"  # in docs/, of tables and figures of benchmarks/results/, made by each build and not committed
ORPHAN = "---\norphan: true\n---\n"

# Where a link that leaves docs/ leads to, as links on GitHub do.
OUTSIDE = {
    r"benchmarks/results/(\w+\.md)": rf"/{COPIES}/\1",
    r"CHANGELOG\.md": "/changelog.md",
    r"CONTRIBUTING\.md": "/contributing.md",
    r"README\.md": "/index.md",
}


def copy_benchmarks(app: Sphinx) -> None:
    """Put the benchmarks' tables and figures below the pages; those that have not changed are left alone."""
    folder, results = Path(app.srcdir) / COPIES, ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    sources = {path.name: path.read_text() for kind in ("*.md", "*.svg") for path in results.glob(kind)}
    for path in folder.iterdir():
        if path.name not in sources:
            path.unlink()
    for name, text in sources.items():
        if not (folder / name).is_file() or (folder / name).read_text() != text:
            (folder / name).write_text(text)


def prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead links out of docs/ to pages, and give tables the heading that their place says.

    Tables of runs and benchmarks are reached from the pages about them, and not from the lists of pages.
    """
    place = PurePosixPath(docname)
    source[0] = inside(source[0], len(place.parts) - 1)
    if place.parts[0] == COPIES:
        source[0] = ORPHAN + source[0]
    elif place.parts[0] == "results" and place.name != "README":
        run = "../README.md" if place.parent.name == "tables" else "README.md"
        source[0] = f"{ORPHAN}# `{place.name}` of [`{place.parts[1]}`]({run})\n\n{source[0]}"


def inside(text: str, depth: int) -> str:
    """Links of a page, as many folders below docs/, that leave it, to the pages that show the same."""
    for path, page in OUTSIDE.items():
        text = re.sub(rf"\]\({re.escape('../' * (depth + 1))}{path}(?=[)#])", f"]({page}", text)
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to the start of the build and to the reading of pages."""
    app.add_lexer("mermaid", TextLexer)  # drawn on GitHub; drawing it here takes a script from the network
    app.connect("builder-inited", copy_benchmarks)
    app.connect("source-read", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
