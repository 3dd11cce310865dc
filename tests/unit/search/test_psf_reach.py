"""A PSF that ends before the image does: what a source leaves beyond it is taken for sources, and said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from uv_instrument import Truth, UvInstrument

from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.fit.beam import Beam
from cubefocus.fit.reach import FLAG, falls_short
from cubefocus.instrument.observation import Observation
from cubefocus.search.dirty import SearchedDirty, search_dirty
from cubefocus.search.instruments import DirtyBeam

BRIGHT, OTHER = Truth(x=8.0, continuum=0.0), Truth(x=26.0, y=40.0, continuum=0.0, lines=((1.5, 5.0, 3.0),))
NOISE = 0.05  # Jy/beam; the sidelobes of few baselines are a third of the peak


@pytest.fixture(scope="module")
def sparse() -> UvInstrument:
    rng = np.random.default_rng(3)
    return UvInstrument(n_channels=8, u=rng.normal(0.0, 0.06, 60), v=rng.normal(0.0, 0.06, 60))


@pytest.fixture(scope="module")
def cube(sparse: UvInstrument) -> Cube:
    data = sparse.dirty(BRIGHT, OTHER) + sparse.noise(np.random.default_rng(5), thermal=NOISE)
    header = Observation(n_channels=sparse.n_channels, n_pixels=sparse.n_pixels, cell_arcsec=0.1).header(unit="Jy/beam")
    return Cube(data.astype(np.float32), header)


def searched(sparse: UvInstrument, cube: Cube, cut: int) -> SearchedDirty:
    psf = sparse.psf()[:, cut:, cut:]
    psf = psf[:, : psf.shape[1] - cut, : psf.shape[2] - cut]
    return search_dirty(cube, Beam.of_psf(psf, cube.data.shape))


def test_false_sources_beyond_the_psf_of_a_bright_one_have_a_flag(sparse: UvInstrument, cube: Cube) -> None:
    whole, ending = (searched(sparse, cube, cut).catalogue for cut in (0, sparse.n_pixels // 2))
    assert len(whole) == 2
    assert not any(FLAG in flags for flags in whole["flags"])
    false = np.array([min(np.hypot(row["x"] - one.x, row["y"] - one.y) for one in (BRIGHT, OTHER)) > 3
                      for row in ending])  # fmt: skip
    assert false.any()
    assert [FLAG in flags for flags in ending["flags"]] == false.tolist()


@pytest.mark.parametrize(("cut", "told"), [(0, False), (16, True)])
def test_a_psf_that_ends_too_early_is_told_with_the_size_that_it_should_have(
    sparse: UvInstrument, cube: Cube, tmp_path: Path, caplog: pytest.LogCaptureFixture, cut: int, told: bool
) -> None:
    size = 2 * sparse.n_pixels - 2 * cut
    header = Observation(n_channels=1, n_pixels=size, cell_arcsec=0.1).header(unit="Jy/beam")
    psf = sparse.psf()[:, cut : cut + size, cut : cut + size]
    write_cube(tmp_path / "psf.fits", psf.astype(np.float32), header, {})
    write_cube(tmp_path / "cube.fits", cube.data, cube.header, {})
    beam = DirtyBeam(tmp_path / "psf.fits").beam(read_cube(tmp_path / "cube.fits"), tmp_path / "cube.fits")
    assert falls_short(beam) == told
    assert ("ends 47 pixels from its peak" in caplog.text) == told
    assert ("image the PSF 128 x 128 pixels wide" in caplog.text) == told


def test_a_restoring_beam_ends_nowhere() -> None:
    assert not falls_short(Beam.gaussian(np.array([[6.0, 4.0, 30.0]]), (4, 64, 64)))
