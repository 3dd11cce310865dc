"""What the rules of the denoising study do, one after the other, on skies of a few pixels."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.cli.provenance import read_provenance
from cubefocus.denoise.boxfile import write_emission
from cubefocus.denoise.compared import Compared
from cubefocus.denoise.folder import image_path, numbers_in, read_image, read_images
from cubefocus.denoise.images import beam_area
from cubefocus.denoise.scores import read_scores
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.jobs import (
    denoise,
    denoised_curves,
    denoised_maps,
    denoised_overview,
    denoised_table,
    denoised_times,
    observe,
    score_denoised,
    seams,
    skies,
    train_denoiser,
)
from cubefocus.settings import LofarStudySettings

SIZE, CELL = 64, 2.0
CONFIG = LofarStudySettings.from_mapping(
    {"observation": {"integration_s": 1800.0}, "residual": {"widths": [4, 6]}}
).to_dict()  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory, sheet):
    """A run: three skies with a cluster, what is seen of them, a network, and the test image denoised by it."""
    folder = tmp_path_factory.mktemp("run")
    write_emission(folder / "box.h5", sheet.emission, {})
    for split, images in (("train", [0, 3]), ("test", [6])):
        skies.run(skies.DrawSkies(images, [str(folder / "box.h5")], [], {"slices": 2, "redshift": 0.15}, SIZE, CELL, 1,
                                  str(folder / "skies" / split)))  # fmt: skip
        for dataset in ("noise", "dirty"):
            observe.run(observe.Observe(dataset, str(folder / "skies" / split), str(folder / dataset / split), CELL,
                                        CONFIG["observation"], 1))  # fmt: skip
    at = {name: {split: [str(folder / name / "train")] for split in ("train", "validation")}
          for name in ("skies", "noise")}  # fmt: skip
    train_denoiser.run(
        train_denoiser.TrainDenoiser("residual", at["noise"], at["skies"], str(folder / "residual.pt"), 32,
                                     CONFIG["residual"], {"epochs": 1, "batch_size": 4}, 1)
    )  # fmt: skip
    denoise.run(denoise.Denoise(str(folder / "residual.pt"), str(folder / "noise/test"), str(folder / "denoised"),
                                str(folder / "times.ecsv"), "noise"))  # fmt: skip
    return folder


def test_each_sky_has_a_seed_of_its_own_whatever_batch_it_is_in(place, tmp_path):
    again = skies.DrawSkies([3], [str(place / "box.h5")], [], {"slices": 2, "redshift": 0.15}, SIZE, CELL, 1,
                            str(tmp_path / "skies"))  # fmt: skip
    skies.run(again)
    first, second = (image for _, image in read_images([place / "skies/train"]))
    assert np.array_equal(read_image(image_path(tmp_path / "skies", 3)), second)
    assert not np.array_equal(first, second)


def test_noise_is_that_of_the_config(place):
    (_, sky), (_, seen) = (next(read_images([place / name / "test"])) for name in ("skies", "noise"))
    rms = 1e-4 / beam_area(6.0, 6.0)
    assert (seen - sky).std() == pytest.approx(rms, rel=0.05)


def test_dirty_images_show_the_sky(place):
    for (_, sky), (_, seen) in zip(
        *(read_images([place / name / "train"]) for name in ("skies", "dirty")), strict=True
    ):
        brightest = sky > np.quantile(sky, 0.99)
        assert seen[brightest].mean() > seen[~brightest].mean()


def test_own_skies_are_taken_as_they_are(place, tmp_path):
    own = image_path(place / "skies/test", 6)
    skies.run(
        skies.DrawSkies([5], [], [str(own)], {"slices": 2, "redshift": 0.15}, SIZE, CELL, 1, str(tmp_path / "own"))
    )
    assert np.array_equal(read_image(image_path(tmp_path / "own", 5)), read_image(own))
    assert "own" not in fits.getheader(image_path(tmp_path / "own", 5)).get("BUNIT")


def compared(place, denoised, dataset="noise"):
    return Compared(dataset, [str(place / "skies/test")], [str(place / dataset / "test")],
                    {name: [str(folder)] for name, folder in denoised.items()}, CELL,
                    CONFIG["evaluation"], CONFIG["observation"])  # fmt: skip


def scored(place, networks, path, dataset="noise"):
    score_denoised.run(score_denoised.ScoreDenoised(compared(place, networks, dataset), str(path)))
    return {str(row["method"]): row for row in read_table(path)}


def test_scores_of_the_sky_itself_are_perfect(place, tmp_path):
    rows = scored(place, {"residual": place / "skies/test"}, tmp_path / "scores.ecsv")
    assert list(rows) == ["sky", "none", "gaussian", "fft", "residual"]
    for name in ("sky", "residual"):
        row = rows[name]
        assert row["relative_error"] == row["dimming"] == row["discrepancy"] == row["mse"] == 0.0
        assert row["completeness"] == row["purity"] == 1.0
        assert row["correlation_0"] == pytest.approx(1.0)
        assert set(row["purity_by_snr"][np.isfinite(row["purity_by_snr"])]) == {1.0}
    assert rows["none"]["relative_error"] > 0.0
    assert rows["gaussian"]["dimming"] > abs(rows["none"]["dimming"]), "it blurs the brightest pixels"


def test_an_image_that_is_in_no_folder_is_refused(place):
    with pytest.raises(CubefocusError, match="no image 99; let Snakemake make the scores again"):
        next(compared(place, {}).made(99))


def test_tables_have_every_method_and_their_numbers(place, tmp_path):
    networks = {"residual": place / "denoised", "residual (noise)": place / "denoised"}
    scored(place, networks, tmp_path / "scores.ecsv")
    seams.run(seams.MeasureSeams("noise", "residual", str(place / "residual.pt"), str(place / "noise/test"),
                                 CONFIG["observation"], str(tmp_path / "seams.ecsv")))  # fmt: skip
    denoised_table.run(denoised_table.DenoisedTable([str(tmp_path / "scores.ecsv")] * 2,
                                                    [str(tmp_path / "seams.ecsv")], str(tmp_path)))  # fmt: skip
    with (tmp_path / "denoised.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    methods = ["not denoised", "Gaussian filter", "FFT filter", "residual network"]
    methods += [f"{methods[-1]} (trained on noise)"]
    assert [row["method"] for row in rows] == methods
    assert {float(row["images"]) for row in rows} == {2.0}
    assert {float(row["relative_error_std"]) for row in rows} == {0.0}, "twice the same image"
    for name in ("denoised", "denoised_fields", "denoised_completeness", "denoised_purity"):
        text = (tmp_path / f"{name}.md").read_text()
        assert all(f"| {method} |" in text for method in methods)
        assert read_provenance(tmp_path / f"{name}.csv") == {}


def test_seams_are_measured_in_the_brightest_image(place, tmp_path, autoencoder_file):
    for number, name in ((1, "noise"), (2, "skies")):
        path = image_path(tmp_path / "images", number)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(image_path(place / name / "train", 0 if number == 1 else 3))
    brightest = max((1, 2), key=lambda number: read_image(image_path(tmp_path / "images", number)).max())
    seams.run(seams.MeasureSeams("noise", "autoencoder", str(autoencoder_file), str(tmp_path / "images"),
                                 CONFIG["observation"], str(tmp_path / "seams.ecsv")))  # fmt: skip
    (row,) = read_table(tmp_path / "seams.ecsv")
    assert (row["dataset"], row["method"], row["image"]) == ("noise", "autoencoder", brightest)
    assert row["seam"] > 0


def test_the_time_of_an_image_is_measured_and_stands_beside_the_published_one(place, tmp_path):
    (row,) = read_table(place / "times.ecsv")
    assert (row["method"], row["trained_on"], row["image"], row["pixels"]) == ("residual", "noise", 6, SIZE**2)
    assert row["seconds"] > 0
    assert row["cpu_seconds"] > 0
    assert row["threads"] >= 1
    denoised_times.run(denoised_times.DenoisedTimes([str(place / "times.ecsv")], str(tmp_path / "times")))
    with (tmp_path / "times.csv").open() as lines:
        ours, *printed = csv.DictReader(lines)
    assert float(ours["per_image"]) == pytest.approx(row["seconds"], rel=1e-5)
    assert {float(one["per_image"]) for one in printed} == {0.31, 0.131}


def test_figures_are_drawn_of_all_datasets(place, tmp_path):
    paths = []
    for dataset in ("noise", "dirty"):
        paths.append(str(tmp_path / f"{dataset}.ecsv"))
        scored(place, {"residual": place / "denoised"}, paths[-1], dataset)
    denoised_curves.run(denoised_curves.DenoisedCurves(paths, str(tmp_path)))
    both = [compared(place, {"residual": place / "denoised"}, dataset) for dataset in ("noise", "dirty")]
    denoised_maps.run(denoised_maps.DenoisedMaps(both[0], paths, str(tmp_path / "maps")))
    denoised_overview.run(denoised_overview.DenoisedOverview(both, paths, str(tmp_path / "overview")))
    for name in ("denoised_histograms", "denoised_correlations", "denoised_snr", "maps", "overview"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_scores_of_images_of_several_sizes_are_not_mixed(place, tmp_path):
    table = read_table_of(place, tmp_path)
    table["correlations"] = np.asarray(table["correlations"])[:, :5]
    write_table(tmp_path / "other.ecsv", table, {})
    with pytest.raises(CubefocusError, match=r"other\.ecsv: is of images of another size than"):
        read_scores([tmp_path / "scores.ecsv", tmp_path / "other.ecsv"])


def read_table_of(place, folder):
    scored(place, {}, folder / "scores.ecsv")
    return read_table(folder / "scores.ecsv")


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(CubefocusError, match="holds no images"):
        numbers_in(tmp_path)
