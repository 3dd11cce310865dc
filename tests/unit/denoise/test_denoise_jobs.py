"""What the rules of the denoising study do, one after the other, on skies of a few pixels."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.denoise.boxfile import write_emission
from cubefocus.denoise.folder import image_path, numbers_in, read_image, read_images
from cubefocus.denoise.images import beam_area
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.jobs import (
    denoise,
    denoised_figure,
    denoised_table,
    observe,
    score_denoised,
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
    denoise.run(denoise.Denoise(str(folder / "residual.pt"), str(folder / "noise/test"), str(folder / "denoised")))
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


def scored(place, networks, path):
    score_denoised.run(
        score_denoised.ScoreDenoised("noise", str(place / "skies/test"), str(place / "noise/test"), networks, CELL,
                                     CONFIG["evaluation"], CONFIG["observation"], str(path))
    )  # fmt: skip
    return {str(row["method"]): row for row in read_table(path)}


def test_scores_of_the_sky_itself_are_perfect(place, tmp_path):
    rows = scored(place, {"residual": str(place / "skies/test")}, tmp_path / "scores.ecsv")
    assert list(rows) == ["none", "gaussian", "fft", "residual"]
    assert rows["residual"]["relative_error"] == rows["residual"]["dimming"] == rows["residual"]["discrepancy"] == 0.0
    assert rows["residual"]["completeness"] == rows["residual"]["purity"] == 1.0
    assert rows["residual"]["correlation"] == rows["residual"]["correlation_sky"]
    assert rows["none"]["relative_error"] > 0.0
    assert rows["gaussian"]["dimming"] > abs(rows["none"]["dimming"]), "it blurs the brightest pixels"


def test_table_and_figure_have_every_method(place, tmp_path):
    networks = {"residual": str(place / "denoised")}
    scored(place, networks, tmp_path / "scores.ecsv")
    denoised_table.run(denoised_table.DenoisedTable([str(tmp_path / "scores.ecsv")] * 2, str(tmp_path / "table.csv"),
                                                    str(tmp_path / "table.md")))  # fmt: skip
    table = read_table(tmp_path / "table.csv")
    assert list(table["method"]) == ["none", "gaussian", "fft", "residual"]
    assert set(table["images"]) == {2}
    assert (np.asarray(table["relative_error_std"]) == 0.0).all(), "twice the same image"
    assert (tmp_path / "table.md").read_text().count("\n| noise |") == 4
    denoised_figure.run(
        denoised_figure.DenoisedFigure(str(place / "skies/test"), str(place / "noise/test"), networks, CELL,
                                       CONFIG["evaluation"], CONFIG["observation"], str(tmp_path / "maps"))
    )  # fmt: skip
    assert (tmp_path / "maps.png").stat().st_size > 10_000


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(CubefocusError, match="holds no images"):
        numbers_in(tmp_path)
