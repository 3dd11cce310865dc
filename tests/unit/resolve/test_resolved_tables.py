"""Peaks, fluxes and coverage of posteriors that are drawn about a truth, or beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from continuum import CELL_ARCSEC, continuum_header, posterior_about, sky_of, true_components

from cubefocus.errors import CubefocusError
from cubefocus.report.render import markdown_text
from cubefocus.report.tables.radii import radii_table
from cubefocus.report.tables.resolved import coverage_table, fluxes_table, hyperparameters_table, peaks_table
from cubefocus.resolve.compared import Made, compare, in_jy_per_arcsec2, read_plane

ROWS = [(24.0, 38.0, 20.0, 1.6, 1.1, 30.0), (41.0, 29.0, 8.0, 2.6, 1.8, 120.0), (20.0, 18.0, 5.0, 1.2, 1.2, 0.0)]
BEAM = 0.8


def fitted_of(truth: Table, rng: np.random.Generator) -> Table:
    """A fit with errors of 1 % that are what they say."""
    fitted = Table({"component": truth["component"]})
    for name, source in (("peak", "peak"), ("flux", "flux"), ("brightness", "peak")):
        error = 0.01 * np.asarray(truth[source])
        fitted[name], fitted[f"{name}_err"] = truth[source] + error * rng.standard_normal(len(truth)), error
    return fitted


def made_of(folder: Path, name: str, seed: int, bias: float = 0.0, honest: float = 1.0, samples: int = 16) -> Made:
    """Files of a sky whose posterior is a draw about it with errors that are `honest` times too small."""
    rng = np.random.default_rng(seed)
    truth = true_components(ROWS)
    sky, header = sky_of(truth), continuum_header()
    places = {key: str(folder / f"{name}.{key}") for key in ("sky.fits", "truth.ecsv", "h5", "fitted.ecsv", "n.fits")}
    fits.PrimaryHDU(sky, header).writeto(places["sky.fits"])
    truth.write(places["truth.ecsv"], format="ascii.ecsv")
    fitted_of(truth, rng).write(places["fitted.ecsv"], format="ascii.ecsv")
    spread = 0.05
    centre = sky * (1.0 + bias) + spread * rng.standard_normal(sky.shape)
    posterior_about(centre, spread / honest, samples, seed).save(places["h5"])
    header["BMAJ"] = header["BMIN"] = BEAM / 3600.0
    header["BPA"], header["BUNIT"] = 0.0, "Jy/beam"
    fits.PrimaryHDU((0.9 * sky * np.pi * BEAM**2 / (4 * np.log(2)))[None, None], header).writeto(places["n.fits"])
    return Made(
        name,
        places["sky.fits"],
        places["truth.ecsv"],
        places["h5"],
        places["fitted.ecsv"],
        {"natural": places["n.fits"]},
    )


def covered(folder: Path, skies: int = 40, **how: float) -> Table:
    return coverage_table(vstack([compare(made_of(folder, f"{one:03d}", one, **how)) for one in range(skies)]))


def row_of(table: Table, quantity: str, interval: str = "mean ± deviations", method: str = "RESOLVE") -> Table.Row:
    at = (table["quantity"] == quantity) & (table["interval"] == interval) & (table["method"] == method)
    (row,) = table[at]
    return row


def test_peaks_and_fluxes_are_those_of_the_sky(tmp_path: Path) -> None:
    compared = compare(made_of(tmp_path, "main", 1))
    assert np.asarray(compared["peak_true"]) == pytest.approx([20.0, 8.0, 5.0], rel=2e-2)
    assert np.asarray(compared["peak_natural"]) == pytest.approx(0.9 * compared["peak_true"], rel=1e-6)
    assert np.asarray(compared["flux_natural"]) == pytest.approx(0.9 * compared["flux_true"], rel=1e-6)
    # An ellipse 1.5 FWHM wide holds 1 - 2^(-2.25) of a Gaussian.
    share = np.asarray(compared["flux_true"] / compared["flux_component"])
    assert share == pytest.approx(1.0 - 2.0**-2.25, abs=0.02)
    assert np.all(compared["highest_resolve"] > compared["peak_resolve"] - 1e-9)


def test_table_of_peaks_has_the_published_rows_and_deviations(tmp_path: Path) -> None:
    table = peaks_table(compare(made_of(tmp_path, "main", 1)))
    assert list(table["source"][:2]) == ["this run", "published ESO"]
    published = table[1]
    assert (published["true"], published["tclean_natural"], published["resolve"]) == (34.11, 24.67, 26.68)
    assert published["off_resolve"] == pytest.approx(-21.8, abs=0.05)
    assert published["errors_off_resolve"] == pytest.approx(-1.29, abs=0.01)
    assert table[0]["off_tclean_natural"] == pytest.approx(-10.0, abs=0.01)
    assert "tclean_briggs" not in table.colnames
    assert "26.68 ± 5.8" in markdown_text(table)


def test_fluxes_of_the_fit_are_compared_with_the_whole_component(tmp_path: Path) -> None:
    table = fluxes_table(compare(made_of(tmp_path, "main", 1)))
    assert np.abs(table["errors_off_fit"]).max() < 4.0
    assert table["true"].unit == "Jy"


def test_posteriors_about_the_truth_cover_it(tmp_path: Path) -> None:
    table = covered(tmp_path)
    for quantity in ("peak", "flux"):
        row = row_of(table, quantity)
        assert row["n"] == 120
        assert 0.58 < row["within_68"] < 0.77
        assert 0.89 < row["within_95"] < 0.99
        assert row["within_68_lo"] < row["within_68"] < row["within_68_hi"]
        assert row["pull_width"] == pytest.approx(1.0, abs=0.2)
        fit = row_of(table, quantity, method="fit through the response")
        assert 0.58 < fit["within_68"] < 0.78
        clean = row_of(table, quantity, "", "tclean natural")
        assert clean["bias"] == pytest.approx(-10.0, abs=0.01)
        assert np.isnan(clean["within_68"])
        assert clean["reached"] == ""


def test_biased_posteriors_do_not_cover_the_truth(tmp_path: Path) -> None:
    row = row_of(covered(tmp_path, skies=8, bias=0.05), "flux")
    assert row["reached"] == "no"
    assert row["within_95"] < 0.5
    assert row["bias"] == pytest.approx(5.0, abs=1.0)


def test_errors_that_are_half_of_the_scatter_do_not_cover_the_truth(tmp_path: Path) -> None:
    row = row_of(covered(tmp_path, honest=2.0), "peak")
    assert row["reached"] == "no"
    assert row["within_68"] < 0.5
    assert row["pull_width"] > 1.6


def test_hyperparameters_stand_beside_prior_and_report() -> None:
    parameters = posterior_about(np.ones((64, 64)), np.array(0.1), 16, 3).parameters
    table = hyperparameters_table(parameters, {"zero_mode": (1.0, 0.1), "fluctuations": (5.0, 1.0)})
    assert list(table["parameter"]) == ["zero mode", "fluctuations"]
    assert table["shift"][1] == pytest.approx(-1.0, abs=0.3)
    assert table["narrower"][1] < 0.5
    assert table["published_sz114"][1] == 3.0


def test_image_without_a_beam_or_of_many_planes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    fits.PrimaryHDU(np.zeros((2, 8, 8)), continuum_header(8)).writeto(path)
    with pytest.raises(CubefocusError, match="one plane"):
        read_plane(path)
    fits.PrimaryHDU(np.zeros((8, 8)), continuum_header(8)).writeto(path, overwrite=True)
    with pytest.raises(CubefocusError, match="no beam"):
        in_jy_per_arcsec2(path)
    with pytest.raises(CubefocusError, match="not a readable"):
        read_plane(tmp_path / "none.fits")


def test_fit_of_other_components_is_refused(tmp_path: Path) -> None:
    made = made_of(tmp_path, "main", 1)
    Table.read(made.fitted, format="ascii.ecsv")[:2].write(made.fitted, format="ascii.ecsv", overwrite=True)
    with pytest.raises(CubefocusError, match="fit them again"):
        compare(made)
    assert CELL_ARCSEC == 0.2


def test_fluxes_of_a_disc_are_those_within_radii(tmp_path: Path) -> None:
    """Of a Gaussian of FWHM w there is 1 - 2^(-(2 r / w)^2) within r."""
    width = 0.4
    truth = true_components([(130.0, 125.0, 1.0, width, width, 0.0)], 256, 0.01)
    sky, header = sky_of(truth, 256, 0.01), continuum_header(256, 0.01)
    posterior = replace(posterior_about(sky, np.array(1e-4), 8, 1), header=header)
    table = radii_table(posterior, {"natural": (0.9 * sky, header)}, (sky, header))
    assert list(table["method"][:3]) == ["true sky", "tclean natural", "RESOLVE"]
    for radius in (0.06, 0.15, 0.35):
        inside = 1e3 * truth["flux"][0] * (1.0 - 2.0 ** (-((2.0 * radius / width) ** 2)))
        true, clean, resolve = table[f"within_{radius:g}_arcsec"][:3]
        assert true == pytest.approx(inside, rel=0.01)
        assert clean == pytest.approx(0.9 * true)
        assert resolve == pytest.approx(true, rel=0.01)
    assert table["within_0.35_arcsec"][-1] == 47.24
    assert np.isnan(table["within_0.06_arcsec_std"][0])
