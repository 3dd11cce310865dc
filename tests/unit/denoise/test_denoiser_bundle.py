"""The bundle of a run's residual networks: which is taken for an image, what it says, and of what it warns."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import gaussian_filter

from cubefocus.cli.main import main
from cubefocus.cli.models_told import listed
from cubefocus.cli.provenance import read_provenance
from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.folder import image_path
from cubefocus.denoise.image import open_image
from cubefocus.denoise.known import APART, Known, name_of, noise_in
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.skyfits import sky_header, write_sky
from cubefocus.denoise.task import AutoencoderTask, ResidualTask
from cubefocus.errors import CubefocusError
from cubefocus.jobs.bundle_denoiser import SCORES, BundleDenoiser, run
from cubefocus.learn import checkpoint, shipped
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.shipped import CARD, size_of
from cubefocus.report.render import csv_text
from cubefocus.settings import LofarStudySettings

NOISE, CELL = 2.45e-6, 2.0
CONFIG = LofarStudySettings.from_mapping({"images": {"size": 64}, "observation": {"integration_s": 1800.0}}).to_dict()
KINDS = ("noise", "clean")


def noisy(shape, seed=0, rms=NOISE):
    return (rms * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """What a run leaves: networks of the default size, images, and a table with a row of a dataset that has none."""
    folder = tmp_path_factory.mktemp("run")
    task = ResidualTask()
    for number, kind in enumerate(KINDS):
        arguments = {"widths": [*task.widths], "scale": NOISE, "output_bias": -1.0}
        described = {"task": task.name, "network": task.network, "arguments": arguments, "best": {}, "seed": number}
        described |= {"normalisation": task.normalisation({}), "settings": {"epochs": 20}, "epoch": 7 + number}
        model = checkpoint.build(task.network, arguments)
        described |= {"provenance": {"code": "some code"}, "model": model.state_dict()}
        checkpoint.save(folder / f"{kind}.pt", described)
        for image in range(3):
            write_sky(image_path(folder / kind, image), noisy((64, 64), image, (1 + number) * NOISE), CELL, {})
    rows = [{"dataset": dataset, "method": "residual", "images": 3, **{f"{one}{end}": 0.125 for one in SCORES
             for end in ("", "_std")}} for dataset in ("identity", *KINDS)]  # fmt: skip
    (folder / "denoised.csv").write_text(csv_text(Table(rows)))
    return BundleDenoiser(
        {kind: str(folder / f"{kind}.pt") for kind in KINDS}, {kind: str(folder / kind) for kind in KINDS},
        str(folder / "denoised.csv"), CONFIG["images"], CONFIG["observation"], True, 5, str(folder / "bundle"),
        {"experiment": "small", "seed": 5},
    )  # fmt: skip


@pytest.fixture(scope="module")
def bundle(job):
    run(job)
    return job.bundle


@pytest.fixture
def image(tmp_path):
    """Writes an image of noise."""

    def write(rms=NOISE, cell=CELL, name="image.fits", beam=None):
        header = sky_header((80, 90), cell)
        if beam:
            header.update({"BMAJ": beam / 3600, "BMIN": beam / 3600, "BPA": 0.0})
        fits.PrimaryHDU(noisy((80, 90), 3, rms), header).writeto(tmp_path / name, overwrite=True)
        return tmp_path / name

    return write


def test_it_is_small_and_whole_and_says_what_it_learnt_from(bundle):
    made = Bundle.load(bundle)
    assert size_of(Path(bundle)) < 2e6
    assert (made.study, [*made.networks], made.ranges) == (
        "lofar", ["residual_clean", "residual_noise"], {"cell_arcsec": (CELL, CELL)},
    )  # fmt: skip
    assert made.provenance == {"experiment": "small", "seed": 5}
    assert made.detection["residual_noise"]["noise_jy_arcsec2"] == pytest.approx(NOISE, rel=0.05)
    assert made.detection["residual_noise"]["beam_arcsec"] is None
    assert made.detection["residual_clean"]["noise_jy_arcsec2"] == pytest.approx(2 * NOISE, rel=0.05)
    assert made.detection["residual_clean"]["beam_arcsec"] == CONFIG["observation"]["beam_arcsec"]


def test_the_card_has_the_training_and_what_was_measured_for_its_kinds_alone(bundle, job):
    card = (Path(bundle) / CARD).read_text()
    images = CONFIG["images"]
    assert f"{images['train']} mock skies of the cosmic web of 64 x 64 px" in card
    assert "seed 5" in card
    assert "`clean`: epoch 8 of 20, the one of the lowest validation loss; some code" in card
    assert card.count("| residual | 0.125 ± 0.12") == 2
    assert "| identity |" not in card
    assert "without radio galaxies" in card


def test_own_skies_are_not_called_simulated(job, tmp_path):
    run(replace(job, simulated=False, bundle=str(tmp_path / "bundle")))
    card = (tmp_path / "bundle" / CARD).read_text()
    assert "mock skies" not in card
    assert "those of a user" in card


def test_that_for_clean_images_is_taken_unless_another_is_asked_for(bundle, caplog):
    with caplog.at_level("INFO", logger="cubefocus"):
        assert Denoiser.load(bundle, "cpu").name == "residual_clean"
    assert f"{bundle}: the network for 'clean' images, of those for noise, clean" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", logger="cubefocus"):
        taken = Denoiser.load(bundle, "cpu", "noise")
    assert (taken.name, taken.kind, taken.task.name) == ("residual_noise", "noise", "residual")
    assert not caplog.text
    assert taken.known == Known(CELL, pytest.approx(NOISE, rel=0.05), None)


def test_without_one_for_clean_images_it_is_the_first_of_the_kinds(job, tmp_path):
    paths = {name_of("residual", kind): job.models["noise"] for kind in ("dirty", "noise")}
    Bundle.from_checkpoints(paths, {}, dict.fromkeys(paths, "residual"), study="lofar").save(tmp_path / "b")
    taken = Denoiser.load(tmp_path / "b", "cpu")
    assert taken.kind == "noise"
    assert taken.known is None, "it does not say what it learnt from"


def test_kinds_that_are_not_there_are_refused(bundle, job, tmp_path, save_network):
    with pytest.raises(
        CubefocusError, match="no network for images of the kind 'dirty'; it has those for noise, clean"
    ):
        Denoiser.load(bundle, "cpu", "dirty")
    with pytest.raises(CubefocusError, match=r"noise.pt: is a checkpoint, which has one network for all images"):
        Denoiser.load(job.models["noise"], "cpu", "noise")
    Bundle.from_checkpoints({"residual": job.models["noise"]}, {}, study="lofar").save(tmp_path / "one")
    with pytest.raises(CubefocusError, match="it has one for all images, so leave out the kind"):
        Denoiser.load(tmp_path / "one", "cpu", "noise")
    arguments = {"tile": 32, "maps": [2, 2], "neurons": 4, "kernel": 3, "output_bias": 0.2}
    other = save_network(AutoencoderTask(), arguments, tmp_path / "a.pt")
    with pytest.raises(CubefocusError, match="holds the network 'autoencoder', not residual"):
        Bundle.from_checkpoints({"residual_noise": other}, {}, {"residual_noise": "residual"})


def test_the_command_denoises_with_what_is_shipped_and_says_so(bundle, image, tmp_path, monkeypatch, capsys, caplog):
    monkeypatch.setattr(shipped, "shipped", lambda: {"lofar": Path(bundle)})
    monkeypatch.setattr("cubefocus.cli.models_told.shipped", lambda: {"lofar": Path(bundle)})
    out, path = tmp_path / "out.fits", str(image())
    with caplog.at_level("INFO", logger="cubefocus"):
        assert main(["denoise", path, "-o", str(out), "--device", "cpu"]) == 0
    assert "the network for 'clean' images" in caplog.text
    assert read_provenance(out)["network"] == "residual_clean"
    assert main(["denoise", path, "-o", str(out), "--device", "cpu", "--force", "--kind", "noise"]) == 0
    assert read_provenance(out)["network"] == "residual_noise"
    assert main(["denoise", path, "-o", str(tmp_path / "no.fits"), "--device", "cpu", "--kind", "dirty"]) == 1
    assert "'dirty'; it has those for noise, clean" in capsys.readouterr().err
    assert not (tmp_path / "no.fits").exists()
    (line,) = listed()
    assert line.startswith("lofar  residual_clean, residual_noise  ")
    assert "for `cubefocus denoise`" in line


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, None),
        ({"rms": 1.7 * NOISE, "cell": 1.2 * CELL}, None),
        ({"rms": 4 * NOISE}, r"noise of (9\.\d|10?)e-0\d Jy/arcsec2 and not of 2\."),
        ({"rms": 0.3 * NOISE}, r"noise of 7\.\de-07 Jy/arcsec2 and not of 2\."),
        ({"cell": 1.5}, "pixels of 1.5 arcsec and not of 2"),
        ({"cell": 6.0}, "pixels of 6 arcsec and not of 2"),
    ],
)
def test_an_image_unlike_the_training_is_denoised_with_one_warning(bundle, image, tmp_path, caplog, values, said):
    denoise_image(Denoiser.load(bundle, "cpu", "noise"), image(**values), tmp_path / "out.fits")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (said is not None)
    assert not said or re.search(said, warnings[0])
    assert (tmp_path / "out.fits").is_file()


def test_beam_and_noise_are_compared_with_those_of_clean_images(bundle, image):
    known = Denoiser.load(bundle, "cpu").known
    assert [*known.unlike(open_image(image(2 * NOISE, beam=6.5)))] == []
    (told,) = known.unlike(open_image(image(2 * NOISE, beam=12.0)))
    assert told == "a beam of 12 arcsec and not of 6"


def test_what_a_header_does_not_say_is_not_compared(image_file, bundle):
    known = Denoiser.load(bundle, "cpu", "noise").known
    assert [*known.unlike(open_image(image_file(noisy((40, 50)))))] == []
    odd = image_file(noisy((40, 50)), "odd.fits", CTYPE1="RA---QQQ", CTYPE2="DEC--QQQ")
    (told,) = known.unlike(open_image(odd))
    assert told.startswith("the size of its pixels is not known (")


def test_noise_is_measured_whatever_the_image_holds(image_file, sky_of, rng):
    """Behind a beam, with sources, blanks, and an edge of zeros; in a large image in strips."""
    shape = (900, 700)
    sky = sky_of(*shape, rng, 20) + np.linspace(0.0, 1e-3, shape[1], dtype=np.float32)
    plain = noisy(shape, 4)
    plain[:, :100] = np.nan
    plain[:, 600:] = 0.0
    sky[:, 600:] = 0.0
    assert noise_in(open_image(image_file(plain + sky))) == pytest.approx(NOISE, rel=0.03)
    smooth = gaussian_filter(noisy(shape, 5), 1.3)
    assert noise_in(open_image(image_file(smooth, "smooth.fits"))) == pytest.approx(smooth.std(), rel=0.1)
    assert noise_in(open_image(image_file(np.zeros((20, 20)), "zeros.fits"))) is None
    assert noise_in(open_image(image_file(noisy((20, 2 * APART)), "narrow.fits"))) is None


@pytest.mark.skipif("lofar" not in shipped.shipped(), reason="it is not shipped yet")
def test_what_is_shipped_is_small_and_can_be_used():
    folder = shipped.shipped()["lofar"]
    bundle = Bundle.load(folder)
    assert size_of(folder) < 4e6
    assert bundle.study == "lofar"
    for name in bundle.networks:
        denoiser = Denoiser.load(folder, "cpu", name.removeprefix("residual_"))
        assert denoiser.name == name
        assert denoiser.known is not None
    assert all(word in (folder / CARD).read_text() for word in ("trained on", "Valid ranges", "Measured", "Limits"))
