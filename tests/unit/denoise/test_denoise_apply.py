"""From file to file: the same bytes over ranks, in little memory, with the header and the unit of the image."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from cubefocus.cli.provenance import read_provenance
from cubefocus.cube.scale import gaussian_area
from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.blocks import denoise_array
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.task import ResidualTask
from cubefocus.denoise.tiles import Tiling
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle

NOISE = 2.45e-6
SMALL = Tiling(176, 56)
MPIEXEC = "mpiexec --oversubscribe"
BEAM = {"BMAJ": 6 / 3600, "BMIN": 5 / 3600, "BPA": 20.0}


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    """Tests run in containers."""
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


@pytest.fixture
def image(sky_of, rng):
    made = (sky_of(150, 230, rng) + NOISE * rng.normal(size=(150, 230))).astype(np.float32)
    made[10:14, 20:30] = np.nan
    return made


def test_a_file_is_denoised_as_an_array_is(residual, image, image_file, tmp_path):
    path = image_file(image, CRVAL1=150.0, HISTORY="cleaned twice")
    denoise_image(residual, path, tmp_path / "out.fits", probability=tmp_path / "p.fits", tiling=SMALL)
    expected = denoise_array(residual, image, SMALL)
    with fits.open(tmp_path / "out.fits") as hdus, fits.open(tmp_path / "p.fits") as others:
        assert np.array_equal(hdus[0].data, expected["denoised"], equal_nan=True)
        assert np.array_equal(others[0].data, expected["probability"], equal_nan=True)
        assert (hdus[0].header["BUNIT"], hdus[0].header["CRVAL1"]) == ("Jy/arcsec2", 150.0)
        assert hdus[0].header["HISTORY"][0] == "cleaned twice"
        assert "BUNIT" not in others[0].header
    told = read_provenance(tmp_path / "out.fits")
    assert (told["network"], told["image"], told["model"]) == ("residual", "image.fits", residual.digest)
    assert {one.name for one in tmp_path.iterdir()} == {"image.fits", "out.fits", "p.fits"}


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("residual", [(1, None), (1, 3), (3, 2)]),
        pytest.param("residual", [(1, None), (2, None)], marks=pytest.mark.slow),
        pytest.param("autoencoder", [(1, None), (1, 3), (2, 7), (3, None)], marks=pytest.mark.slow),
    ],
)
def test_ranks_and_tiles_at_a_time_change_no_byte(name, choices, request, image, image_file, tmp_path):
    denoiser, path = request.getfixturevalue(name), image_file(image)
    tiling = SMALL if name == "residual" else None
    contents = []
    for ranks, batch in choices:
        out = tmp_path / f"{ranks}.fits"
        more = {"probability": tmp_path / "p.fits"} if name == "residual" else {}
        options = {"ranks": ranks, "batch": batch, "launcher": MPIEXEC, "tiling": tiling, "force": True}
        denoise_image(denoiser, path, out, **more, **options)
        contents.append([out.read_bytes(), *(one.read_bytes() for one in more.values())])
    assert all(one == contents[0] for one in contents)
    assert len(contents[0][0]) > image.nbytes


@pytest.mark.parametrize(
    ("unit", "per_jy", "cards"),
    [
        ("Jy/beam", gaussian_area(6, 5), BEAM),
        ("mJy/beam", 1e3 * gaussian_area(6, 5), BEAM),
        ("MJy/sr", 206264.806**2 / 1e6, {}),
    ],
)
def test_units_are_converted_both_ways(autoencoder, image, image_file, tmp_path, unit, per_jy, cards):
    denoise_image(autoencoder, image_file(image), tmp_path / "a.fits")
    other = image_file((image * per_jy).astype(np.float32), "other.fits", **{**cards, "BUNIT": unit})
    denoise_image(autoencoder, other, tmp_path / "b.fits")
    one, two = fits.getdata(tmp_path / "a.fits"), fits.getdata(tmp_path / "b.fits")
    assert np.allclose(two, one * per_jy, rtol=2e-3, atol=0, equal_nan=True)
    assert fits.getheader(tmp_path / "b.fits")["BUNIT"] == unit


def test_stored_in_another_way(autoencoder, image, image_file, tmp_path):
    """Double precision, scaled integers with blanks, axes of one pixel, an extension."""
    whole = np.round(np.nan_to_num(image, nan=0.0) / 1e-8).astype(np.int16)
    whole[np.isnan(image)] = -32768
    plain = np.where(np.isnan(image), np.nan, whole * 1e-8)
    path = image_file(plain.astype(np.float64))
    denoise_image(autoencoder, path, tmp_path / "plain.fits")
    hdu = fits.ImageHDU(whole[None, None], fits.Header({"BUNIT": "Jy/arcsec2", "BLANK": -32768}))
    hdu.header["BSCALE"] = 1e-8
    file = tmp_path / "integers.fits"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    with fits.open(file, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[1].header["BSCALE"] = 1e-8
    denoise_image(autoencoder, file, tmp_path / "out.fits")
    with fits.open(tmp_path / "out.fits") as hdus:
        assert hdus[0].data.shape == (1, 1, 150, 230)
        assert "BLANK" not in hdus[0].header
        assert np.array_equal(hdus[0].data[0, 0], fits.getdata(tmp_path / "plain.fits"), equal_nan=True)


def test_a_bundle_says_what_its_checkpoint_says(residual_file, image, tmp_path):
    bundle = Bundle.from_checkpoints({"residual": residual_file}, {}, study="lofar")
    bundle.save(tmp_path / "bundle")
    made = Denoiser.load(tmp_path / "bundle", "cpu")
    one, other = (denoise_array(each, image, SMALL) for each in (made, Denoiser.load(residual_file, "cpu")))
    assert all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)
    assert made.source == str(tmp_path / "bundle")
    assert made.digest


def test_a_network_in_memory_goes_to_no_other_rank(residual, image, image_file, tmp_path):
    alone = Denoiser(residual.model, residual.task, residual.normalisation, {})
    with pytest.raises(CubefocusError, match="in memory only cannot be given to other ranks; save it first"):
        denoise_image(alone, image_file(image), tmp_path / "out.fits", ranks=2)


def test_an_error_leaves_nothing(residual, autoencoder, image, image_file, tmp_path):
    path = image_file(image)
    with pytest.raises(CubefocusError, match="takes tiles of 32 x 32 px"):
        denoise_image(autoencoder, path, tmp_path / "out.fits", tiling=Tiling(64, 16))
    assert {one.name for one in tmp_path.iterdir()} == {"image.fits"}


# A dead process's half-written file: of this result, of another one, and one of a process that lives.
def test_leftovers_of_a_killed_run_are_removed(autoencoder, image, image_file, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f".{ended.pid}.out.fits", f".{ended.pid}.other.fits", f".{os.getppid()}.out.fits"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    denoise_image(autoencoder, image_file(image), tmp_path / "out.fits")
    assert {one.name for one in tmp_path.iterdir()} == {"image.fits", "out.fits", *names[1:]}


MEASURE = """
import json, resource, sys
from pathlib import Path
import numpy as np
from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.task import ResidualTask
from cubefocus.denoise.tiles import Tiling

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3

model, *images = sys.argv[1:]
denoiser, found = Denoiser.load(model, "cpu"), []
for image in images:
    denoise_image(denoiser, image, image + ".out.fits", tiling=Tiling(524, 6))
    found.append(peak())
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="looks at the peak of memory as Linux tells it")
def test_memory_does_not_grow_with_the_image(save_network, tmp_path):
    """4000 x 4000 pixels, 128 MB of doubles and 64 MB of results, take no more than a tenth of them does."""
    names = ["small.fits", "large.fits"]
    for name, n_y in zip(names, (400, 4000), strict=True):
        hdu = fits.PrimaryHDU(np.broadcast_to(1e-6, (n_y, 4000)), fits.Header({"BUNIT": "Jy/arcsec2"}))
        hdu.writeto(tmp_path / name)
    tiny = save_network(ResidualTask(), {"widths": [2], "scale": NOISE, "output_bias": 0.0}, tmp_path / "tiny.pt")
    arguments = [str(tiny), *(str(tmp_path / name) for name in names)]
    done = subprocess.run([sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True)
    small, large = json.loads(done.stdout)
    assert large - small < 30, f"{small:.0f} MB and {large:.0f} MB"
