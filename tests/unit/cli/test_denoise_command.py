"""``cubefocus denoise``: what it makes, and one clear line for each thing that it cannot use."""

import gzip

import numpy as np
import pytest
import torch
from astropy.io import fits

from cubefocus.cli.main import main
from cubefocus.denoise.task import AutoencoderTask
from cubefocus.learn import checkpoint
from cubefocus.networks import Autoencoder

ARGUMENTS = {"tile": 16, "maps": [2, 2], "neurons": 4, "kernel": 3, "output_bias": 0.2}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where an image and a network are: the working directory."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    task = AutoencoderTask()
    described = {"task": task.name, "network": task.network, "arguments": ARGUMENTS, "best": {}, "provenance": {}}
    described |= {"normalisation": task.normalisation({}), "settings": {}, "epoch": 0, "seed": 0}
    checkpoint.save("model.pt", {**described, "model": Autoencoder(**ARGUMENTS).state_dict()})
    write("image.fits", np.random.default_rng(0).normal(size=(30, 40)) * 1e-5)
    return tmp_path


def write(name, data, **cards):
    header = fits.Header({"BUNIT": "Jy/arcsec2", **cards})
    fits.PrimaryHDU(data, fits.Header([card for card in header.cards if card.value != ""])).writeto(name)


def refusal(capsys, *arguments):
    assert main(["denoise", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


RUN = ["image.fits", "-o", "out.fits", "--model", "model.pt", "--device", "cpu"]


def test_an_image_is_denoised_and_says_how(folder, capsys):
    assert main(["denoise", *RUN]) == 0
    with fits.open("out.fits") as hdus:
        assert hdus[0].data.shape == (30, 40)
        assert hdus[0].header["BUNIT"] == "Jy/arcsec2"
    assert main(["provenance", "out.fits"]) == 0
    told = capsys.readouterr().out
    assert all(one in told for one in ("autoencoder", "image.fits", "tile"))
    assert {one.name for one in folder.iterdir()} == {"image.fits", "model.pt", "out.fits"}


def test_an_image_in_jy_per_beam_comes_back_so(folder):
    write("beam.fits", np.full((20, 20), 1e-4), BUNIT="JY/BEAM", BMAJ=6 / 3600, BMIN=6 / 3600, BPA=0.0)
    assert main(["denoise", "beam.fits", *RUN[1:]]) == 0
    assert fits.getheader("out.fits")["BUNIT"] == "JY/BEAM"


def test_results_are_replaced_on_request_only(folder, capsys):
    assert main(["denoise", *RUN]) == 0
    whole = (folder / "out.fits").read_bytes()
    (folder / "out.fits").write_bytes(b"older")
    assert "out.fits: exists already; name another file or add --force" in refusal(capsys, *RUN)
    assert (folder / "out.fits").read_bytes() == b"older"
    assert main(["denoise", *RUN, "--force"]) == 0
    assert (folder / "out.fits").read_bytes() == whole


@pytest.mark.parametrize(
    ("shape", "cards", "said"),
    [
        ((3, 20, 20), {}, "is a cube of 20 x 20 x 3 pixels and no image; give one channel"),
        ((20,), {}, "holds 20 values in a row and no image"),
        ((20, 20), {"BUNIT": ""}, r"has no unit (BUNIT); add it, Jy/arcsec2 or Jy/beam"),
        ((20, 20), {"BUNIT": "K"}, "is in K, which is no flux density in an area; convert it"),
        ((20, 20), {"BUNIT": "furlong"}, "BUNIT is 'furlong', which cannot be read"),
        ((20, 20), {"BUNIT": "Jy/beam"}, "is in Jy/beam and has no beam (BMAJ, BMIN)"),
        ((20, 20), {"BUNIT": "Jy/beam", "BMAJ": 0.0, "BMIN": 0.0}, "is in Jy/beam and has no beam (BMAJ, BMIN)"),
    ],
)
def test_images_that_cannot_be_used(folder, capsys, shape, cards, said):
    write("odd.fits", np.zeros(shape), **cards)
    message = refusal(capsys, "odd.fits", *RUN[1:])
    assert message.startswith("cubefocus denoise: error: odd.fits: ")
    assert said in message
    assert not (folder / "out.fits").exists()


def test_files_that_are_no_whole_image(folder, capsys):
    assert "no.fits: no such file; check the path" in refusal(capsys, "no.fits", *RUN[1:])
    assert "is a folder" in refusal(capsys, str(folder), *RUN[1:])
    content = (folder / "image.fits").read_bytes()
    (folder / "cut.fits").write_bytes(content[:4000])
    assert "cut.fits: truncated, 4000 bytes of" in refusal(capsys, "cut.fits", *RUN[1:])
    (folder / "text.fits").write_text("no image")
    assert "text.fits: not a readable FITS file" in refusal(capsys, "text.fits", *RUN[1:])
    (folder / "zipped.fits").write_bytes(gzip.compress(content))
    assert "zipped.fits: is compressed" in refusal(capsys, "zipped.fits", *RUN[1:])
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((20, 20)))]).writeto("packed.fits")
    assert "packed.fits: is compressed" in refusal(capsys, "packed.fits", *RUN[1:])
    fits.PrimaryHDU().writeto("empty.fits")
    assert "empty.fits: holds no image" in refusal(capsys, "empty.fits", *RUN[1:])


def test_options_that_cannot_be(folder, capsys):
    assert "--ranks is 0; give a whole number" in refusal(capsys, *RUN, "--ranks", "0")
    assert "device is 'tpu'" in refusal(capsys, *RUN[:-1], "tpu")
    assert "out.png: name the output something.fits" in refusal(capsys, "image.fits", "-o", "out.png", *RUN[3:])
    assert "image.fits: is the image itself" in refusal(capsys, "image.fits", "-o", "image.fits", *RUN[3:], "--force")
    (folder / "there.fits").mkdir()
    assert "there.fits: is a folder" in refusal(capsys, "image.fits", "-o", "there.fits", *RUN[3:])
    assert "'autoencoder' tells no probability" in refusal(capsys, *RUN, "--probability", "p.fits")
    assert "name two files" in refusal(capsys, *RUN, "--probability", "out.fits")
    assert "launcher 'no-such' is not there" in refusal(capsys, *RUN, "--ranks", "2", "--launcher", "no-such")


def test_networks_that_cannot_be_used(folder, capsys, monkeypatch):
    other = ["image.fits", "-o", "out.fits", "--model"]
    assert "no.pt: no such bundle" in refusal(capsys, *other, "no.pt")
    assert "image.fits: truncated, damaged or not a checkpoint" in refusal(capsys, *other, "image.fits")
    state = checkpoint.load("model.pt")
    checkpoint.save("gru.pt", {**state, "task": "deep_gru"})
    assert "gru.pt: holds the network 'deep_gru', which does not denoise" in refusal(capsys, *other, "gru.pt")
    assert "general: holds proposer, which does not denoise" in refusal(capsys, *other, "general")
    monkeypatch.setattr("cubefocus.learn.shipped.shipped", dict)
    assert "no denoiser comes with this version" in refusal(capsys, *other[:-1])
