"""Tables and times of published runs as pages: `make publish` writes them without a heading, and no list names them."""

from __future__ import annotations

from pathlib import PurePosixPath

from sphinx.application import Sphinx


def with_heading(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give a table of a run the heading that its place says, and keep it out of the lists of pages."""
    place = PurePosixPath(docname)
    if place.parts[0] == "results" and place.name != "README":
        link = "../README.md" if place.parent.name == "tables" else "README.md"
        source[0] = f"---\norphan: true\n---\n# `{place.name}` of [`{place.parts[1]}`]({link})\n\n{source[0]}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to the reading of pages."""
    app.connect("source-read", with_heading)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
