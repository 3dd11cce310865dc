"""Tables as files: CSV for programs, Markdown and LaTeX for readers, the same rows in each."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.files import atomic_path

MISSING = "–"  # noqa: RUF001  (an en dash marks a cell without a value)
STD = "_std"
PLUS_MINUS = ("±", r"\pm")  # in Markdown, in LaTeX
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": "$<$", ">": "$>$", "|": r"\textbar{}",
}  # fmt: skip


def write_table(table: Table, stem: str | Path, provenance: Mapping[str, Any]) -> list[Path]:
    """Write ``<stem>.csv``, ``<stem>.md`` and ``<stem>.tex``.

    Parameters
    ----------
    table : astropy.table.Table
        ``meta["caption"]`` and ``meta["label"]`` are used if present; the format of a column's ``info`` is how its
        numbers are shown; columns ``<name>_lo`` and ``<name>_hi`` are shown with ``<name>`` as its interval, a column
        ``<name>_std`` as its standard deviation. What the ``info`` of columns describes stands below the Markdown.
    stem : str or Path
        Path without suffix.
    provenance : mapping
        As made by `cubefocus.provenance.provenance`; a comment in the Markdown and LaTeX files. The CSV file has
        the header line and rows only, so that anything reads it.

    Returns
    -------
    list of Path
    """
    made_by = json.dumps(provenance, sort_keys=True)
    texts = {
        ".csv": csv_text(table),
        ".md": f"{markdown_text(table)}\n{html_comment(provenance)}\n",
        ".tex": f"% {made_by}\n{latex_text(table)}",
    }
    paths = []
    for suffix, text in texts.items():
        paths.append(Path(f"{stem}{suffix}"))
        with atomic_path(paths[-1]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return paths


def html_comment(provenance: Mapping[str, Any]) -> str:
    """Provenance as a comment of HTML, which must not hold ``--``; what replaces it is the same text to JSON."""
    made_by = json.dumps(provenance, sort_keys=True).replace("--", "-\\u002d")
    return f"<!-- {made_by} -->"


def csv_text(table: Table) -> str:
    """The table as comma-separated values with six significant digits; a figure without meaning is ``nan``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.colnames)
    for row in table:
        writer.writerow([f"{cell:.6g}" if isinstance(cell, float | np.floating) else str(cell) for cell in row])
    return stream.getvalue()


def markdown_text(table: Table) -> str:
    """The table in Markdown, intervals in brackets behind their figure, and what its columns mean, if they say so."""
    names = _shown(table)
    lines = [
        _pipes(_headers(table, names, escape_markdown)),
        _pipes(["---:" if table[name].dtype.kind in "fi" else "---" for name in names]),
    ]
    lines += [_pipes(_cells(table, i, names, escape_markdown, "{0} [{1}, {2}]")) for i in range(len(table))]
    caption = escape_markdown(table.meta["caption"]) + "\n\n" if "caption" in table.meta else ""
    meanings = {name: table[name].info.description for name in names if table[name].info.description}
    described = [f"- {header}: {escape_markdown(text)}" for header, text in
                 zip(_headers(table, [*meanings], escape_markdown), meanings.values(), strict=True)]  # fmt: skip
    return caption + "\n".join([*lines, *([""] if described else []), *described]) + "\n"


def latex_text(table: Table) -> str:
    """The table as a LaTeX ``table`` environment that needs no package; intervals as upper and lower errors.

    What the column ``note`` says stands below the table, because it would make the lines too long.
    """
    names = [name for name in _shown(table) if name != "note"]
    alignment = "".join("r" if table[name].dtype.kind in "fi" else "l" for name in names)
    lines = [r"\begin{table}", r"\centering"]
    if "caption" in table.meta:
        lines.append(rf"\caption{{{escape_latex(table.meta['caption'])}}}")
    if "label" in table.meta:
        lines.append(rf"\label{{{table.meta['label']}}}")
    lines += [rf"\begin{{tabular}}{{{alignment}}}", r"\hline"]
    lines += [" & ".join(_headers(table, names, escape_latex)) + r" \\", r"\hline"]
    for i in range(len(table)):
        cells = _cells(table, i, names, escape_latex, "${0}^{{+{4}}}_{{-{3}}}$")
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\hline", r"\end{tabular}", *_notes(table, names[0]), r"\end{table}", ""]
    return "\n".join(lines)


def plain_text(table: Table, names: Sequence[str]) -> str:
    """Some columns of a table, aligned, for a terminal; intervals in brackets behind their figure."""
    shown = [name for name in names if name in _shown(table)]
    rows = [_headers(table, shown, str)]
    rows += [_cells(table, i, shown, str, "{0} [{1}, {2}]") for i in range(len(table))]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows)


def _notes(table: Table, first: str) -> list[str]:
    """The notes of a table, each with the name of its row and, if it has one, its source."""
    if "note" not in table.colnames:
        return []
    who = [f"{row[first]} ({row['source']})" if "source" in table.colnames else str(row[first]) for row in table]
    notes = [f"{name}: {row['note']}." for name, row in zip(who, table, strict=True) if row["note"]]
    return [rf"\par\footnotesize {escape_latex(note)}" for note in notes]


def escape_latex(text: str) -> str:
    """Escape what LaTeX reads as markup; an en dash becomes ``--``."""
    return "".join(_TEX.get(letter, letter) for letter in text).replace(MISSING, "--").replace("$>$=", r"$\geq$")


def escape_markdown(text: str) -> str:
    """Escape what Markdown (and the HTML in it) reads as markup; line breaks become blanks."""
    for letter in "\\`*_|[]":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.replace("<", "&lt;").replace(">", "&gt;").split())


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(table: Table) -> list[str]:
    """Columns but ends of intervals, standard deviations, and text columns that are empty in every row."""
    ends = {f"{name}{end}" for name in table.colnames for end in ("_lo", "_hi", STD)}
    empty = {name for name in table.colnames if table[name].dtype.kind == "U" and not any(table[name])}
    return [name for name in table.colnames if name not in ends | empty]


def _headers(table: Table, names: Sequence[str], escape: Callable[[str], str]) -> list[str]:
    units = {name: f" ({table[name].unit})" if table[name].unit else "" for name in names}
    return [escape(name.replace("_", " ") + units[name]) for name in names]


def _cells(table: Table, i: int, names: Sequence[str], escape: Callable[[str], str], interval: str) -> list[str]:
    return [_cell(table, i, name, escape, interval) for name in names]


def _cell(table: Table, i: int, name: str, escape: Callable[[str], str], interval: str) -> str:
    value = table[name][i]
    if not isinstance(value, float | np.floating):
        return escape(str(value))
    if not math.isfinite(value):
        return escape(MISSING)
    form = "z" + (table[name].info.format or ".3g")  # z: a rounded -0.000 loses its sign
    text = format(float(value), form)
    if f"{name}_lo" in table.colnames:
        low, high = (float(table[f"{name}{end}"][i]) for end in ("_lo", "_hi"))
        if math.isfinite(low) and math.isfinite(high):
            numbers = (value, low, high, value - low, high - value)
            return interval.format(*(format(float(number), form) for number in numbers))
    if f"{name}{STD}" in table.colnames and math.isfinite(spread := float(table[f"{name}{STD}"][i])):
        text += f" {PLUS_MINUS[interval.startswith('$')]} {format(spread, '.2g')}"
    return f"${text}$" if interval.startswith("$") else text
