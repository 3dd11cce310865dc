"""Shapes and sizes of the networks of the denoising study (GV22 section 2, Table A1)."""

import math

import pytest
import torch

from cubefocus.errors import CubefocusError
from cubefocus.networks import Autoencoder, Residual
from cubefocus.networks.residual import ESTIMATE_LIMIT, FACTOR_LIMIT


def n_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_autoencoder_has_the_papers_number_of_parameters():
    assert round(n_parameters(Autoencoder()) / 1e6, 2) == 26.35  # "around 26 million"
    assert 1.98 < n_parameters(Autoencoder(neurons=400)) / n_parameters(Autoencoder()) < 2.0  # "twice this value"


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("neurons", [50, 100, 200, 400])
@pytest.mark.parametrize("maps", [(32, 64), (32, 64, 64), (32, 64, 64, 128)])
def test_all_architectures_of_table_a1(maps, neurons, kernel):
    model = Autoencoder(32, maps, neurons, kernel)
    shapes = []
    for level in (*model.encoder, model.compress, *model.decoder, model.final):
        level.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        assert model(torch.rand(2, 1, 32, 32)).shape == (2, 1, 32, 32)
    down = [(n, 32 // 2**place, 32 // 2**place) for place, n in enumerate(maps, 1)]
    up = [(n, 2 * side, 2 * side) for n, (_, side, _) in zip([maps[-1], *maps[:0:-1]], down[::-1], strict=True)]
    up[1:] = [(maps[-1 - place], side, side) for place, (_, side, _) in enumerate(up[1:], 1)]
    assert shapes == [*down, (neurons,), *up, (1, 32, 32)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((100, (32, 64, 64)), "100 px.*multiple.*8"), ((128, ()), "levels are 0"), ((32, (4, 4), 8, 4), "kernel.* is 4")],
)
def test_what_the_autoencoder_cannot_be_is_refused(arguments, said):
    with pytest.raises(CubefocusError, match=said):
        Autoencoder(*arguments)


def test_tiles_of_another_size_are_refused():
    with pytest.raises(CubefocusError, match=r"tiles of 32 x 32 px, not \(64, 64\)"):
        Autoencoder(32, (4, 4), 8)(torch.zeros(1, 1, 64, 64))


def test_the_residual_network_is_small_enough_to_be_shipped():
    assert 4 * n_parameters(Residual()) < 1e6  # bytes; at most 4 MB
    assert Residual().reach <= 128


@pytest.mark.parametrize("shape", [(16, 16), (37, 50), (1, 3)])
def test_the_residual_network_takes_images_of_any_size(shape):
    images = 2e-6 * torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        compressed, logits = Residual(widths=(4, 4, 4, 4), scale=2e-6, output_bias=-3.0).eval()(images)
    assert compressed.shape == logits.shape == images.shape
    faint = images < 0  # half of each value is left at the start
    assert torch.allclose(compressed[faint], 0.5 * torch.asinh(images / 2e-6)[faint], atol=0.1)
    assert float((logits + 3.0).abs().max()) < 0.1


@pytest.mark.parametrize(("n_levels", "reach"), [(2, 21), (3, 53), (4, 117)])
def test_nothing_beyond_its_reach_has_a_part_in_a_pixel(n_levels, reach):
    torch.manual_seed(0)
    model = Residual((4,) * n_levels, scale=1.0).double().eval()
    torch.nn.init.normal_(model.final.weight)
    assert model.reach == reach
    found = 0
    for place in range(160, 160 + model.step):
        image = torch.randn(1, 1, 320, 16, dtype=torch.float64)
        changed = image.clone()
        changed[0, 0, place, 7] += 30.0
        with torch.no_grad():
            moved = sum((one - other).abs() for one, other in zip(model(image), model(changed), strict=True))
        rows = torch.nonzero(moved[0, 0].amax(dim=1)).flatten()
        found = max(found, int((rows - place).abs().max()))
    assert 0.9 * reach < found <= reach


def test_a_correction_of_flux_cannot_dim_a_bright_pixel():
    torch.manual_seed(0)
    model = Residual((4, 4), scale=1.0).double().eval()
    torch.nn.init.normal_(model.final.weight[:8])  # the estimate and the share
    torch.nn.init.zeros_(model.final.weight[8:])
    image = torch.randn(1, 1, 32, 32, dtype=torch.float64)
    image[0, 0, 16, 16] = 1e5
    with torch.no_grad():
        corrected = torch.sinh(model(image)[0])
    assert float((corrected - image).abs().median()) > 0.3
    assert abs(float(corrected[0, 0, 16, 16]) / 1e5 - 1.0) < 0.02


def test_what_a_network_says_of_images_that_it_has_not_learnt_from_is_finite():
    torch.manual_seed(0)
    model = Residual((4, 4), scale=1.0).eval()
    torch.nn.init.normal_(model.final.weight, std=100.0)
    image = 1e4 * torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        corrected = torch.sinh(model(image)[0])
    largest = math.exp(max(ESTIMATE_LIMIT, FACTOR_LIMIT)) * (1.0 + float(image.abs().max()))
    assert float(image.abs().max()) < float(corrected.abs().max()) < largest
