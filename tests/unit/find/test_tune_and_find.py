"""A finder of a run: tuned on validation cubes, run once on test cubes, or missing."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.find import threshold
from cubefocus.find.cubes import DrawnCubes, StoredCubes, refuse_missing
from cubefocus.find.interface import find_all
from cubefocus.find.registry import Entry, get_entry
from cubefocus.find.run import Choice, choose, search
from cubefocus.instrument.observation import Observation
from cubefocus.report.methods import Method
from cubefocus.report.tables.detection import detection_table
from cubefocus.settings import EvaluationSettings
from cubefocus.specs import FINDERS
from cubefocus.timing import Clock

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


def test_parameters_come_from_validation_cubes_and_test_cubes_are_searched_once(tmp_path):
    searched = []

    def find(image, parameters):
        searched.append((float(image[0, 0]), parameters["threshold"]))
        return threshold.find(image, parameters)

    test, clock = images([7, 8]), Clock()
    entry = Entry(find, {"threshold": (2.0, 5.5, 30.0)})
    choice, scores = choose(entry, images([1, 2]), truth([1, 2, 3]), SETTINGS, clock)
    assert choice.parameters == {"threshold": 5.5}
    assert scores["f1"].tolist()[1:] == [1.0, 0.0]
    assert len(searched) == 3 * 2
    assert {name: cost.cubes for name, cost in clock.stages.items()} == {"tuning": 2}
    assert clock.stages["tuning"].note == "3 points of the grid"
    search(entry, test, replace(choice, inverted=[8]), tmp_path)
    assert searched[6:] == [(float(test[7][0, 0]), 5.5), (float(test[8][0, 0]), 5.5), (-float(test[8][0, 0]), 5.5)]
    assert {path.name for path in tmp_path.glob("*.ecsv")} == {
        "000007.found.ecsv",
        "000008.found.ecsv",
        "000008.inverted.ecsv",
    }
    search(entry, test, choice, tmp_path, skip={7, 8})
    assert len(searched) == 9, "what has been searched is not searched again"


def test_each_cube_is_searched_with_the_area_of_its_own_beam(tmp_path):
    """Of two set-ups with beams of other sizes, neither may be searched with the beam of the other."""
    seen = []

    def find(image, parameters):
        seen.append(parameters["beam_area"])
        return threshold.find(image, {"threshold": parameters["threshold"]})

    entry, two = Entry(find, {"threshold": (5.5, 30.0)}), {1: {"beam_area": 12.0}, 2: {"beam_area": 40.0}}
    choice, scores = choose(entry, images([1, 2]), truth([1, 2]), SETTINGS, Clock(), two)
    assert seen == [12.0, 12.0, 40.0, 40.0]
    assert choice.parameters == {"threshold": 5.5}
    assert "beam_area" not in scores.colnames, "it is no parameter of the finder when cubes differ"
    search(entry, images([1, 2]), choice, tmp_path, two)
    assert seen[4:] == [12.0, 40.0]
    one = {cube: {"beam_area": 12.0} for cube in (1, 2)}
    choice, scores = choose(entry, images([1, 2]), truth([1, 2]), SETTINGS, Clock(), one)
    assert scores["beam_area"].tolist() == [12.0, 12.0]
    assert choice.parameters == {"threshold": 5.5}


def test_a_missing_package_is_said_in_the_catalogue_and_in_table_1():
    entry, clock = replace(get_entry("bdsf"), package="no_such_package"), Clock()
    choice, scores = choose(entry, images([1]), truth([1]), SETTINGS, clock)
    assert choice == Choice(note="not run: no_such_package is not installed; pip install no_such_package")
    assert len(scores) == 0
    assert clock == Clock(note=choice.note)
    assert (
        replace(entry, package=None, program="no-such-program").lacks == "there is no program no-such-program on PATH"
    )
    assert replace(entry, package="numpy", program="python3").lacks == ""
    nothing = find_all(entry.find, [], {})
    table = detection_table([Method("bdsf", nothing, oracle=None, note=choice.note)], truth([7]), [7], SETTINGS)
    assert (table["tp"][0], table["fn"][0]) == (0, 1)
    assert table["note"][0].startswith("not run: no_such_package is not installed")


def test_a_damaged_choice_is_named(tmp_path):
    choice = Choice({"threshold": 5.5, "min_pixels": 3, "smooth": False}, [4, 7])
    choice.write(tmp_path / "choice.json")
    assert Choice.read(tmp_path / "choice.json") == choice
    (tmp_path / "choice.json").write_text("{")
    with pytest.raises(CubefocusError, match=r"choice\.json: truncated or damaged"):
        Choice.read(tmp_path / "choice.json")
    with pytest.raises(CubefocusError, match="no such file"):
        Choice.read(tmp_path / "no.json")


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
    for name in FINDERS:
        entry = get_entry(name)
        assert (1 if name.endswith("_defaults") else 2) <= len(entry.points) <= 100
        if not entry.slow:
            for point in entry.points:
                entry.find(image, point)
        assert get_entry(name) is entry
    with pytest.raises(CubefocusError, match="'sextractor'; there are threshold"):
        get_entry("sextractor")
