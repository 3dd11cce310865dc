"""Tables as files."""

import csv

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.report.render import csv_text, escape_latex, escape_markdown, latex_text, markdown_text, write_table


@pytest.fixture
def table():
    table = Table({"method": ["a_b|c", "50 % & more"], "n": [3, 0], "recall": [0.9231, np.nan]})
    table["recall_lo"], table["recall_hi"] = [0.91, np.nan], [0.94, np.nan]
    table["shift"] = [-0.0001, -2.5]
    table["note"] = ["", "none <found>"]
    for name in ("recall", "shift"):
        table[name].info.format = ".3f"
    table.meta |= {"caption": "All 100 % of it", "label": "tab:one"}
    return table


def test_csv_reads_back_with_full_columns(table):
    rows = list(csv.DictReader(csv_text(table).splitlines()))
    assert list(rows[0]) == table.colnames
    assert float(rows[0]["recall_hi"]) == 0.94
    assert rows[1]["method"] == "50 % & more"
    assert np.isnan(float(rows[1]["recall"]))


def test_markdown_has_equal_cells_in_each_line_and_intervals_in_brackets(table):
    lines = [line for line in markdown_text(table).splitlines() if line.startswith("|")]
    assert lines[1] == "| --- | ---: | ---: | ---: | --- |"
    assert lines[2] == "| a\\_b\\|c | 3 | 0.923 [0.910, 0.940] | 0.000 |  |"
    assert lines[3] == "| 50 % & more | 0 | – | -2.500 | none &lt;found&gt; |"  # noqa: RUF001


def test_latex_is_escaped_and_has_upper_and_lower_errors(table):
    text = latex_text(table)
    assert r"\caption{All 100 \% of it}" in text
    assert r"a\_b\textbar{}c & 3 & $0.923^{+0.017}_{-0.013}$ & $0.000$ \\" in text
    assert r"50 \% \& more & 0 & -- & $-2.500$ \\" in text
    assert r"\par\footnotesize 50 \% \& more: none $<$found$>$." in text
    assert text.count("{tabular}") == 2
    assert r"\begin{tabular}{lrrr}" in text


@pytest.mark.parametrize("letter", list("&%$#_{}"))
def test_latex_escapes_each_special_letter(letter):
    assert escape_latex(letter) == "\\" + letter


def test_comparisons_are_set_as_mathematics():
    assert escape_latex("a >= 0.6, b < 3, c > 1") == r"a $\geq$ 0.6, b $<$ 3, c $>$ 1"


def test_a_backslash_is_not_escaped_twice():
    assert escape_latex(r"\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    assert escape_markdown("\\|") == "\\\\\\|"


def test_an_empty_text_column_is_not_shown_to_readers(table):
    table["note"] = ["", ""]
    assert "note" not in markdown_text(table)
    assert "note" in csv_text(table)


def test_three_files_are_written_the_same_twice(table, tmp_path):
    first = [path.read_bytes() for path in write_table(table, tmp_path / "one", {"seed": 1})]
    second = [path.read_bytes() for path in write_table(table, tmp_path / "two", {"seed": 1})]
    assert first == second
    assert sorted(path.name for path in tmp_path.glob("one*")) == ["one.csv", "one.md", "one.tex"]
    assert b'"seed": 1' in first[1]
    assert first[2].startswith(b'% {"seed": 1}')


def test_standard_deviations_stand_behind_their_mean_and_meanings_below():
    table = Table({"method": ["one", "two"], "error": [0.159, 0.2], "error_std": [0.0394, np.nan]})
    table["error"].info.description = "of |sky - image|"
    text = markdown_text(table)
    assert "| method | error |" in text
    assert "| one | 0.159 ± 0.039 |" in text
    assert "| two | 0.2 |" in text
    assert text.endswith("\n\n- error: of \\|sky - image\\|\n")
    assert r"one & $0.159 \pm 0.039$ \\" in latex_text(table)
    assert csv_text(table).splitlines()[0] == "method,error,error_std"
