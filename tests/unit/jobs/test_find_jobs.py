"""A finder over batches: tuned once, searched batch by batch, killed and gone on, joined to one table."""

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.alma.training_products import write_products
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.find import run as find_run
from cubefocus.find.interface import empty_detections
from cubefocus.find.registry import Entry
from cubefocus.find.run import Choice
from cubefocus.instrument.observation import Observation
from cubefocus.jobs import adopt, collect_found, find, tune
from cubefocus.timing import Clock

BATCHES = {"000": [4, 5, 6], "001": [7, 8]}
SIDE, AT = 32, slice(10, 16)


class Stop(BaseException):
    """Stands for a kill: nothing catches it."""


def field(cube):
    image = np.random.default_rng(cube).normal(size=(SIDE, SIDE)).astype(np.float32)
    image[AT, AT] += 15.0
    return image


@pytest.fixture
def place(tmp_path):
    """Folder with images and truth of two validation cubes and of two batches of test cubes."""
    box = {"x0": AT.start, "y0": AT.start, "x1": AT.stop, "y1": AT.stop, "x": 12.5, "y": 12.5}
    cubes = [{"cube_id": cube, "split": "validation"} for cube in (1, 2)]
    for batch, ids in {"validation": [1, 2], **BATCHES}.items():
        images = np.stack([field(cube) for cube in ids])
        write_products(tmp_path / f"{batch}.h5", {"images/dirty": images, "images/cube_id": np.array(ids)}, {})
        if batch != "validation":
            own = [{"cube_id": cube, "split": "test"} for cube in ids]
            write_table(tmp_path / f"{batch}.ecsv", Table({"cube_id": ids}, meta={"cubes": own}), {})
            cubes += own
    rows = [{"cube_id": each["cube_id"], "split": each["split"], **box} for each in cubes]
    write_table(tmp_path / "truth.ecsv", Table(rows, meta={"cubes": cubes}), {})
    return tmp_path


def tuned(place, method="threshold"):
    files = {"choice": place / "choice.json", "scores": place / "scores.ecsv", "time": place / "tuning.json"}
    tune.run(
        tune.Tune(
            method=method,
            truth=str(place / "truth.ecsv"),
            validation=[str(place / "validation.h5")],
            evaluation={"iou": 0.5, "distance": 3.0, "line_iou": 0.5},
            tuning_cubes=1,
            inverted_cubes=2,
            seed=1,
            **texts(files),
        )
    )
    return Choice.read(files["choice"])


def job_for(place, batch, code="now", **changes):
    paths = {"searched": place / f"{batch}.h5", "truth": place / f"{batch}.ecsv", "choice": place / "choice.json"}
    return find.Find("threshold", code=code, **texts(paths | {"found": place / "found" / batch} | changes))


def texts(paths):
    return {name: str(path) for name, path in paths.items()}


def collected(place):
    files = {name: str(place / file) for name, file in FILES.items()}
    found = [str(place / "found" / batch) for batch in BATCHES]
    collect_found.run(collect_found.CollectFound(found, str(place / "tuning.json"), **files))
    return read_table(files["catalogue"]), read_table(files["inverted"]), Clock.read(files["time"])


FILES = {"catalogue": "catalogue.ecsv", "inverted": "inverted.ecsv", "time": "time.json"}


def test_batches_joined_are_what_one_search_of_all_cubes_finds(place):
    choice = tuned(place)
    assert choice.inverted == [4, 5, 6, 7, 8], "a quick finder searches all of them"
    for batch in BATCHES:
        find.run(job_for(place, batch))
    catalogue, inverted, clock = collected(place)
    assert catalogue["cube_id"].tolist() == [4, 5, 6, 7, 8]
    assert catalogue.meta["parameters"] == choice.parameters
    assert inverted.meta["cubes"] == [4, 5, 6, 7, 8]
    assert len(inverted) == 0
    assert {name: cost.cubes for name, cost in clock.stages.items()} == {"tuning": 2, "search": 5}
    assert {path.name for path in (place / "found" / "000").iterdir()} == {*FILES.values(), "recipe.json"}
    (place / "whole").mkdir()
    images = {cube: field(cube) for ids in BATCHES.values() for cube in ids}
    find_run.search(find.get_entry("threshold"), images, choice, place / "whole")
    whole = [read_table(path) for path in sorted((place / "whole").glob("*.found.ecsv"))]
    for name in catalogue.colnames:
        assert catalogue[name].tolist() == [value for table in whole for value in table[name].tolist()]


@pytest.mark.parametrize(("method", "number"), [("threshold", 3), ("bdsf", 2)])
def test_a_choice_of_another_experiment_gets_inverted_cubes_of_ones_own(place, method, number):
    """Their numbers are other cubes in each experiment: with the old ones nothing would be searched times -1."""
    chosen = Choice({"sigma": 3.0}, inverted=[4, 5, 6, 7, 8])
    chosen.write(place / "other.json")
    own = [{"cube_id": cube, "split": "test"} for cube in (0, 1, 2)]
    write_table(place / "own.ecsv", Table({"cube_id": [0, 1]}, meta={"cubes": own}), {})
    files = {"given": place / "other.json", "truth": place / "own.ecsv", "choice": place / "choice.json"}
    adopt.run(adopt.Adopt(method=method, inverted_cubes=2, seed=1, **texts(files)))
    adopted = Choice.read(place / "choice.json")
    assert adopted.parameters == chosen.parameters
    assert len(adopted.inverted) == number
    assert set(adopted.inverted) <= {0, 1, 2}


def test_a_search_that_was_killed_goes_on_with_the_cubes_that_are_missing(place, monkeypatch):
    tuned(place)
    real, seen = find_run.find_all, []

    def watched(finder, images, parameters):
        images = list(images)
        seen.extend(cube for cube, _ in images)
        if seen[-1] == 6 and len(seen) < 6:
            raise Stop
        return real(finder, images, parameters)

    monkeypatch.setattr(find_run, "find_all", watched)
    with pytest.raises(Stop):
        find.run(job_for(place, "000"))
    assert seen == [4, 4, 5, 5, 6]
    assert not (place / "found" / "000").exists()
    find.run(job_for(place, "000"))
    assert seen[5:] == [6, 6]
    monkeypatch.undo()
    find.run(job_for(place, "000", found=place / "undisturbed"))
    for name in ("catalogue.ecsv", "inverted.ecsv"):
        assert (place / "found" / "000" / name).read_bytes() == (place / "undisturbed" / name).read_bytes()


@pytest.mark.parametrize("change", ["code", "searched"])
def test_what_other_code_or_other_images_left_is_not_used(place, monkeypatch, change):
    tuned(place)
    real, seen = find_run.find_all, []

    def watched(finder, images, parameters):
        images = list(images)
        seen.extend(cube for cube, _ in images)
        if len(seen) == 3:
            raise Stop
        return real(finder, images, parameters)

    monkeypatch.setattr(find_run, "find_all", watched)
    with pytest.raises(Stop):
        find.run(job_for(place, "001"))
    del seen[:]
    seen.extend([0, 0, 0])
    if change == "searched":
        images = np.stack([field(cube) * 2 for cube in (7, 8)])
        write_products(place / "001.h5", {"images/dirty": images, "images/cube_id": np.array([7, 8])}, {})
    find.run(job_for(place, "001", code="later" if change == "code" else "now"))
    assert seen[3:] == [7, 7, 8, 8]


def test_a_missing_cube_and_a_finder_that_is_gone_are_named(place, monkeypatch):
    tuned(place)
    with pytest.raises(CubefocusError, match="test cube 7, 8: nothing to search"):
        find.run(job_for(place, "000", truth=place / "001.ecsv"))
    gone = Entry(lambda image, parameters: Table(), {"threshold": (5.0,)}, program="no-such-program")
    monkeypatch.setattr(find, "get_entry", lambda name: gone)
    with pytest.raises(CubefocusError, match="threshold was tuned but cannot be run here: there is no program"):
        find.run(job_for(place, "000"))


def test_a_finder_that_is_not_there_has_empty_tables_that_say_so(place, monkeypatch):
    entry = Entry(lambda image, parameters: Table(), {"threshold": (5.0,)}, program="no-such-program")
    for module in (tune, find):
        monkeypatch.setattr(module, "get_entry", lambda name: entry)
    tuned(place)
    for batch in BATCHES:
        find.run(job_for(place, batch))
    catalogue, inverted, clock = collected(place)
    assert (len(catalogue), len(inverted), inverted.meta["cubes"]) == (0, 0, [])
    assert catalogue.meta["note"] == clock.note == "not run: there is no program no-such-program on PATH"
    assert not clock.stages


def test_cubes_are_searched_with_their_own_beams(tmp_path, monkeypatch):
    seen = {}

    def note(cube, parameters):
        seen[float(cube[0, 0, 0])] = parameters["beam_area"]
        return empty_detections()

    entry = Entry(note, {"threshold": (5.0,)}, kind="cube", slow=True)
    monkeypatch.setattr(find, "get_entry", lambda name: entry)
    header = Observation.from_mapping({"n_pixels": 16, "n_channels": 4, "cell_arcsec": 0.1}).header()
    cubes = [{"cube_id": cube, "split": "test"} for cube in (5, 6)]
    write_table(tmp_path / "cubes" / "truth.ecsv", Table(meta={"cubes": cubes}), {})
    for cube, width in ((5, 0.5), (6, 1.0)):
        header["BMAJ"] = header["BMIN"] = width / 3600
        write_cube(tmp_path / "cubes" / f"{cube:06d}.dirty.fits", np.full((4, 16, 16), cube, np.float32), header, {})
    Choice({"threshold": 5.0}).write(tmp_path / "choice.json")
    files = {"searched": tmp_path / "cubes", "truth": tmp_path / "cubes" / "truth.ecsv"}
    files |= {"choice": tmp_path / "choice.json", "found": tmp_path / "found"}
    find.run(find.Find("any", **texts(files)))
    area = np.pi / (4 * np.log(2)) / 0.1**2
    assert seen == {5.0: pytest.approx(0.25 * area, rel=1e-5), 6.0: pytest.approx(area, rel=1e-5)}
    assert read_table(tmp_path / "found" / "catalogue.ecsv").meta["parameters"] == {"threshold": 5.0}
