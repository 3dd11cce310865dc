"""What must not change a catalogue: the unit, the place, the direction of the channels, blanks, a bright neighbour."""

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.alma.chain import Chain
from cubefocus.alma.spectra import resample
from cubefocus.cube.cube import Cube
from cubefocus.settings import DetectionSettings

SIZE, CHANNELS = 64, 40
MEASURED = ("sigma_x", "sigma_y", "pa", "fwhm_z", "flux", "flux_line", "continuum", "peak", "snr", "x_err", "z_err")
MEASURED += ("flux_err", "continuum_err", "snr_integrated", "snr_focused")


def maps(images):
    """A map maker that knows no cube: smoothed images; what is not brighter than the image is deep is no source."""
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 1.2) ** 2)
    result = np.asarray(images, dtype=float)
    for axis in (1, 2):
        result = np.apply_along_axis(np.convolve, axis, result, kernel / kernel.sum(), mode="same")
    level = np.median(images, axis=(1, 2), keepdims=True)
    depth = level - np.min(images, axis=(1, 2), keepdims=True)
    top = result.max(axis=(1, 2), keepdims=True)
    return np.where(result > level + depth, (result - level) / (top - level), 0.0)


def spectra(standardised):
    """What is well above the rest of a spectrum, as a share of its peak."""
    level = np.median(standardised, axis=1, keepdims=True)
    above = np.maximum(standardised - level - 0.4, 0.0)
    return above / above.max(axis=1, keepdims=True)


def parameters(name, images):
    """Moments of the images around their middle, without what is faint in them."""
    if name == "flux":
        return images.sum(axis=(1, 2))
    if name == "pa":
        return np.full(len(images), 30.0)
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    near = np.hypot(x - images.shape[2] // 2, y - images.shape[1] // 2) < 9
    bright = np.where(near & (images > 0.3 * images.max(axis=(1, 2), keepdims=True)), images, 0.0)
    total = bright.sum(axis=(1, 2))
    axis = x if name == "sigma_x" else y
    mean = (bright * axis).sum(axis=(1, 2)) / total
    return np.sqrt((bright * (axis - mean[:, None, None]) ** 2).sum(axis=(1, 2)) / total)


@pytest.fixture
def chain():
    settings = DetectionSettings.from_mapping({"blobs": {"split": "none", "min_pixels": 4}})
    return Chain(maps, spectra, parameters, settings, image_size=SIZE)


@pytest.fixture
def networks():
    """Small networks of random weights: what they say means nothing, but must be the same of the same thing."""
    import torch

    from cubefocus.networks import DeepGRU, ResNet

    torch.manual_seed(1)
    gru, resnet = DeepGRU(CHANNELS, hidden=4).eval(), ResNet(widths=[4, 8, 8, 8]).eval()

    @torch.no_grad()
    def cleaned(standardised):
        return gru(torch.from_numpy(np.ascontiguousarray(standardised, dtype=np.float32))).numpy()

    @torch.no_grad()
    def value(name, images):
        peak = np.abs(images).max(axis=(1, 2), keepdims=True)
        said = np.abs(resnet(torch.from_numpy((images / peak)[:, None].astype(np.float32))).numpy()[:, 0]) + 2.0
        return said * peak[:, 0, 0] if name == "flux" else said

    settings = DetectionSettings.from_mapping(
        {
            "blobs": {"split": "none", "min_pixels": 4},
            "spectra": {"peak_height": 0.01},
            "focus": {"bright_snr": 1.0, "min_snr": 0.0},
        }
    )
    return Chain(maps, cleaned, value, settings, image_size=SIZE)


@pytest.fixture
def sky(scene, source):
    """Three sources in a field with room around them; the brightest has 60 times the noise in the integrated image."""
    sources = [source(22, 28, 10), source(44, 22, 26, fwhm_z=5.0, line=0.8), source(36, 44, 31, line=0.6)]
    return scene(sources, noise=0.02, n_pixels=SIZE, n_channels=CHANNELS).cube


def found(chain: Chain, data: np.ndarray, header) -> Table:
    table = chain.detect([Cube(np.ascontiguousarray(data, dtype=np.float32), header)]).catalogue
    table.sort("z")
    return table


def assert_same(after, before, names=MEASURED, rtol=1e-4, flags=True):
    assert len(after) == len(before) > 0
    for name in names:
        np.testing.assert_allclose(after[name], before[name], rtol=rtol, err_msg=name)
    if flags:
        assert list(after["flags"]) == list(before["flags"])


def test_the_scene_is_found_as_it_is(chain, sky):
    table = found(chain, sky.data, sky.header)
    np.testing.assert_allclose(table["x"], [22, 44, 36], atol=0.3)
    np.testing.assert_allclose(table["y"], [28, 22, 44], atol=0.3)
    np.testing.assert_allclose(table["z"], [10, 26, 31], atol=0.3)


@pytest.mark.parametrize("which", ["chain", "networks"])
@pytest.mark.parametrize("factor", [2.0, 1e-6, 3e5])
def test_another_unit(request, which, sky, factor):
    chain = request.getfixturevalue(which)
    before, after = found(chain, sky.data, sky.header), found(chain, sky.data * np.float32(factor), sky.header)
    in_unit = ("flux", "flux_line", "continuum", "peak", "flux_err", "continuum_err")
    # A factor of two is exact in floating point; any other moves the last bits, and a network amplifies them.
    rtol = 1e-6 if factor == 2.0 else 2e-3
    for name in in_unit:
        after[name] /= factor
    assert_same(after, before, (*MEASURED, "x", "y", "z"), rtol)


@pytest.mark.parametrize("which", ["chain", "networks"])
@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-2, 3), (5, -4)])
def test_shift_by_whole_pixels(request, which, sky, dx, dy):
    chain = request.getfixturevalue(which)
    data = np.pad(sky.data, ((0, 0), (6, 6), (6, 6)), constant_values=np.nan)  # nothing leaves the image
    before = found(chain, data, sky.header)
    after = found(chain, np.roll(data, (dy, dx), axis=(1, 2)), sky.header)
    for name, by in {"x": dx, "x0": dx, "x1": dx, "y": dy, "y0": dy, "y1": dy}.items():
        np.testing.assert_allclose(after[name], before[name] + by, atol=1e-3)
    assert_same(after, before, (*MEASURED, "z"))


def test_reversed_channels(chain, sky):
    before = found(chain, sky.data, sky.header)
    after = found(chain, sky.data[::-1], sky.header)
    after.reverse()
    np.testing.assert_allclose(after["z"], CHANNELS - 1 - before["z"], atol=1e-3)
    assert_same(after, before, (*MEASURED, "x", "y"), rtol=1e-3)


def test_resampling_knows_no_direction():
    spectrum = np.random.default_rng(2).normal(size=(3, 40))
    for length in (17, 40, 64):
        np.testing.assert_allclose(resample(spectrum[:, ::-1], length)[:, ::-1], resample(spectrum, length), atol=1e-9)


@pytest.mark.parametrize("which", ["chain", "networks"])
@pytest.mark.parametrize("mark", [np.nan, 0.0, -8.0, np.inf])
@pytest.mark.parametrize("border", [3, 20])
def test_embedding_in_a_blank_border(request, which, sky, mark, border):
    chain = request.getfixturevalue(which)
    before = found(chain, sky.data, sky.header)
    wide = np.pad(sky.data, ((0, 0), (border, border), (border, border)), constant_values=mark)
    after = found(chain, wide, sky.header)
    for name in ("x", "y", "x0", "y1"):
        np.testing.assert_allclose(after[name], before[name] + border, atol=1e-3)
    # The sample of pixels for the noise of a voxel is another one.
    assert_same(after, before, [name for name in (*MEASURED, "z") if name != "snr"], rtol=1e-3)
    np.testing.assert_allclose(after["snr"], before["snr"], rtol=0.02)


@pytest.mark.parametrize("mark", [np.nan, 0.0, -8.0, np.inf])
@pytest.mark.parametrize("channels", [[0], [17], [39], [0, 1, 2, 3], [16, 17, 18, 19]])
def test_blank_channels_without_a_line(chain, sky, mark, channels):
    before = found(chain, sky.data, sky.header)
    data = sky.data.copy()
    data[channels] = mark
    after = found(chain, data, sky.header)
    np.testing.assert_allclose(after["z"], before["z"], atol=0.1)
    np.testing.assert_allclose(after["x"], before["x"], atol=0.1)
    assert_same(after, before, ("snr", "peak", "x_err"), rtol=0.05)
    assert_same(after, before, ("flux", "flux_line"), rtol=0.05)
    assert (np.abs(after["continuum"] - before["continuum"]) < before["continuum_err"]).all()


def test_blank_channels_added_at_both_ends(chain, sky):
    before = found(chain, sky.data, sky.header)
    after = found(chain, np.pad(sky.data, ((6, 6), (0, 0), (0, 0)), constant_values=np.nan), sky.header)
    np.testing.assert_allclose(after["z"], before["z"] + 6, atol=0.05)
    assert_same(after, before, ("flux", "flux_line", "continuum", "snr", "x", "y", "x_err"), rtol=0.02)


@pytest.mark.parametrize("brightness", [20.0, 2000.0, 200000.0])
def test_bright_neighbour_far_away(chain, scene, source, sky, brightness):
    quiet = np.random.default_rng(9).normal(0.0, 0.02, size=(CHANNELS, SIZE, 5 * SIZE)).astype(np.float32)
    quiet[:, :, :SIZE] = sky.data
    before = found(chain, quiet, sky.header)
    assert len(before) == 3
    neighbour = source(4.5 * SIZE, 30, 20)
    y, x = np.mgrid[:SIZE, : 5 * SIZE]
    spot = np.exp(-((x - neighbour.x) ** 2 + (y - neighbour.y) ** 2) / (2 * neighbour.sigma**2))
    loud = quiet + brightness * neighbour.spectrum(CHANNELS)[:, None, None] * spot
    after = found(chain, loud, sky.header)
    assert np.hypot(after["x"] - neighbour.x, after["y"] - neighbour.y).min() < 0.5
    after = after[after["x"] < SIZE]
    assert_same(after, before, [name for name in (*MEASURED, "x", "y", "z") if name != "x_err"], rtol=0.02)
    np.testing.assert_allclose(after["x_err"], before["x_err"], rtol=0.1)  # noise of a plane that the neighbour is in
