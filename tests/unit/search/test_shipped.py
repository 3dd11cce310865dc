"""The network that comes with the package, on cubes with sources at known places and on noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scenes import make_header
from scipy.ndimage import gaussian_filter

from cubefocus import detect
from cubefocus.cli.detect import proposals_of
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.shipped import CARD, FOLDER, size_of
from cubefocus.search.levels import measure_levels
from cubefocus.search.linking import islands
from cubefocus.search.methods import method_of
from cubefocus.search.network import shipped
from cubefocus.search.reliability import FalseRate
from cubefocus.settings import SearchSettings

SHAPE = (16, 96, 96)
FWHM = 5.0
SIGMA = FWHM / math.sqrt(8 * math.log(2))
PLACE = (7, 61, 30)  # channel, y, x


def noise(seed: int) -> np.ndarray:
    """Noise of 1 with the correlation of the beam."""
    white = np.random.default_rng(seed).standard_normal(SHAPE)
    smooth = gaussian_filter(white, (0, SIGMA / math.sqrt(2), SIGMA / math.sqrt(2)), mode="wrap")
    return smooth / smooth.std()


def with_source(seed: int, snr: float = 20.0) -> np.ndarray:
    """A source of the size of the beam in three channels; its peak is so many times the noise of a channel."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    image = np.exp(-0.5 * ((y - PLACE[1]) ** 2 + (x - PLACE[2]) ** 2) / SIGMA**2)
    return noise(seed) + snr * image * np.exp(-0.5 * ((z - PLACE[0]) / 1.2) ** 2)


def search(data: np.ndarray):
    data = data.astype(np.float32)
    return shipped("cpu")(data, measure_levels(data, FWHM), (FWHM, FWHM, 0.0))


def place(found) -> tuple[int, ...]:
    return tuple(int(at) for at in np.unravel_index(found.positive.argmax(), SHAPE))


def cube_of(data: np.ndarray, beam_px: float = FWHM) -> Cube:
    header = make_header(SHAPE)
    header.update({"BUNIT": "Jy/beam", "BMAJ": beam_px * 0.1 / 3600, "BMIN": beam_px * 0.1 / 3600, "BPA": 0.0})
    return Cube(data.astype(np.float32), header)


def test_it_is_small_and_says_what_it_is():
    bundle = Bundle.load(FOLDER / "general")
    assert size_of(FOLDER / "general") < 8e6
    assert bundle.study == "general"
    assert {"beam_px", "snr"} <= set(bundle.ranges)
    assert bundle.provenance
    card = (FOLDER / "general" / CARD).read_text(encoding="utf-8")
    assert all(word in card for word in ("trained on", "Valid ranges", "completeness", "false"))


def test_a_bright_source_is_found_where_it_is_and_nothing_else():
    found = search(with_source(1))
    linked = islands(found.positive, SearchSettings().least, found.alive)
    assert len(linked) == 1
    assert linked.place[0] == pytest.approx(PLACE, abs=2)
    assert found.negative.max() < SearchSettings().least


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_cube_has_its_source_in_the_mirrored_place(axis):
    """The network has learnt from beams of all angles: what it says may differ a little, not where."""
    data = with_source(2)
    found, mirrored = search(data), search(np.flip(data, axis))
    there = list(place(mirrored))
    there[axis] = SHAPE[axis] - 1 - there[axis]
    assert there[1:] == pytest.approx(place(found)[1:], abs=1)
    assert there[0] == pytest.approx(PLACE[0], abs=2)  # its line is as sure in each of its channels
    assert mirrored.positive.max() == pytest.approx(found.positive.max(), rel=0.15)


def test_a_source_that_is_moved_is_found_as_far_from_where_it_was():
    data = with_source(3)
    found, moved = search(data), search(np.roll(data, (5, -11), (1, 2)))
    shift = np.array(place(moved)) - np.array(place(found))
    assert shift[1:].tolist() == pytest.approx([5, -11], abs=1)
    assert moved.positive.max() == pytest.approx(found.positive.max(), rel=0.15)


def test_noise_above_is_as_noise_below_and_falls_as_that_of_a_gaussian():
    above, below = [], []
    for seed in range(10, 14):
        found = search(noise(seed))
        above += islands(found.positive, 3.5, found.alive).peak.tolist()
        below += islands(found.negative, 3.5, found.alive).peak.tolist()
    assert len(above) == pytest.approx(len(below), abs=3.0 * math.sqrt(len(above) + len(below) + 1.0))
    rate = FalseRate.of(np.array(below), 3.5)
    assert rate.slope < 2.0
    assert max([*above, *below, 0.0]) < 6.0
    assert rate.above(np.array([7.0]))[0] < 0.1


@pytest.mark.parametrize("proposals", [("network",), ("matched", "network")])
def test_a_search_with_it_gives_the_source_its_place_and_flux(proposals):
    found = detect(cube_of(0.001 * with_source(4)), proposals=proposals)
    assert len(found.catalogue) == 1
    row = found.catalogue[0]
    assert [row["z"], row["y"], row["x"]] == pytest.approx(PLACE, abs=0.3)
    assert row["reliability"] > 0.95


def test_a_cube_with_another_beam_than_those_of_the_training_is_told(caplog):
    detect(cube_of(np.float32(0.001) * noise(5), beam_px=25.0), proposals=["network"])
    assert "beam" in caplog.text
    assert "trained on" in caplog.text


def test_the_same_cube_has_the_same_significances_again():
    data = with_source(6)
    assert np.array_equal(search(data).positive, search(data).positive)


@pytest.mark.parametrize(
    ("text", "said"),
    [("guess", "--proposals has 'guess': give one of matched, network"), ("network,network", "give each of them once"),
     ("", "--proposals has ''")],
)  # fmt: skip
def test_other_names_are_refused(text, said):
    with pytest.raises(CubefocusError, match=said):
        proposals_of(text)


def test_names_are_separated_by_commas():
    assert proposals_of("matched, network") == ["matched", "network"]


def test_proposals_are_for_restored_cubes(tmp_path):
    with pytest.raises(CubefocusError, match="proposals are for restored cubes"):
        method_of(tmp_path / "psf.fits", None, None, None, "cpu", None, ["network"])
