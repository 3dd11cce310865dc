"""``cubefocus models``: what is listed, what a bundle says of itself, and what is checked."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scenes import make_header

from cubefocus import Cube
from cubefocus.cli.main import main
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.learn import shipped
from cubefocus.learn.bundle import Bundle


@pytest.fixture
def ships(bundle, tmp_path, monkeypatch):
    """The bundle of the tests in the place of those that are shipped, under the name ``tiny``, with a card."""
    whole = Bundle.load(bundle)
    made = replace(whole, ranges={"n_channels": (16, 16), "frequency_ghz": (200.0, 260.0), "snr": (3.0, None)})
    made.save(tmp_path / "shipped" / "tiny")
    (tmp_path / "shipped" / "tiny" / "card.md").write_text("# tiny\n\nFor tests alone.\n\nMore.\n")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "shipped")
    return tmp_path / "shipped" / "tiny"


def write(path, n_channels, step=10e6):
    header = make_header((n_channels, 40, 40))
    header.update({"BUNIT": "Jy/beam", "CDELT3": step})
    write_cube(path, np.random.default_rng(1).standard_normal((n_channels, 40, 40)), header, {})
    return path


def models(capsys, *arguments) -> tuple[int, str, str]:
    code = main(["models", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_what_is_shipped_is_listed_with_networks_size_and_purpose(ships, capsys):
    code, out, _ = models(capsys, "list")
    (line,) = out.splitlines()
    assert code == 0
    assert line.startswith("tiny  ")
    assert "blobs_finder, deep_gru" in line
    assert line.endswith("For tests alone.")
    size = sum(path.stat().st_size for path in ships.iterdir()) / 1e6
    assert f"{size:.1f} MB" in line


def test_an_installation_without_bundles_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert models(capsys, "list")[1].startswith("no bundle comes with this installation")
    code, _, err = models(capsys, "check", write(tmp_path / "c.fits", 4))
    assert code == 1
    assert "name one with --models" in err


def test_info_has_provenance_ranges_card_and_licence(ships, capsys):
    for name in ("tiny", ships):
        _, out, _ = models(capsys, "info", name)
        assert "BSD-3-Clause" in out
        assert "number of channels: 16" in out
        assert "SNR of a source in the integrated image: at least 3" in out
        assert "blobs_finder (BlobsFinder)" in out
        assert "  seed  3" in out
        assert out.endswith("# tiny\n\nFor tests alone.\n\nMore.\n")


def test_a_whole_bundle_is_told_to_be_whole(ships, capsys):
    code, out, _ = models(capsys, "check", "tiny")
    assert code == 0
    assert out.splitlines()[-1].startswith(f"{ships}: whole, 6 networks, digest ")
    assert "blobs_finder: BlobsFinder, " in out


def test_a_damaged_bundle_is_refused_in_one_line(ships, capsys):
    content = bytearray((ships / "pa.safetensors").read_bytes())
    content[-1] ^= 1
    (ships / "pa.safetensors").write_bytes(content)
    code, _, err = models(capsys, "check", ships)
    assert code == 1
    assert f"{ships / 'pa.safetensors'}: truncated, damaged or of another bundle" in err
    assert err.count("\n") == 1


def test_a_cube_is_compared_with_each_that_is_shipped_or_with_one(ships, tmp_path, capsys):
    code, out, _ = models(capsys, "check", write(tmp_path / "in.fits", 16))
    assert (code, len(out.splitlines())) == (0, 1)
    assert "tiny: within what it was trained on, by frequency_ghz, n_channels" in out
    code, out, _ = models(capsys, "check", write(tmp_path / "out.fits", 20), "--models", ships)
    assert code == 0
    assert "number of channels 20, where the networks were trained on 16: spectra are resampled" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("info", "tini"), "tini: no such bundle; check the path, or name a folder, or one of those that are shipped"),
        (("check", "no.fits"), "no.fits: no such"),
        (("check", "tiny", "--models", "tiny"), "--models is what a cube is compared with"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_the_way_out(ships, capsys, arguments, words):
    code, _, err = models(capsys, *arguments)
    assert code == 1
    assert words in err
    assert err.count("\n") == 1


def test_detect_takes_a_bundle_by_its_name_and_finds_the_same(ships, tmp_path):
    cube = write(tmp_path / "cube.fits", 16)
    for name in ("tiny", ships):
        assert main(["detect", str(cube), "--models", str(name), "-o", str(tmp_path / f"out-{name == 'tiny'}")]) == 0
    first, second = ((tmp_path / f"out-{kind}" / "catalogue.csv").read_text() for kind in (True, False))
    assert first == second


def test_a_folder_that_is_there_goes_before_a_name(ships, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ships, "tiny")
    assert shipped.place_of("tiny").absolute() == tmp_path / "tiny"


def test_networks_of_another_study_are_refused(ships, tmp_path, capsys):
    other = Bundle.load(ships)
    replace(other, study="general", networks={"flux": other.networks["flux"]}).save(ships)
    assert main(["detect", str(write(tmp_path / "c.fits", 16)), "--models", "tiny", "-o", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "tiny: holds flux of the study 'general', not the networks of the chain" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_name_is_taken_in_python_too(ships):
    from cubefocus import detect

    header = make_header((16, 40, 40))
    found = detect(Cube(np.random.default_rng(1).standard_normal((16, 40, 40)), header), "tiny", device="cpu")
    assert found.catalogue.colnames
    with pytest.raises(CubefocusError, match="one of those that are shipped"):
        detect(Cube(np.zeros((16, 40, 40)), header), "tini")


def test_the_manifest_is_what_is_read(ships):
    assert json.loads((ships / "bundle.json").read_text())["ranges"]["frequency_ghz"] == [200.0, 260.0]
