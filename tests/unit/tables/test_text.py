"""Text tables as spreadsheets, editors and archives write them: the same numbers."""

import gzip
import logging

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.tables.reading import read_catalogue
from cubefocus.tables.text import read_text_table

PLAIN = "x,y\n20.2,33.1\n40.7,84.6\n"


def read(tmp_path, data):
    path = tmp_path / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_text_table(path)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " | "),
        PLAIN.replace(",", "   "),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "  ,  ").replace("\n", "  \n"),
        "# made by hand\n\n" + PLAIN,
        "# made by hand, twice\n# " + PLAIN,
        "#x y\n20.2 33.1\n40.7 84.6\n",
        PLAIN.replace("x,y", '"x","y"'),
        gzip.compress(PLAIN.encode()),
    ],
    ids=["plain", "byte order mark", "utf-16", "crlf", "cr", "semicolons", "tabs", "bars", "blanks", "decimal commas",
         "padded", "comment", "names in the comment", "names in the comment, blanks", "quoted", "gzip"],
)  # fmt: skip
def test_tables_of_any_hand_have_the_same_numbers(tmp_path, data):
    table = read(tmp_path, data)
    assert table.colnames == ["x", "y"]
    assert np.array([table["x"], table["y"]]) == pytest.approx(np.array([[20.2, 40.7], [33.1, 84.6]]))


def test_what_was_assumed_is_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    read(tmp_path, PLAIN.replace(",", ";").replace(".", ","))
    assert "separated by semicolons" in caplog.text
    assert "x has decimal commas" in caplog.text


def test_blank_cells_hold_no_number(tmp_path):
    table = read(tmp_path, "x,y,name\n1,2,a\n,--,\nNaN,null,b\n")
    for name in ("x", "y"):
        assert np.isnan(np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("20.2,33.1\n1,2\n", "line of names"),
        ("# one\n20.2,33.1\n", "line of names"),
    ],
)
def test_tables_without_names_are_refused(tmp_path, data, part):
    with pytest.raises(CubefocusError, match=part):
        read(tmp_path, data)


def test_a_table_of_names_only_has_no_rows(tmp_path):
    for text in ("x,y\n", "# x,y\n"):
        table = read(tmp_path, text)
        assert (table.colnames, len(table)) == (["x", "y"], 0)


def test_rows_that_do_not_fit_are_told_with_the_file(tmp_path):
    (tmp_path / "bad.csv").write_text("x,y\n1,2,3\n")
    with pytest.raises(CubefocusError, match=r"bad\.csv: not a readable csv table"):
        read_catalogue(tmp_path / "bad.csv", lambda table: True)


def test_a_cut_gzip_is_told(tmp_path):
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(PLAIN.encode() * 100)[:-20])
    with pytest.raises(CubefocusError, match=r"cut\.csv\.gz: not a readable csv table"):
        read_catalogue(tmp_path / "cut.csv.gz", lambda table: True)
