"""A page of tables as one HTML file, which needs neither a server nor a script nor anything beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from cubefocus.files import atomic_path
from cubefocus.report.render import html_comment

PUBLISHED = "published"  # heading of the columns that are set apart from ours
TEXTS = ("note", "hardware", "meaning")  # columns that hold text and may break into lines
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 2rem auto; padding: 0 1rem;
       max-width: 78rem; }
h2 { margin: 2.4rem 0 .4rem; }
p { max-width: 62rem; margin: .4rem 0; }
.wide { overflow-x: auto; margin: .9rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; text-align: right; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; }
thead { border-top: 2px solid; border-bottom: 1px solid; }
table { border-bottom: 2px solid; }
.name, .text { text-align: left; }
.text { white-space: normal; min-width: 9rem; font-size: 13px; }
.published { background: #eef1f5; }
.part th { text-align: left; font-weight: 400; font-style: italic; border-top: 1px solid #999; }
@media print { body { margin: 0; max-width: none; font-size: 10px; } }
""".strip()


@dataclass(frozen=True)
class Grid:
    """A table whose columns stand below headings that span several of them.

    Attributes
    ----------
    heads : sequence of (str, sequence of str)
        Each heading with its columns; the first column names the rows. Those in `TEXTS` and those that begin with
        `PUBLISHED` look different.
    parts : sequence of (str, sequence of rows)
        Rows below a line of their own, which is left out where it is empty; a row has a text for each column.
    """

    heads: Sequence[tuple[str, Sequence[str]]]
    parts: Sequence[tuple[str, Sequence[Sequence[str]]]]


@dataclass(frozen=True)
class Section:
    """Tables below one title, with sentences before and after them."""

    title: str
    before: Sequence[str]
    grids: Sequence[Grid]
    after: Sequence[str] = ()


def write_page(
    title: str, lead: Sequence[str], sections: Sequence[Section], path: str | Path, provenance: Mapping[str, Any]
) -> None:
    """Write the sections below a title.

    Parameters
    ----------
    title : str
    lead : sequence of str
        Paragraphs below the title.
    sections : sequence of Section
    path : str or Path
        Of the HTML file.
    provenance : mapping
        As made by `cubefocus.provenance.provenance`; a comment in the file.
    """
    lines = [
        "<!DOCTYPE html>",
        html_comment(provenance),
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>\n{STYLE}\n</style></head>",
        f"<body>\n<h1>{escape(title)}</h1>",
        *_paragraphs(lead),
    ]
    for section in sections:
        lines += [f"<h2>{escape(section.title)}</h2>", *_paragraphs(section.before)]
        lines += [line for grid in section.grids for line in _grid(grid)]
        lines += _paragraphs(section.after)
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([*lines, "</body>", "</html>", ""]), encoding="utf-8")


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [f"<p>{escape(text)}</p>" for text in texts]


def _grid(grid: Grid) -> list[str]:
    names = [name for _, columns in grid.heads for name in columns]
    kinds = [_kind(i, name) for i, name in enumerate(names)]
    above = "".join(f'<th colspan="{len(columns)}" class="name">{escape(head)}</th>' for head, columns in grid.heads)
    below = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(names, kinds, strict=True))
    lines = ['<div class="wide"><table>', f"<thead><tr>{above}</tr>", f"<tr>{below}</tr></thead>"]
    for title, rows in grid.parts:
        lines.append("<tbody>")
        if title:
            lines.append(f'<tr class="part"><th colspan="{len(names)}">{escape(title)}</th></tr>')
        for row in rows:
            cells = [f'<th scope="row"{kinds[0]}>{escape(row[0])}</th>']
            cells += [f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row[1:], kinds[1:], strict=True)]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody>")
    return [*lines, "</table></div>"]


def _kind(i: int, name: str) -> str:
    """Class of a column, as an attribute of its cells."""
    if i == 0:
        return ' class="name"'
    if name in TEXTS:
        return ' class="text"'
    return ' class="published"' if name.startswith(PUBLISHED) else ""
