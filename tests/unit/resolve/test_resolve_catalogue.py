"""Sources of a posterior are those of the sky, with the spread of its samples, and can be scored as any finder's."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from resolved import CELL, HEADER, SHAPE, drawn, gaussian
from scipy.ndimage import gaussian_filter

from cubefocus.cube.scale import gaussian_area
from cubefocus.denoise.skyfits import sky_header
from cubefocus.files import read_table, write_table
from cubefocus.resolve.catalogue import COLUMNS, LEVEL, catalogue
from cubefocus.resolve.regions import flux_within
from cubefocus.tables.matching import match

FAINT = 1e-7
ONE = {"x": 20.4, "y": 24.7, "major_arcsec": 2.6, "minor_arcsec": 1.6, "pa_deg": 30.0}
TWO = {"x": 47.0, "y": 18.0, "major_arcsec": 1.6, "minor_arcsec": 1.6, "pa_deg": 0.0}
SKY = 0.02 * gaussian(**ONE) + 0.004 * gaussian(**TWO) + FAINT


def smooth(number, shape, width, rng):
    """Correlated fields of standard deviation 1, in pairs that mirror each other."""
    fields = np.stack([gaussian_filter(rng.normal(size=shape), width) for _ in range(number // 2)])
    return np.concatenate([fields, -fields]) / fields.std()


def test_a_gaussian_comes_back_with_its_measures():
    posterior = drawn(SKY, spread=0.03, number=16)
    table = catalogue(posterior)
    assert len(table) == 2
    for row, (one, peak) in zip(table, ((ONE, 0.02), (TWO, 0.004)), strict=True):
        assert (row["x"], row["y"]) == pytest.approx((one["x"], one["y"]), abs=0.1)
        flux = peak * gaussian_area(one["major_arcsec"], one["minor_arcsec"])
        assert row["flux"] == pytest.approx(flux, rel=0.04)
        assert row["peak"] == pytest.approx(peak, rel=0.05)
        assert (row["major"], row["minor"]) == pytest.approx((one["major_arcsec"], one["minor_arcsec"]), rel=0.05)
        place = WCS(HEADER).pixel_to_world(row["x"], row["y"])
        assert (row["ra"], row["dec"]) == pytest.approx((place.ra.deg, place.dec.deg))
    assert table["position_angle"][0] == pytest.approx(30.0, abs=4.0)


def test_what_is_finer_than_the_data_tell_is_smoothed_away():
    # Each sample has grains of its own within the source, as large as the source is bright; its sum is what it was.
    rng = np.random.default_rng(4)
    grains = np.exp(0.8 * rng.standard_normal((32, *SHAPE)) - 0.32)
    row = catalogue(replace(drawn(SKY), samples=SKY * grains), resolution_arcsec=8.0 * CELL)[0]
    assert row["flux"] == pytest.approx(0.02 * gaussian_area(2.6, 1.6), rel=0.04)
    assert (row["major"], row["minor"]) == pytest.approx((2.6, 1.6), rel=0.06)
    assert (row["x"], row["y"]) == pytest.approx((ONE["x"], ONE["y"]), abs=0.2)


def test_errors_are_the_spread_of_the_samples():
    # The samples differ by a factor, and by a shift in x of the first source.
    factors, shifts = np.exp(np.linspace(-0.3, 0.3, 12)), np.linspace(-1.0, 1.0, 12)
    samples = np.stack([
        factor * gaussian(**{**ONE, "x": ONE["x"] + shift}) + FAINT
        for factor, shift in zip(factors, np.roll(shifts, 5), strict=True)
    ])  # fmt: skip
    row = catalogue(replace(drawn(SKY), samples=samples))[0]
    assert row["flux_err"] / row["flux"] == pytest.approx(factors.std(ddof=1) / factors.mean(), rel=0.1)
    assert row["x_err"] == pytest.approx(shifts.std(ddof=1), rel=0.1)
    assert row["ra_err"] == pytest.approx(row["x_err"] * CELL, rel=1e-3)
    assert row["y_err"] < 0.05 * row["x_err"]
    assert row["significance"] == pytest.approx(row["flux"] / row["flux_err"])


def test_errors_of_the_widths_are_their_spread():
    stretches = np.linspace(0.9, 1.1, 12)
    sizes = [{**ONE, "major_arcsec": 2.6 * one, "minor_arcsec": 1.6 * one} for one in stretches]
    row = catalogue(replace(drawn(SKY), samples=np.stack([gaussian(**one) + FAINT for one in sizes])))[0]
    for name, size in (("major", 2.6), ("minor", 1.6)):
        assert row[name] == pytest.approx(size, rel=0.03)
        assert row[f"{name}_err"] == pytest.approx(size * stretches.std(ddof=1), rel=0.15)


def test_touching_sources_are_parted_where_the_valley_is_sure():
    sky = 0.02 * gaussian(26.0, 24.0, 2.0, 2.0, 0.0) + 0.014 * gaussian(38.0, 24.0, 2.0, 2.0, 0.0) + FAINT
    rng = np.random.default_rng(1)
    waves = smooth(16, SHAPE, 4.0, rng)
    sure, unsure = (catalogue(replace(drawn(sky), samples=sky * np.exp(spread * waves))) for spread in (0.05, 0.3))
    assert list(sure["x"]) == pytest.approx([26.0, 38.0], abs=1.0)
    assert len(unsure) == 1


def test_nothing_is_found_where_nothing_is_known():
    rng = np.random.default_rng(0)
    shape = (128, 128)
    for number in (8, 16):
        base = smooth(2, shape, 3.0, rng)[0]
        samples = 1e-4 * np.exp(base + 1.5 * smooth(number, shape, 3.0, rng))
        posterior = replace(drawn(SKY), samples=samples, header=sky_header(shape, CELL))
        assert len(catalogue(posterior)) == 0


def test_a_source_below_three_deviations_is_left_out():
    factors = np.linspace(0.2, 1.8, 16)[:, None, None]
    assert len(catalogue(replace(drawn(SKY), samples=factors * SKY))) == 0
    narrower = 1.0 + 0.5 * (factors - 1.0)
    assert len(catalogue(replace(drawn(SKY), samples=narrower * SKY))) == 2


def test_a_decrement_of_a_signed_sky_is_a_source():
    noise = 1e-4 * smooth(16, SHAPE, 2.0, np.random.default_rng(2))
    posterior = replace(drawn(SKY), samples=noise + 0.02 * gaussian(**ONE) - 0.01 * gaussian(**TWO))
    table = catalogue(posterior)
    assert np.sign(table["flux"]).tolist() == [1.0, -1.0]
    assert table["peak"][1] == pytest.approx(-0.01, rel=0.05)
    assert (table["significance"] > 3).all()


def test_it_is_scored_as_any_finder():
    found = catalogue(drawn(SKY, spread=0.03), cube_id=7)
    boxes = []
    for one in (ONE, TWO):
        rows, columns = np.nonzero(gaussian(**one) >= LEVEL)
        boxes.append((7, columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    matches = match(found, Table(rows=boxes, names=("cube_id", "x0", "y0", "x1", "y1")))
    assert matches.pred.tolist() == matches.true.tolist() == [0, 1]
    assert (matches.iou > 0.8).all()


def test_a_table_without_sources_has_the_columns(tmp_path):
    posterior = replace(drawn(SKY), samples=np.abs(np.random.default_rng(0).standard_cauchy((12, *SHAPE))))
    write_table(tmp_path / "none.ecsv", catalogue(posterior), {"seed": 1})
    table = read_table(tmp_path / "none.ecsv")
    assert len(table) == 0
    assert table.colnames == [one.name for one in COLUMNS]


def test_flux_agrees_with_that_within_an_ellipse():
    posterior = drawn(SKY, spread=0.05)
    row = catalogue(posterior)[0]
    share = flux_within(posterior.samples, posterior.header, **ONE, factor=2.0).mean() / (1.0 - 2.0**-4)
    assert row["flux"] == pytest.approx(share, rel=0.05)


def test_nothing_is_looked_for_outside_of_the_primary_beam():
    y, x = np.indices(SHAPE)
    beam = np.hypot(x - ONE["x"], y - ONE["y"]) < 15
    (row,) = catalogue(drawn(SKY, spread=0.03, number=16), where=beam)
    assert (row["x"], row["y"]) == pytest.approx((ONE["x"], ONE["y"]), abs=0.1)
