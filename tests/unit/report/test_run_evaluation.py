"""All tables and figures from the files of a run, also of one that found nothing."""

import csv
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.alma.catalogue import candidates_table, catalogue_table
from cubefocus.alma.detection_products import read_probability, source_products, write_detection_products
from cubefocus.alma.field import Field
from cubefocus.alma.rows import Blob, Cut, Line, Part, Peaks, Reason, Shape, Source, Stage
from cubefocus.alma.searched import Searched
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.find.decoras import BlobFinder
from cubefocus.find.interface import find_all
from cubefocus.find.threshold import find
from cubefocus.instrument.observation import Observation
from cubefocus.report import published
from cubefocus.report.figures.registry import FIGURES
from cubefocus.report.methods import BLOBS, CHAIN, FITTED, LABELS, ORACLE, PEAKS
from cubefocus.report.render import write_table
from cubefocus.report.run import Other, Run
from cubefocus.report.shown import Cleaned, Shown
from cubefocus.report.tables.registry import TABLES
from cubefocus.settings import BlobSettings, EvaluationSettings
from cubefocus.specs import FINDERS, NETWORKS

SIZE, CHANNELS = 48, 16
BOX = (18, 18, 29, 29)
ERRORS = {"x": 0.1, "y": 0.1, "sigma_x": 0.1, "sigma_y": 0.1, "pa": 2.0, "z": 0.1, "fwhm_z": 0.2}
ERRORS |= {"continuum_mjy": 0.1, "line_flux_jykms": 0.05}


def perfect_map():
    """A Gaussian with BOX around what is above the threshold."""
    profile = np.exp(-0.5 * ((np.arange(SIZE) - 23) / 2.9) ** 2)
    return np.outer(profile, profile).astype(np.float32)


def field(cube_id, found):
    """A cube with one source; a chain that found it has measured it exactly."""
    rng = np.random.default_rng(cube_id)
    observation = Observation.from_mapping({"n_pixels": SIZE, "n_channels": CHANNELS})
    data = rng.normal(size=(CHANNELS, SIZE, SIZE)).astype(np.float32)
    data[4:9, 20:27, 20:27] += 20
    cube = Field.of(Cube(data, observation.header()), cube_id)
    if not found:
        return Searched(cube, np.zeros((SIZE, SIZE), np.float32), ())
    line, none, spectrum = Line(6.0, 3.0, 0.9), frozenset(), np.linspace(0, 1, CHANNELS)
    image = rng.normal(size=(64, 64))
    blob = Blob(0, BOX, 0.9, (23.0, 23.0))
    peaks = Peaks(blob, spectrum, (line,), Reason.PENDING, none)
    part = Part(peaks, 0, line, BOX, blob.centre, Stage.FINAL, none, snr_integrated=9.0, snr_focused=12.0)
    cut = Cut(part, spectrum, image)
    shape = Shape(cut, *blob.centre, 3.0, 2.0, 30.0, none)
    source = Source(shape, image, {"flux": 0.1}, none)
    return Searched(cube, 0.9 * perfect_map(), (blob,), (peaks,), (part,), (cut,), (shape,), (source,))


def truth(cubes):
    n = len(cubes)
    box = {name: np.full(n, value) for name, value in zip(("x0", "y0", "x1", "y1"), BOX, strict=True)}
    values = {"x": 23.0, "y": 23.0, "z": 6.0, "z0": 3.0, "z1": 9.0, "sigma_x": 3.0, "sigma_y": 2.0, "pa": 30.0}
    values |= {"fwhm_x": 7.0, "fwhm_y": 4.7, "fwhm_z": 3.0}
    values |= {"continuum_mjy": 2.0, "line_flux_jykms": 1.0}
    values |= {"flux": 0.1, "continuum": 0.01, "snr": 9.0, "snr_image": 9.0, "blendness": 0.0}
    facts = {"cube_id": list(cubes), "source_id": np.zeros(n, int), "split": ["test"] * n}
    return Table(facts | box | {name: np.full(n, value) for name, value in values.items()})


def fitted_table(cubes):
    """What a fit that is off by half an error makes of the sources of these cubes."""
    table = truth(cubes)
    for name, error in ERRORS.items():
        table[f"{name}_err"] = np.full(len(table), error)
        table[name] = table[name] - 0.5 * error
    table.remove_columns(["split", "blendness", "fwhm_x", "fwhm_y"])
    return table


def bound_of(cubes):
    facts = {"cube_id": list(cubes), "source_id": np.zeros(len(cubes), int)}
    return Table(facts | {f"{name}_err": np.full(len(cubes), error) for name, error in ERRORS.items()})


def run_of(folder, found):
    """What a run left, and what figures show of it."""
    cubes = [5, 6, 7]
    fields = [field(cube, found) for cube in cubes]
    write_detection_products(folder / "products.h5", [(one.cube_id, source_products(one)) for one in fields], {})
    dirty = {one.cube_id: np.nan_to_num(one.integrated) for one in fields}
    settings = EvaluationSettings(bootstrap=20)
    sky = {cube: perfect_map() for cube in cubes}
    finders = {"threshold": find_all(find, dirty.items(), {}), "bdsf": find_all(find, [], {})}
    finders["threshold"].meta["parameters"] = {"threshold": 5.0, "min_pixels": 1}
    finders["bdsf"].meta["note"] = "not run: bdsf is not installed"
    maps = {"blobs_finder": read_probability([folder / "products.h5"]), "decoras": sky}
    finders["decoras"] = find_all(BlobFinder(), sky.items(), {"radius": 2.0})
    scores = {name: Table({"threshold": [4.0, 5.0], "f1": [0.2, 0.9]}) for name in finders}
    scores["bdsf"] = Table(names=["extent", "f1"])
    nothing = {name: found[:0] for name, found in finders.items()}
    for name, table in nothing.items():
        table.meta = {"cubes": [] if name == "bdsf" else cubes[:2]}
    noise = [field(cube, False) for cube in cubes]
    inverted_fitted = fitted_table([])
    inverted_fitted.meta["cubes"] = cubes[:2]
    run = Run(
        truth=truth(cubes),
        catalogue=catalogue_table(fields, None),
        candidates=candidates_table(fields),
        fitted=fitted_table(cubes if found else []),
        bound=bound_of(cubes),
        inverted_catalogue=catalogue_table(noise, None),
        inverted_candidates=candidates_table(noise),
        inverted_fitted=inverted_fitted,
        others={name: Other(found, nothing[name]) for name, found in finders.items()},
        dirty=dirty,
        sky=sky,
        maps=maps,
        settings=settings,
        blobs=BlobSettings(split="none"),
    )
    cleaned = Cleaned(dirty, dict.fromkeys(dirty, (5.0, 4.0, 30.0)), lambda cube: np.ones((SIZE, SIZE)))
    return run, Shown.read(run, [folder / "products.h5"], scores, cleaned)


@pytest.mark.parametrize("found", [True, False])
def test_tables_and_figures_of_a_run(tmp_path, found):
    run, shown = run_of(tmp_path, found)
    tables = {name: table(run, 1, SIZE) for name, table in TABLES.items()}
    for name, table in tables.items():
        write_table(table, tmp_path / name, {})
    with open(tmp_path / "detection.csv") as stream:
        rows = {row["method"]: row for row in csv.DictReader(stream) if row["source"] == "this run"}
    blobs = ["blobs_finder", "blobs_finder (watershed)"]
    finders = ["threshold", "bdsf", "decoras"]
    steps = [*blobs, "blobs_finder+deep_gru", "chain", "chain+fit"]
    assert list(rows) == ["oracle", "oracle (watershed)", *finders, *steps]
    assert rows["threshold"]["note"].split(";")[0] == "threshold 5.0, min_pixels 1"
    assert (rows["bdsf"]["fn"], rows["bdsf"]["note"].split(";")[0]) == ("3", "not run: bdsf is not installed")
    assert (rows["oracle"]["tp"], rows["oracle"]["fp"]) == ("3", "0")
    for name in steps:
        assert (int(rows[name]["tp"]), int(rows[name]["fn"])) == ((3, 0) if found else (0, 3))
    assert {row["n_sources"] for row in tables["parameters"] if row["source"] == "this run"} == {3 if found else 0}
    assert set(tables["parameters"]["method"]) == set(tables["classes"]["method"]) == {"chain", "chain+fit"}
    everything = {row["method"]: row["tp"] for row in tables["classes"] if row["by"] == "all"}
    assert everything == dict.fromkeys(("chain", "chain+fit"), 3 if found else 0)
    fidelity = {
        name: tables["fidelity"][tables["fidelity"]["method"] == name] for name in (*finders, "chain", "chain+fit")
    }
    assert len(fidelity["bdsf"]) == 0  # was not run
    assert fidelity["decoras"]["n_positive"].sum() == 2  # of the two cubes that were searched times -1
    assert fidelity["decoras"]["fidelity_above"].tolist()[0] == 1.0
    assert fidelity["chain"]["n_positive"].sum() == (3 if found else 0)
    assert fidelity["chain+fit"]["n_positive"].sum() == (2 if found else 0)  # as decoras
    by_distance = tables["detection_by_distance"]
    assert by_distance["criterion"][by_distance["method"] == "decoras"].tolist() == ["centres < 3 px"] * 2
    for figure in FIGURES.values():
        figure(run, shown).draw_without_rendering()


def test_rows_of_both_splittings_do_not_depend_on_the_setting(tmp_path):
    run, _ = run_of(tmp_path, True)
    run.maps["blobs_finder"][6][:, 23] = 0.0  # the map parts this one, whatever the setting
    split = replace(run, blobs=BlobSettings(split="watershed"))
    names = [method.name for method in run.methods]
    assert [method.name for method in split.methods] == names
    assert [method.oracle for method in run.methods[:2]] == [None, None]
    plain = dict(zip(names, split.methods, strict=True))["blobs_finder"]
    assert (plain.oracle, len(plain.predictions)) == ("oracle", 4)
    other = dict(zip(names, run.methods, strict=True))["blobs_finder (watershed)"]
    assert (other.oracle, len(other.predictions)) == ("oracle (watershed)", 4)


def test_damaged_products_are_named(tmp_path):
    run, shown = run_of(tmp_path, True)
    whole = (tmp_path / "products.h5").read_bytes()
    (tmp_path / "products.h5").write_bytes(whole[:5000])
    with pytest.raises(CubefocusError, match=r"products\.h5: truncated"):
        Shown.read(run, [tmp_path / "products.h5"], shown.scores, None)
    with pytest.raises(CubefocusError, match=r"products\.h5: truncated"):
        read_probability([tmp_path / "products.h5"])


def test_residual_maps_are_refused_where_nothing_was_cleaned(tmp_path):
    run, shown = run_of(tmp_path, True)
    with pytest.raises(CubefocusError, match="put tclean among finders"):
        FIGURES["residual_maps"](run, replace(shown, cleaned=None))


def test_tables_are_made_without_matplotlib_and_their_names_without_anything():
    code = """
import sys
from cubefocus.report.figures.registry import FIGURES
from cubefocus.report.tables.registry import TABLES
assert TABLES and FIGURES and not {"numpy", "astropy", "matplotlib"} & set(sys.modules)
import cubefocus.jobs.tables, cubefocus.report.tables.detection, cubefocus.report.tables.parameters
import cubefocus.report.tables.stages, cubefocus.report.tables.fidelity, cubefocus.report.tables.similarity
assert "matplotlib" not in sys.modules
assert not [name for name in sys.modules if name.startswith("cubefocus.report.figures.") and "registry" not in name]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_label_is_that_of_a_method_a_network_or_a_finder():
    known = {BLOBS, PEAKS, CHAIN, FITTED, ORACLE, *NETWORKS, *FINDERS}
    assert set(LABELS) <= known
    rows = (*published.DETECTION, *published.BY_DISTANCE, *published.SIMILARITY, *published.TIMES)
    assert {row.method for row in rows} <= known
