"""The table of how alike the networks' maps and the sky are."""

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.report import published
from cubefocus.report.render import latex_text, markdown_text
from cubefocus.report.similarity import map_similarity
from cubefocus.report.tables.similarity import similarity_table
from cubefocus.settings import EvaluationSettings

SETTINGS = EvaluationSettings(bootstrap=200)


def sky(n=6, size=40):
    rows, columns = np.mgrid[:size, :size]
    rng = np.random.default_rng(0)
    places = rng.uniform(12, size - 12, (n, 2))
    peaks = rng.uniform(2e-3, 5e-3, n)  # Jy/pixel
    return {cube: peak * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18.0) for cube, ((x, y), peak) in
            enumerate(zip(places, peaks, strict=True))}  # fmt: skip


def blurred(images, rms):
    rng = np.random.default_rng(1)
    return {
        cube: np.clip(image / image.max() + rng.uniform(0, 2 * rms) * rng.normal(size=image.shape), 0, 1)
        for cube, image in images.items()
    }


def rows_of(table, source="this run"):
    return {row["method"]: row for row in table if row["source"] == source}


def test_means_over_cubes_with_intervals_around_them():
    images = sky()
    maps = {"blobs_finder": {cube: image / image.max() for cube, image in images.items()}, "unet": blurred(images, 0.1)}
    table = similarity_table(maps, images, SETTINGS)
    ours = rows_of(table)
    assert ours["blobs_finder"]["n_cubes"] == 6
    assert ours["blobs_finder"]["mean_ssim"] == pytest.approx(1.0, abs=1e-4)
    stacked = np.stack([maps["unet"][cube] for cube in images]), np.stack([images[c] / images[c].max() for c in images])
    row, wanted = ours["unet"], map_similarity(*stacked)
    assert row["mean_ssim"] == pytest.approx(wanted.mean_ssim, abs=1e-4)
    assert row["mean_dssim"] == pytest.approx((1 - row["mean_ssim"]) / 2)
    assert row["mean_ssim_lo"] < row["mean_ssim"] < row["mean_ssim_hi"]
    assert row["mean_dssim_lo"] == pytest.approx((1 - row["mean_ssim_hi"]) / 2)
    half = (row["mean_ssim_hi"] - row["mean_ssim_lo"]) / 2
    assert half == pytest.approx(wanted.ssim.std() / np.sqrt(6), rel=0.3)


def test_an_interval_does_not_depend_on_the_other_rows():
    images = sky()
    maps = {"unet": blurred(images, 0.1)}
    alone = rows_of(similarity_table(maps, images, SETTINGS, seed=3))["unet"]
    beside = rows_of(similarity_table({"a": blurred(images, 0.2), **maps}, images, SETTINGS, seed=3))["unet"]
    assert alone["mean_ssim_lo"] == beside["mean_ssim_lo"]


def test_published_rows_stand_below_ours_with_a_word_on_what_was_printed():
    images = sky()
    table = similarity_table({"decoras": blurred(images, 0.1)}, images, SETTINGS)
    order = [(row["method"], row["source"]) for row in table]
    assert order == [("decoras", "this run"), ("decoras", published.MNRAS), ("blobs_finder", published.MNRAS)]
    row = rows_of(table, published.MNRAS)["decoras"]
    assert (row["mean_dssim"], row["n_cubes"]) == (0.008, 1000)
    assert np.isnan(row["mean_ssim"])
    assert "printed as mean SSIM" in row["note"]
    assert "0.0080" in markdown_text(table)
    assert "tab:similarity" in latex_text(table)


def test_the_part_that_no_network_saw_is_left_out():
    images = {0: np.pad(sky(1)[0], 20)}
    images[0][2, 2] = 1.0  # far brighter than the source, and outside
    seen = images[0][20:60, 20:60]
    noisy = np.pad(blurred({0: seen}, 0.1)[0], 20)
    row = rows_of(similarity_table({"unet": {0: noisy}}, images, SETTINGS, size=40))["unet"]
    wanted = map_similarity(noisy[None, 20:60, 20:60], seen[None] / seen.max()).mean_ssim
    assert row["mean_ssim"] == pytest.approx(wanted, abs=1e-4)
    assert rows_of(similarity_table({"unet": {0: noisy}}, images, SETTINGS))["unet"]["mean_ssim"] > wanted + 0.05
    assert np.isnan(row["mean_ssim_lo"])  # one cube shows no scatter
    whole, smaller = (similarity_table({"unet": {0: noisy}}, images, SETTINGS, size=one) for one in (80, 81))
    assert whole["mean_ssim"][0] == smaller["mean_ssim"][0]


def test_no_cubes_missing_maps_and_sky_without_data():
    table = similarity_table({"unet": {}}, {}, SETTINGS)
    assert rows_of(table)["unet"]["note"] == "no cubes"
    assert np.isnan(table["mean_dssim"][0])
    images = sky(2)
    with pytest.raises(CubefocusError, match="unet has no map of cube 1"):
        similarity_table({"unet": {0: images[0]}}, images, SETTINGS)
    images[0][:3] = np.nan
    maps = {cube: np.nan_to_num(image / np.nanmax(image)) for cube, image in images.items()}
    assert rows_of(similarity_table({"unet": maps}, images, SETTINGS))["unet"]["mean_ssim"] > 0.999
