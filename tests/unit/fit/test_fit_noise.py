"""The noise of a cube: both parts recovered from it, whatever sources and blanks it has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from uv_instrument import Truth, UvInstrument

from cubefocus.errors import CubefocusError
from cubefocus.fit.model import Scene
from cubefocus.fit.noise import Transforms, known_noise, measure_noise
from cubefocus.fit.run import fit_cube_of

BRIGHT = [
    Truth(x=22.3, y=25.6, continuum=3.0, lines=((10.0, 8.2, 3.0),)),
    Truth(x=41.7, y=38.2, sigma_x=6.0, sigma_y=4.0, continuum=2.0, lines=((8.0, 30.4, 5.0),), index=1.0),
]


@pytest.fixture(scope="module")
def long():
    """Forty channels of one dirty beam."""
    return UvInstrument(n_channels=40)


@pytest.fixture(scope="module")
def noises(long):
    """Pure noise of standard deviation 1 of both kinds, for tests to add up."""
    rng = np.random.default_rng(11)
    return long.noise(rng, white=1.0), long.noise(rng, thermal=1.0)


@pytest.fixture(scope="module")
def long_beam(long):
    return long.beam()


@pytest.mark.parametrize("sources", [[], BRIGHT], ids=["noise", "bright lines"])
@pytest.mark.parametrize(("white", "thermal"), [(0.2, 0.0), (0.2, 0.1), (0.2, 0.2), (0.05, 0.2)])
def test_both_parts_are_recovered(long, long_beam, noises, sources, white, thermal):
    """Edges leak a little of the thermal part beyond the longest baseline; lines of SNR 50 hide in it."""
    noise = measure_noise(long.dirty(*sources) + white * noises[0] + thermal * noises[1], long_beam)
    assert noise.white == pytest.approx(white, rel=0.02, abs=0.04 * thermal)
    assert noise.thermal == pytest.approx(thermal, rel=0.05, abs=(0.07 if sources else 0.02) * white)
    assert noise.rms == pytest.approx(np.hypot(white, thermal), rel=0.04)
    assert (noise.relative == 1.0).all()


@pytest.mark.parametrize("sources", [[], BRIGHT], ids=["noise", "bright lines"])
def test_noise_of_the_visibilities_alone(long, long_beam, noises, sources):
    """What the edges of the image leak beyond the longest baseline says nothing of single channels."""
    noise = measure_noise(long.dirty(*sources) + 0.2 * noises[1], long_beam)
    assert noise.thermal == pytest.approx(0.2, rel=0.05)
    assert noise.white < 0.3 * noise.thermal
    assert (noise.relative == 1.0).all()


def test_power_is_that_of_each_spatial_frequency(long, long_beam, noises):
    """In rings from the shortest to the longest baselines: the mean power of the transform of a pixel of noise."""
    cube = 0.1 * noises[0] + 0.2 * noises[1]
    noise = measure_noise(cube, long_beam)
    grid = long_beam.grid
    power = (grid.cut(torch.from_numpy(cube)).abs() ** 2).numpy().mean(axis=0) / 64**2
    rows, columns = grid.kept
    radius = np.hypot(rows[:, None], columns[None])
    for low in range(0, 20, 4):
        ring = grid.inside & (radius >= low) & (radius < low + 4)
        assert power[ring].mean() == pytest.approx(noise.power[ring].mean(), rel=0.1)


def test_noise_follows_the_unit_of_the_cube(long, long_beam, noises):
    cube = 0.1 * noises[0] + 0.2 * noises[1]
    one, other = measure_noise(cube, long_beam), measure_noise(1e-6 * cube, long_beam)
    assert (other.white, other.thermal) == pytest.approx((1e-6 * one.white, 1e-6 * one.thermal), rel=1e-4)
    assert other.power == pytest.approx(1e-12 * one.power, rel=1e-4)


@pytest.mark.parametrize("blank", [[7], [0, 39], list(range(0, 40, 2)), list(range(5, 38))])
def test_blank_channels_take_no_part(long, long_beam, noises, blank):
    cube = 0.2 * noises[0] + 0.2 * noises[1]
    cube[blank] = np.nan
    noise = measure_noise(cube, long_beam)
    assert np.flatnonzero(np.isinf(noise.relative)).tolist() == blank
    assert (noise.relative[np.isfinite(noise.relative)] == 1.0).all()
    assert noise.white == pytest.approx(0.2, rel=0.05)
    assert noise.thermal == pytest.approx(0.2, rel=0.1)


def test_border_without_data(long, long_beam, noises):
    y, x = np.mgrid[:64, :64] - 32
    cube = np.where(np.hypot(x, y) < 28, 0.2 * noises[0] + 0.2 * noises[1], np.nan)
    noise = measure_noise(cube, long_beam)
    assert noise.white == pytest.approx(0.2, rel=0.06)
    assert noise.thermal == pytest.approx(0.2, rel=0.06)


def test_channels_of_more_noise_are_told_from_those_of_less(long, long_beam, noises):
    """Both parts grow together along the band."""
    growth = np.linspace(1.0, 2.0, 40)
    noise = measure_noise(growth[:, None, None] * (0.2 * noises[0] + 0.1 * noises[1]), long_beam)
    middle = np.median(growth)
    assert noise.relative == pytest.approx(growth / middle, rel=0.12)
    assert noise.white == pytest.approx(0.2 * middle, rel=0.05)
    assert noise.thermal == pytest.approx(0.1 * middle, rel=0.08)


def test_one_channel(long_beam, uv_beam, noises):
    """No differences: its own power, sources and all; without sources both parts are right, but less surely."""
    noise = measure_noise(0.2 * noises[0][:1] + 0.2 * noises[1][:1], uv_beam)
    assert noise.relative.tolist() == [1.0]
    assert noise.white == pytest.approx(0.2, rel=0.05)
    assert noise.thermal == pytest.approx(0.2, rel=0.2)


def test_known_noise_is_what_would_be_measured(long_beam, noises):
    known = known_noise(long_beam, 40, 0.2, 0.1)
    measured = measure_noise(0.2 * noises[0] + 0.1 * noises[1], long_beam)
    assert (known.white, known.thermal) == (0.2, 0.1)
    inside = long_beam.grid.inside
    assert np.log(measured.power[inside] / known.power[inside]) == pytest.approx(np.zeros(inside.sum()), abs=0.15)
    assert (known.relative == 1.0).all()


def test_chunks_do_not_matter(long, long_beam, noises):
    cube = 0.1 * noises[0] + 0.2 * noises[1]
    cube[3] = np.nan
    first, second = (measure_noise(cube, long_beam, chunk) for chunk in (1, 40))
    assert first.power == pytest.approx(second.power, rel=1e-5)


def test_cube_without_data_is_refused(long_beam):
    with pytest.raises(CubefocusError, match="blank"):
        measure_noise(np.full((4, 64, 64), np.nan), long_beam)


def test_noise_of_a_cube_with_lines_in_all_channels_is_measured_in_what_the_fit_leaves(uv, uv_beam):
    """Lines of SNR 50 in every channel: differences of channels hold them, the residual of the fit does not."""
    sources = [
        Truth(x=18.0 + 9.0 * (n % 4), y=22.0 + 14.0 * (n // 4), continuum=0.2, lines=((3.0, 1.0 + 2.0 * n, 3.0),))
        for n in range(8)
    ]
    white, thermal = 0.03, 0.06
    cube = uv.dirty(*sources) + uv.noise(np.random.default_rng(3), white, thermal)
    starts = [uv.component(one) for one in sources]
    first = measure_noise(cube, uv_beam)
    fitted = fit_cube_of(cube, uv_beam, uv.frequencies_hz, starts)
    assert first.thermal > 1.3 * thermal
    assert fitted.scene.noise.thermal == pytest.approx(thermal, rel=0.1)
    assert fitted.origin == list(range(8))


def test_a_cube_less_the_sources_in_it_is_its_noise(uv, uv_beam):
    """The transforms of source and noise, less those of the source, against the transforms of the noise alone."""
    source = Truth(x=25.3, y=30.8, continuum=0.2, lines=((0.5, 6.2, 3.0),))
    noise = uv.noise(np.random.default_rng(4), 0.02)
    noise[:, :, :9] = np.nan  # what is cut off of the data is cut off of the source
    whole = Transforms(uv.dirty(source) + noise, uv_beam.grid)
    scene = Scene.of(whole, uv_beam, uv.frequencies_hz)
    left = scene.transforms_less(whole, [uv.component(source)])
    alone = Transforms(noise, uv_beam.grid)
    there = torch.cat([cut for _, cut, _ in whole])
    for (numbers, cut, _), (others, expected, _) in zip(left, alone, strict=True):
        assert (numbers == others).all()
        assert float((cut - expected).abs().max()) < 0.01 * float(there.abs().max())
