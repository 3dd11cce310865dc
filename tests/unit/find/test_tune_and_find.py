"""A finder of a run: tuned on validation cubes, run once on test cubes, or missing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.table import Table

from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.find import threshold
from cubefocus.find.cubes import DrawnCubes, InvertedImages, StoredCubes, refuse_missing
from cubefocus.find.interface import find_all
from cubefocus.find.registry import FINDERS, Entry, get_entry
from cubefocus.find.run import tune_and_find
from cubefocus.instrument.observation import Observation
from cubefocus.report.tables.detection import Method, detection_table
from cubefocus.tables.criteria import EvaluationSettings
from cubefocus.timing import Clock

ROOT = Path(__file__).parents[3]
SETTINGS = EvaluationSettings(bootstrap=10)


def images(cubes):
    fields = {}
    for cube in cubes:
        fields[cube] = np.random.default_rng(cube).normal(size=(64, 64))
        fields[cube][20:30, 20:30] += 10.0
    return fields


def truth(cubes):
    box = {name: [value] * len(cubes) for name, value in {"x0": 20, "y0": 20, "x1": 30, "y1": 30}.items()}
    return Table({"cube_id": list(cubes), "split": ["validation"] * len(cubes), **box})


def test_parameters_come_from_validation_cubes_and_the_test_cubes_are_searched_once():
    searched = []

    def find(image, parameters):
        searched.append((float(image[0, 0]), parameters["threshold"]))
        return threshold.find(image, parameters)

    test = images([7, 8])
    entry = Entry(find, {"threshold": (2.0, 5.5, 30.0)})
    outcome = tune_and_find(
        entry, images([1, 2]), test, InvertedImages(DrawnCubes(test, 1, 0)), truth([1, 2, 3]), SETTINGS
    )
    found, scores, (drawn,) = outcome.found, outcome.scores, outcome.inverted.meta["cubes"]
    assert found.meta["parameters"] == {"threshold": 5.5}
    assert found["cube_id"].tolist() == [7, 8]
    assert scores["f1"].tolist()[1:] == [1.0, 0.0]
    last = [(float(test[7][0, 0]), 5.5), (float(test[8][0, 0]), 5.5), (-float(test[drawn][0, 0]), 5.5)]
    assert searched[-3:] == last
    assert len(searched) == 3 * 2 + 2 + 1
    assert len(outcome.inverted) == 0
    assert {name: cost.cubes for name, cost in outcome.clock.stages.items()} == {"tuning": 2, "search": 2}
    assert outcome.clock.stages["tuning"].note == "3 points of the grid"


def test_a_missing_package_is_said_in_the_catalogue_and_in_table_1():
    entry = replace(FINDERS["bdsf"], package="no_such_package")
    outcome = tune_and_find(entry, images([1]), images([7]), images([7]), truth([1]), SETTINGS)
    found = outcome.found
    assert (len(found), len(outcome.inverted), len(outcome.scores)) == (0, 0, 0)
    assert outcome.inverted.meta["cubes"] == []
    assert outcome.clock == Clock(note=found.meta["note"])
    assert found.meta["note"] == "not run: no_such_package is not installed; pip install no_such_package"
    assert (
        replace(entry, package=None, program="no-such-program").lacks == "there is no program no-such-program on PATH"
    )
    assert replace(entry, package="numpy", program="python3").lacks == ""
    table = detection_table([Method("bdsf", found, oracle=None, note=found.meta["note"])], truth([7]), [7], SETTINGS)
    assert (table["tp"][0], table["fn"][0]) == (0, 1)
    assert table["note"][0].startswith("not run: no_such_package is not installed")


def test_cubes_are_drawn_by_the_seed():
    fields = images(range(20))
    first, again, other = (DrawnCubes(fields, 5, seed) for seed in (1, 1, 2))
    assert len(first) == len({*first}) == 5
    assert list(first) == list(again) == sorted(first) != list(other)
    assert first[next(iter(first))] is fields[next(iter(first))]
    with pytest.raises(KeyError):
        first[next(cube for cube in fields if cube not in set(first))]
    assert list(DrawnCubes(fields, 30, 1)) == list(fields)


def test_stored_cubes_are_read_one_by_one(tmp_path):
    observation = Observation.from_mapping({"n_pixels": 16, "n_channels": 4})
    for folder, cube in (("000", 5), ("001", 6)):
        data = np.full((4, 16, 16), cube, dtype=np.float32)
        write_table(tmp_path / folder / "truth.ecsv", Table(meta={"cubes": [{"cube_id": cube}]}), {})
        write_cube(tmp_path / folder / f"{cube:06d}.dirty.fits", data, observation.header(), {})
    cubes = StoredCubes([tmp_path / "000", tmp_path / "001"])
    assert {cube: data.mean() for cube, data in cubes.items()} == {5: 5.0, 6: 6.0}

    def find(cube, parameters):
        assert cube.shape == (4, 16, 16)
        return Table({"x": [float(cube[0, 0, 0])]})

    assert find_all(find, cubes.items(), {})["x"].tolist() == [5.0, 6.0]


def test_a_cube_of_which_nothing_is_left_is_named():
    cubes = [{"cube_id": 1, "split": "test"}, {"cube_id": 2, "split": "test"}, {"cube_id": 3, "split": "train"}]
    refuse_missing(images([1, 2]), Table(meta={"cubes": cubes}), "test")
    with pytest.raises(CubefocusError, match="test cube 2: nothing to search"):
        refuse_missing(images([1]), Table(meta={"cubes": cubes}), "test")


def test_every_finder_has_a_grid_of_points_that_it_takes():
    image = images([1])[1]
    for name, entry in FINDERS.items():
        assert (1 if name.endswith("_defaults") else 2) <= len(entry.points) <= 100
        if not entry.slow:
            for point in entry.points:
                entry.find(image, point)
        assert get_entry(name) is entry
    with pytest.raises(CubefocusError, match="'sextractor'; there are threshold"):
        get_entry("sextractor")


def test_workflow_knows_the_finders_and_what_they_search():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert schema["properties"]["finders"]["properties"]["methods"]["items"]["enum"] == list(FINDERS)
    common = (ROOT / "workflow/rules/common.smk").read_text()
    for constant, kind in (("CUBE_FINDERS", "cube"), ("CLEAN_FINDERS", "cleaned")):
        (listed,) = re.findall(rf"^{constant} = \[(.*?)\]", common, re.MULTILINE)
        assert re.findall(r'"(\w+)"', listed) == [name for name, entry in FINDERS.items() if entry.kind == kind]
    (start,) = re.findall(r'^MAP_FINDERS = .*startswith\("(\w+)"\)', common, re.MULTILINE)
    assert [name for name in FINDERS if name.startswith(start)] == [
        name for name, entry in FINDERS.items() if entry.kind == "map"
    ]
