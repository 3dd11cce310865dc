"""Scores over images and methods, from rows made by hand, and seams of small networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.denoise import metrics
from cubefocus.denoise.methods import label_of
from cubefocus.denoise.scores import CELL, found_by_snr, named, of, pooled, reference_fields, separations
from cubefocus.denoise.seams import largest_seam, other_tiling
from cubefocus.report.tables.denoised import by_snr_table, denoised_table, fields_table, mean_of, times_table
from cubefocus.specs import denoisers_of

N = len(metrics.SNR_BINS) - 1
METHODS = ("sky", "none", "gaussian", "fft", "autoencoder", "residual")


def row(dataset, method, image, **values):
    """What a row has, the same for all but for some values."""
    usual = {"sky_peak": 1e-5, "bright_snr": 1.0, "relative_error": 0.5, "relative_error_faint": 1.0, "mse": 0.1}
    usual |= {"discrepancy": 0.2, "correlation_0": 0.5, "correlation": 0.4, "dimming": 0.3, "completeness": 0.5}
    usual |= {"purity": 0.5, "completeness_by_snr": np.full(N, 0.5), "purity_by_snr": np.full(N, math.nan)}
    usual |= {"emission_by_snr": np.full(N, 10), "chosen_by_snr": np.zeros(N, int), "correlations": np.ones(5)}
    return {"dataset": dataset, "method": method, "image": image, **usual, **values}


@pytest.fixture
def scores():
    peaks = {3: 2e-2, 4: 8e-4, 5: 1.1e-5, 6: 1e-7}
    rows = [row(dataset, method, image, sky_peak=peak, bright_snr=peak / 2e-6, relative_error=0.1 * image)
            for dataset in ("identity", "noise") for method in METHODS for image, peak in peaks.items()]  # fmt: skip
    return Table(rows, meta={CELL: 100.0})


def test_networks_of_other_datasets_are_tried_where_both_are_in_the_run():
    own = {"autoencoder": ("autoencoder", "clean"), "residual": ("residual", "clean")}
    assert denoisers_of("clean", ("autoencoder", "residual"), ("identity", "dirty", "clean")) == own
    both = denoisers_of("clean", ("autoencoder", "residual"), ("identity", "noise", "clean"))
    assert both == own | {f"{name} (noise)": (name, "noise") for name in ("autoencoder", "residual")}
    assert list(denoisers_of("noise", ("residual",), ("identity", "noise", "clean"))) == ["residual"]


def test_methods_have_names_for_readers():
    assert label_of("residual (noise)") == "residual network (trained on noise)"
    assert (label_of("fft"), label_of("none"), label_of("another_one")) == ("FFT filter", "not denoised", "another one")


def test_reference_fields_are_like_those_of_the_paper_whatever_the_order(scores):
    assert reference_fields(scores) == {"cluster": 4, "group": 5}
    assert reference_fields(scores[::-1]) == {"cluster": 4, "group": 5}
    assert reference_fields(of(scores, image=3)) == {"cluster": 3, "group": 3}


def test_shares_of_several_images_are_those_of_all_their_pixels(rng):
    counts = rng.integers(1, 100, (3, 5))
    found = rng.binomial(counts, 0.4)
    shares = np.where(counts > 0, found / counts, np.nan)
    counts[1, 2], shares[1, 2], found[1, 2] = 0, math.nan, 0
    counts[:, 4], shares[:, 4] = 0, math.nan
    together = pooled(shares, counts)
    assert np.allclose(together[:4], (found.sum(axis=0) / np.maximum(counts.sum(axis=0), 1))[:4])
    assert math.isnan(together[4])


def test_completeness_of_two_halves_is_that_of_the_whole(rng):
    noise = 2.45e-6
    sky = 10 ** rng.uniform(-8, -5, (16, 32))
    image = sky * rng.uniform(0.5, 2.0, sky.shape)
    mask = rng.random(sky.shape) < 0.6
    whole = metrics.segmentation(sky, image, mask, noise)
    halves = [metrics.segmentation(*(each[:, part] for each in (sky, image, mask)), noise)
              for part in (slice(0, 11), slice(11, 32))]  # fmt: skip
    names = {"completeness": "emission", "purity": "chosen"}
    rows = [row("noise", "fft", number) | {f"{name}_by_snr": getattr(half, name) for name in names}
            | {f"{name}_by_snr": getattr(half, name) for name in names.values()}
            for number, half in enumerate(halves)]  # fmt: skip
    found = found_by_snr(Table(rows))
    for name in names:
        assert np.allclose(found[name], getattr(whole, name), equal_nan=True)


def test_the_brightest_pixels_are_the_brightest(rng):
    sky = rng.permutation(np.arange(2000.0))
    assert sorted(sky[metrics.brightest(sky, 0.002)]) == [1996, 1997, 1998, 1999]
    assert metrics.brightest_flux(np.append(sky, np.nan), 0.002) == 1997.5
    assert math.isnan(metrics.brightest_flux(np.full(3, np.nan)))
    image = sky.copy()
    image[sky >= 1996] *= 0.75
    assert metrics.dimming(sky, image, 0.002) == pytest.approx(0.25)


def test_seams_are_those_of_the_tiles(autoencoder, residual, rng):
    image = (2.45e-6 * rng.normal(size=(50, 70))).astype(np.float32)
    assert largest_seam(autoencoder, image) > 0
    assert math.isnan(largest_seam(residual, image)), "one tile has no border"
    for one in (autoencoder, residual):
        usual, other = one.tiling, other_tiling(one)
        assert other.tile == usual.tile
        assert other.borders(4 * usual.keep)[0] not in usual.borders(4 * usual.keep)
    assert other_tiling(residual).margin % residual.model.step == 0
    assert other_tiling(residual).keep % residual.model.step == 0


def test_a_network_that_sees_each_pixel_alone_has_no_seams(residual, monkeypatch, rng):
    image = (2.45e-6 * rng.normal(size=(40, 1100))).astype(np.float32)
    monkeypatch.setattr(
        type(residual), "says", lambda self, tiles, scale: {"denoised": 2 * tiles, "probability": tiles}
    )
    assert largest_seam(residual, image) == 0


def test_the_table_has_means_published_figures_and_dimming_of_bright_fields(scores):
    scores["dimming"] = np.where(np.asarray(scores["image"]) == 6, 5.0, 0.1)
    seams = Table([{"dataset": "noise", "method": "residual", "image": 3, "seam": 0.25}])
    table = denoised_table(scores, seams)
    rows = {(str(one["dataset"]), str(one["method"]), str(one["source"])): one for one in table}
    assert len(table) == 2 * (len(METHODS) - 1) + 1
    ours = rows["noise", "FFT filter", "this run"]
    assert ours["relative_error"] == pytest.approx(0.45)
    assert ours["relative_error_std"] == pytest.approx(np.std([0.3, 0.4, 0.5, 0.6], ddof=1))
    assert math.isnan(ours["seam"])
    printed = rows["identity", "autoencoder", "published GV22"]
    assert (printed["relative_error"], printed["relative_error_std"]) == (0.159, 0.039)
    assert math.isnan(printed["mse"])
    one = rows["noise", "residual network", "this run"]
    assert (one["dimming"], one["n_bright"], one["seam"]) == (pytest.approx(0.1), 3, 0.25)
    described = [name for name in table.colnames if name != "method" and not name.endswith("_std")]
    assert all(table[name].info.description for name in described)


def test_a_network_must_beat_each_filter_and_the_image_in_each_field(scores):
    cluster = np.asarray(scores["image"]) == 4
    scores["correlation"][cluster & (np.asarray(scores["method"]) == "residual")] = 0.45
    scores["correlation"][cluster & (np.asarray(scores["method"]) == "none")] = 0.42
    scores["correlation"][cluster & (np.asarray(scores["method"]) == "autoencoder")] = 0.41
    above = {(str(one["field"]), str(one["method"])): str(one["above_filters"]) for one in fields_table(scores)}
    assert above["cluster", "residual network"] == "yes"
    assert above["cluster", "autoencoder"] == above["group", "residual network"] == "no"
    assert above["cluster", "sky"] == above["cluster", "Gaussian filter"] == ""


def test_the_offset_is_from_the_skys_own_curve(scores):
    curves = np.asarray(scores["correlations"]).copy()
    curves[np.asarray(scores["method"]) == "fft"] = [0.5, 0.5, 1.0, 1.0, 1.0]
    scores["correlations"] = curves
    offsets = {str(one["method"]): one["correlation_offset"] for one in fields_table(scores)}
    assert separations(scores).tolist() == [0, 100, 200, 300, 400]
    assert offsets["FFT filter"] == pytest.approx(0.2)
    assert offsets["sky"] == offsets["autoencoder"] == 0


def test_tables_by_snr_have_a_column_a_bin(scores):
    table = by_snr_table(scores, "completeness")
    assert len(table.colnames) == 2 + N
    assert set(table["1 to 1.8"]) == {0.5}
    assert np.isnan(np.asarray(by_snr_table(scores, "purity")["1 to 1.8"])).all()
    assert named(table, "method") == [label_of(method) for method in METHODS[1:]]


def test_times_are_medians_in_proportion_to_pixels():
    rows = [{"method": "residual", "pixels": pixels, "tile": 768, "tiles": 4, "threads": 2, "seconds": 2e-6 * pixels,
             "cpu_seconds": 4e-6 * pixels, "hardware": "one, 2 cores", "image": 1, "trained_on": "noise"}
            for pixels in (10**6, 10**6, 4 * 10**6)]  # fmt: skip
    ours, *printed = times_table(Table(rows))
    assert (ours["per_image"], ours["per_megapixel"], ours["cpu_per_megapixel"], ours["per_tile"]) == (2, 2, 4, 500)
    assert [(one["per_image"], one["per_megapixel"]) for one in printed] == [(0.31, 0.31 / 4), (0.131, 0.131 / 4)]
    assert printed[1]["per_tile"] == pytest.approx(0.512)


def test_what_has_no_value_counts_in_no_mean():
    assert mean_of([1.0, np.nan, 3.0]) == (2.0, pytest.approx(math.sqrt(2)))
    assert np.isnan(mean_of([np.nan])).all()
    assert mean_of([4.0])[0] == 4.0
    assert math.isnan(mean_of([4.0])[1])
