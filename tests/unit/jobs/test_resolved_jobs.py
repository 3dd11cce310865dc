"""From the files of a few small skies to the tables and figures of the Bayesian imaging, job by job."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from continuum import CELL_ARCSEC, continuum_header, observed, posterior_about, sky_of, true_components

from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.jobs.compare_resolved import CompareResolved, number_of
from cubefocus.jobs.compare_resolved import run as compare
from cubefocus.jobs.fit_components import FitComponents
from cubefocus.jobs.fit_components import run as fit
from cubefocus.jobs.resolved_coverage import ResolvedCoverage
from cubefocus.jobs.resolved_coverage import run as draw_coverage
from cubefocus.jobs.resolved_figures import ResolvedFigures, read_residuals
from cubefocus.jobs.resolved_figures import run as draw
from cubefocus.jobs.resolved_tables import ResolvedTables
from cubefocus.jobs.resolved_tables import run as tabulate
from cubefocus.jobs.resolved_times import ResolvedTimes
from cubefocus.jobs.resolved_times import run as time_all
from cubefocus.resolve.compared import Made

pytest.importorskip("ducc0")

SKIES = ("main", "001", "002")
TRUTH = true_components([(20.0, 42.0, 20.0, 1.6, 1.1, 10.0), (45.0, 20.0, 8.0, 1.8, 1.4, 120.0)])
TABLES = ("peaks", "fluxes", "coverage", "continuum_detection", "hyperparameters")
BENCHMARK = "s\th:m:s\tmax_rss\tcpu_time\n12.5\t0:00:12\t345.6\t11.0\n"


def made_sky(folder: Path, sky: str, seed: int) -> CompareResolved:
    """Files of a sky as the stages before leave them, and its fit."""
    kinds = ("sky.fits", "truth.ecsv", "vis.h5", "post.h5", "fit.ecsv", "clean.fits", "found.ecsv")
    path = {kind: str(folder / f"{sky}.{kind}") for kind in kinds}
    image, header = sky_of(TRUTH), continuum_header()
    fits.PrimaryHDU(image, header).writeto(path["sky.fits"])
    write_table(path["truth.ecsv"], TRUTH, {})
    observed(TRUTH, 0.2, seed).save(path["vis.h5"])
    posterior_about(image, np.array(0.1), 8, seed).save(path["post.h5"])
    found = TRUTH["x", "y", "major_arcsec", "minor_arcsec", "pa_deg"]
    found.rename_columns(["major_arcsec", "minor_arcsec", "pa_deg"], ["major", "minor", "position_angle"])
    write_table(path["found.ecsv"], found, {})
    header["BMAJ"], header["BMIN"], header["BPA"] = 0.8 / 3600.0, 0.8 / 3600.0, 0.0
    noise = np.random.default_rng(seed).normal(0.0, 0.02, image.shape)
    fits.PrimaryHDU(image * 0.725 + noise, header).writeto(path["clean.fits"])
    fit(FitComponents(path["vis.h5"], path["truth.ecsv"], path["fit.ecsv"]))
    files = Made(sky, path["sky.fits"], path["truth.ecsv"], path["post.h5"], path["fit.ecsv"],
                 {"natural": path["clean.fits"]})  # fmt: skip
    places = {
        "compared": str(folder / "compared" / f"{sky}.ecsv"),
        "detected": str(folder / "detected" / f"{sky}.ecsv"),
    }
    return CompareResolved(files, path["vis.h5"], path["found.ecsv"], **places)


@pytest.fixture(scope="module")
def skies(tmp_path_factory: pytest.TempPathFactory) -> list[CompareResolved]:
    folder = tmp_path_factory.mktemp("skies")
    made = [made_sky(folder, sky, number) for number, sky in enumerate(SKIES)]
    for one in made:
        compare(one)
    return made


def test_all_tables_are_made(skies: list[CompareResolved], tmp_path: Path) -> None:
    prior = {"offset": 26.0, "zero_mode": [1.0, 0.1], "fluctuations": [5.0, 1.0], "points": False}
    paths = [str(tmp_path / name) for name in TABLES]
    both = [one.compared for one in skies], [one.detected for one in skies]
    tabulate(ResolvedTables(skies[0].made.posterior, *both, prior, paths, seed=1))
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{end}" for name in TABLES for end in ("csv", "md", "tex")
    }
    peaks = Table.read(tmp_path / "peaks.csv")
    assert len(peaks[peaks["source"] == "this run"]) == len(TRUTH)
    coverage = Table.read(tmp_path / "coverage.csv")
    assert set(coverage["n"]) == {2 * len(TRUTH)}  # the main sky is none of them
    detection = Table.read(tmp_path / "continuum_detection.csv")
    resolve = detection[detection["method"] == "RESOLVE"][0]
    assert (resolve["n_images"], resolve["tp"], resolve["fp"], resolve["fn"]) == (3, 6, 0, 0)


def test_fit_says_where_it_began(skies: list[CompareResolved]) -> None:
    meta = read_table(skies[0].made.fitted).meta
    assert "true values" in meta["starts"]
    assert meta["reduced_chi2"] == pytest.approx(1.0, abs=0.25)


def test_without_clean_nothing_is_detected(skies: list[CompareResolved], tmp_path: Path) -> None:
    one = skies[0]
    files = Made("main", one.made.sky, one.made.truth, one.made.posterior, one.made.fitted)
    compare(CompareResolved(files, one.visibilities, one.catalogue, str(tmp_path / "c.ecsv"), str(tmp_path / "d.ecsv")))
    assert len(read_table(tmp_path / "d.ecsv")) == 0
    assert not [name for name in read_table(tmp_path / "c.ecsv").colnames if name.endswith("natural")]


def test_figures_are_drawn(skies: list[CompareResolved], tmp_path: Path) -> None:
    rounds, residuals = tmp_path / "rounds", tmp_path / "residuals.h5"
    rounds.mkdir()
    for number in (0, 5):
        posterior_about(sky_of(TRUTH), np.array(0.2), 4, number).save(rounds / f"{number:03d}.h5")
    rng = np.random.default_rng(1)
    with h5py.File(residuals, "w") as file:
        group = file.create_group("window0")
        group["normalised"] = rng.normal(size=500) + 1j * rng.normal(size=500)
        group["uvw_m"] = rng.normal(0.0, 100.0, (500, 3))
    made, folder = skies[0].made, tmp_path / "figures"
    folder.mkdir()
    own = made.tclean, made.sky, (-2.0, 0.5), (0.8, 1.2)
    draw(ResolvedFigures(made.posterior, str(residuals), str(rounds), *own, str(folder)))
    draw_coverage(ResolvedCoverage([one.compared for one in skies[1:]], str(folder / "resolved_coverage")))
    assert len([*folder.glob("*.png")]) == len([*folder.glob("*.pdf")]) == 6
    with pytest.raises(CubefocusError, match="no posterior of a round"):
        draw(ResolvedFigures(made.posterior, str(residuals), str(folder), *own, str(folder)))


def test_residuals_that_are_none_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("main")
    with pytest.raises(CubefocusError, match="not a whole file of residuals"):
        read_residuals(tmp_path / "other.h5")


def test_times_are_those_of_the_rounds_of_clean_and_of_the_workflow(
    tmp_path: Path,
) -> None:
    clean, measured = tmp_path / "clean.ecsv", tmp_path / "fit.tsv"
    row = {"method": "tclean natural", "components": 500, "seconds": 0.5, "cpu_seconds": 0.4, "hardware": "a machine"}
    write_table(clean, Table([row]), {})
    measured.write_text(BENCHMARK)
    rounds = tmp_path / "rounds.ecsv"
    write_table(rounds, Table({"round": [0, 1], "seconds": [8.5, 4.0], "cpu_seconds": [8.0, 3.0]}), {})
    benchmarks = {
        "fit": dict.fromkeys(SKIES, str(measured)),
        "resolve": {"main": str(measured), "001": str(tmp_path / "none.tsv")},
    }
    cleaned = {sky: [str(clean)] for sky in SKIES}
    time_all(ResolvedTimes(dict.fromkeys(SKIES, str(rounds)), cleaned, benchmarks, str(tmp_path / "resolve_times")))
    table = Table.read(tmp_path / "resolve_times.csv")
    assert [*zip(table["sky"], table["images"], strict=True)] == [("main", 1)] * 3 + [("coverage", 2)] * 3
    for one in (table[0], table[2]):
        assert (one["seconds"], one["cpu_seconds"], one["memory_mb"], one["over_tclean"]) == (12.5, 11.0, 345.6, 25.0)
    assert table["seconds"][3] == 12.5
    assert np.isnan(table["memory_mb"][3])  # the workflow ran no such job itself


def test_main_sky_has_the_number_0() -> None:
    assert [number_of(sky) for sky in SKIES] == [0, 1, 2]
    assert CELL_ARCSEC == 0.2
