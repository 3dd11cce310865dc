"""Catalogues of cubes that were searched one by one, in one."""

from astropy.table import Table

from cubefocus.files import read_table, write_table
from cubefocus.jobs.join import Join, run


def test_rows_have_the_number_of_their_cube_and_empty_ones_no_say(tmp_path):
    rows = [[("a", 1.5), ("b", 2.5)], [], [("c", 3.5)]]
    folders = []
    for number, own in enumerate(rows):
        table = Table(names=["cube_id", "name", "x"], dtype=[int, "U1", float])
        for name, x in own:
            table.add_row((7, name, x))
        for kind in ("catalogue", "candidates"):
            write_table(tmp_path / str(number) / f"{kind}.ecsv", table, {})
        folders.append(str(tmp_path / str(number)))
    run(Join(folders, ["a.fits", "b.fits", "c.fits"], str(tmp_path / "all"), str(tmp_path / "candidates.ecsv")))
    found = read_table(tmp_path / "all.ecsv")
    assert found["cube_id"].tolist() == [0, 0, 2]
    assert found["name"].tolist() == ["a", "b", "c"]
    assert found.meta["provenance"]["cubes"] == ["a.fits", "b.fits", "c.fits"]
    assert read_table(tmp_path / "candidates.ecsv")["x"].tolist() == [1.5, 2.5, 3.5]
    assert {path.name for path in tmp_path.glob("all.*")} == {"all.ecsv", "all.csv", "all.xml", "all.fits"}
