"""A batch to fit: which cubes are fitted, and with which sign."""

import pytest
from astropy.table import Table

from cubefocus.alma.catalogue import build_table
from cubefocus.alma.fitted import COLUMNS, FittedCube
from cubefocus.cube.writing import write_cube
from cubefocus.files import read_table, write_table
from cubefocus.find.cubes import inverted_ids
from cubefocus.jobs import fit
from cubefocus.jobs.fit import Fit, run

CUBES = [{"cube_id": number, "split": "test"} for number in range(5, 11)]
DRAWN = {"number": 2, "seed": 3}


@pytest.fixture
def fitted(scene, tmp_path, monkeypatch):
    """Runs the job; what it handed to the fit, the value of a voxel by cube, and the table that it wrote."""
    seen = {}

    def fit_cube(cube, beam, starts, rules, *, cube_id, **_):
        seen[cube_id] = float(cube.data[0, 0, 0])
        row = {one.name: one.dtype() for one in COLUMNS} | {"cube_id": cube_id, "x": seen[cube_id]}
        return FittedCube(build_table(COLUMNS, [row]), None)

    monkeypatch.setattr(fit, "fit_cube", fit_cube)
    monkeypatch.setattr(fit, "setups_of", lambda *_: {cube["cube_id"]: None for cube in CUBES})
    monkeypatch.setattr(fit, "beam_of", lambda _: (None, None))
    truth = Table(meta={"cubes": CUBES})
    write_table(tmp_path / "truth.ecsv", truth, {})
    write_table(tmp_path / "starts.ecsv", Table(), {})
    write_table(tmp_path / "cubes" / "truth.ecsv", truth, {})
    for cube in CUBES:
        one = scene([], n_pixels=16, n_channels=4).cube
        one.data[0, 0, 0] = cube["cube_id"]
        write_cube(tmp_path / "cubes" / f"{cube['cube_id']:06d}.dirty.fits", one.data, one.header, {})

    def of(inverted):
        paths = {name: str(tmp_path / f"{name}.ecsv") for name in ("truth", "starts", "fitted")}
        job = Fit(str(tmp_path / "cubes"), **paths, responses="", observation={}, detection={}, box_level=0.1,
                  choice=None, time=str(tmp_path / "time.json"), inverted=inverted)  # fmt: skip
        run(job)
        return seen, read_table(job.fitted)

    return of


def test_all_cubes_of_a_batch_are_fitted_as_they_are(fitted):
    seen, found = fitted(None)
    assert seen == {cube["cube_id"]: cube["cube_id"] for cube in CUBES}
    assert found["cube_id"].tolist() == found.meta["cubes"] == [*seen]


def test_only_the_cubes_that_slow_finders_draw_are_fitted_times_minus_one(fitted):
    seen, found = fitted(DRAWN)
    assert [*seen] == inverted_ids(Table(meta={"cubes": CUBES}), slow=True, **DRAWN)
    assert found.meta["cubes"] == [*seen]
    assert found["x"].tolist() == [-cube for cube in seen]
