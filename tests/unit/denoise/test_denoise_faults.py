"""What goes wrong around the denoiser: ranks that die, full disks, files that are cut off, no WSClean."""

from __future__ import annotations

import errno
import os
import subprocess

import numpy as np
import pytest

from cubefocus.cli.main import main
from cubefocus.denoise.apply import denoise_image
from cubefocus.denoise.compared import Compared
from cubefocus.denoise.folder import image_path, read_probability
from cubefocus.denoise.skyfits import write_sky
from cubefocus.errors import CubefocusError
from cubefocus.files import FULL
from cubefocus.jobs import denoise, observe, score_denoised, train_denoiser
from cubefocus.settings import LofarStudySettings

CELL = 2.0
CONFIG = LofarStudySettings.from_mapping({"observation": {"integration_s": 1800.0}}).to_dict()
MPIEXEC = "mpiexec --oversubscribe"

# Read by the Pythons of the ranks when they start: one that gets a second part dies there, as of too little memory.
DIE = """
import os, pathlib, signal
real, notes = pathlib.Path.write_text, []
def write_text(self, *arguments, **options):
    written = real(self, *arguments, **options)
    if self.suffix == ".at-work":
        notes.append(self)
        if len(notes) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return written
pathlib.Path.write_text = write_text
"""


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    """Tests run in containers."""
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


@pytest.fixture
def image(image_file, rng):
    """Of which the autoencoder of the tests makes four rows of tiles."""
    return image_file((1e-5 * rng.normal(size=(60, 50))).astype(np.float32))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of so many bytes."""
    mounted = []

    def make(size):
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=False)
        if done.returncode != 0:
            pytest.skip("only root can make a small disk, and not everywhere")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_rank_that_dies_is_one_error_and_leaves_nothing(autoencoder_file, image, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out" / "made.fits"
    run = ["denoise", str(image), "-o", str(out), "--model", str(autoencoder_file), "--device", "cpu"]
    (tmp_path / "die").mkdir()
    (tmp_path / "die" / "sitecustomize.py").write_text(DIE)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "die"), prepend=os.pathsep)
        assert main([*run, "--ranks", "2", "--launcher", MPIEXEC]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cubefocus denoise: error")]
    assert len(lines) == 1
    assert str(out) in lines[0]
    assert "rank 1 was at work on rows 16 to 32" in lines[0]
    assert [*out.parent.iterdir()] == []
    assert main(run) == 0
    assert [one.name for one in out.parent.iterdir()] == ["made.fits"]


def test_a_disk_that_fills_up_is_named_and_nothing_half_written_is_left(autoencoder, image, tmp_path, monkeypatch):
    real, written = os.pwrite, []

    def pwrite(file, content, place):
        written.append(place)
        if len(written) > 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, content, place)

    with monkeypatch.context() as patch:
        patch.setattr("cubefocus.denoise.image.os.pwrite", pwrite)
        with pytest.raises(CubefocusError, match=rf"made\.fits: {FULL}"):
            denoise_image(autoencoder, image, tmp_path / "out" / "made.fits", batch=1)
    assert [*(tmp_path / "out").iterdir()] == []
    denoise_image(autoencoder, image, tmp_path / "out" / "made.fits")


def test_a_full_disk_under_ranks_is_one_error(autoencoder_file, image_file, small_disk, capsys):
    """The file has its whole length at once, which takes no room: that is missing where a rank writes."""
    image, place = image_file(np.full((60, 2000), 1e-6, np.float32)), small_disk("200k")
    run = ["denoise", str(image), "-o", str(place / "made.fits"), "--model", str(autoencoder_file), "--device", "cpu"]
    assert main([*run, "--ranks", "2", "--launcher", MPIEXEC]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cubefocus denoise: error")]
    assert lines == [f"cubefocus denoise: error: {place / 'made.fits'}: {FULL}"]
    assert [*place.iterdir()] == []


@pytest.fixture
def folders(tmp_path, rng):
    """Skies and what is seen of them, two images each."""
    for name in ("skies", "noise"):
        for number in range(2):
            sky = np.abs(rng.normal(size=(64, 64))).astype(np.float32) * 1e-6
            write_sky(image_path(tmp_path / name, number), sky, CELL, {})
    return tmp_path


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def denoising(folders, model):
    names = ("noise", "denoised", "times.ecsv")
    return denoise.Denoise(str(model), *(str(folders / name) for name in names), "noise")


CUT_OFF = r": truncated, \d+ bytes of \d+; delete it and make or fetch it again"


def test_a_truncated_image_of_a_run_is_named_by_the_job_that_reads_it(folders, residual_file):
    path = cut(image_path(folders / "noise", 1))
    with pytest.raises(CubefocusError, match=f"{path}{CUT_OFF}"):
        denoise.run(denoising(folders, residual_file))
    assert sorted(one.name for one in (folders / "denoised").iterdir()) == ["0000.fits", "0000.probability.fits"]
    places = {split: [str(folders / "noise")] for split in ("train", "validation")}
    skies = {split: [str(folders / "skies")] for split in ("train", "validation")}
    training = train_denoiser.TrainDenoiser("residual", places, skies, str(folders / "residual.pt"), 32,
                                            {"widths": [4, 6]}, {"epochs": 1}, 1)  # fmt: skip
    with pytest.raises(CubefocusError, match=f"{path}{CUT_OFF}"):
        train_denoiser.run(training)
    assert not (folders / "residual.pt").exists()


def test_a_truncated_probability_is_named_where_scores_are_made(folders, residual_file):
    denoise.run(denoising(folders, residual_file))
    path = image_path(folders / "denoised", 0, "probability")
    assert read_probability(path).max() <= 1.0
    cut(path)
    compared = Compared("noise", [str(folders / "skies")], [str(folders / "noise")],
                        {"residual": [str(folders / "denoised")]}, CELL, CONFIG["evaluation"],
                        CONFIG["observation"])  # fmt: skip
    with pytest.raises(CubefocusError, match=f"{path}{CUT_OFF}"):
        score_denoised.run(score_denoised.ScoreDenoised(compared, str(folders / "scores.ecsv")))
    assert not (folders / "scores.ecsv").exists()


def test_without_wsclean_the_job_of_clean_images_fails_before_it_computes(folders, monkeypatch):
    monkeypatch.setenv("PATH", str(folders))
    monkeypatch.setattr(observe, "imaging_by", lambda *_: pytest.fail("it computes what is of no use"))
    job = observe.Observe("clean", str(folders / "skies"), str(folders / "clean"), CELL, CONFIG["observation"], 1)
    with pytest.raises(CubefocusError, match=r"WSClean is not there.*apt-get install wsclean.*'datasets' without"):
        observe.run(job)
    assert [*(folders / "clean").iterdir()] == []
    observe.run(observe.Observe("noise", str(folders / "skies"), str(folders / "seen"), CELL, CONFIG["observation"], 1))
