"""Shapes and sizes of the networks (MNRAS Table 3, Fig. 6 and 8)."""

import pytest
import torch
import torch.nn.functional as F

from cubefocus.errors import CubefocusError
from cubefocus.networks import BlobsFinder, DeepGRU, ResNet, UNet
from cubefocus.networks.blobs_finder import AdditiveUpsampling


def n_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(scope="module")
def paper_blobs_finder() -> BlobsFinder:
    return BlobsFinder().eval()


def test_blobs_finder_has_the_papers_number_of_parameters(paper_blobs_finder):
    assert round(n_parameters(paper_blobs_finder) / 1e6, 1) == 33.7


def test_blobs_finder_has_the_shapes_of_table_3(paper_blobs_finder):
    shapes = []
    blocks = [*paper_blobs_finder.encoder, *paper_blobs_finder.decoder]
    blocks += [paper_blobs_finder.compress, paper_blobs_finder.expand, paper_blobs_finder.final]
    for block in blocks:
        block.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        paper_blobs_finder(torch.zeros(2, 1, 256, 256))
    encoder = [(2, 8, 128, 128), (2, 16, 64, 64), (2, 32, 32, 32), (2, 64, 16, 16)]
    decoder = [(2, 32, 32, 32), (2, 16, 64, 64), (2, 8, 128, 128), (2, 1, 256, 256)]
    assert shapes == [*encoder, (2, 1024), (2, 64 * 16 * 16), *decoder, (2, 1, 256, 256)]


def test_the_ecml_variant_has_one_convolution_a_block():
    model = BlobsFinder(image_size=64, latent=32, variant="ecml")
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert len(convolutions) == 4 + 4 + 1
    assert model(torch.rand(2, 1, 64, 64)).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("n_out", [1, 3])
def test_the_cheaper_order_of_operations_gives_what_table_3_says(n_out):
    torch.manual_seed(0)
    block, maps = AdditiveUpsampling(4, n_out).double(), torch.rand(2, 4, 6, 8).double()
    results = []
    for forward in (block, lambda x: as_printed(block, x)):
        block.zero_grad()
        image = maps.clone().requires_grad_()
        output = forward(image)
        output.square().sum().backward()
        results.append([output, image.grad, *(parameter.grad.clone() for parameter in block.parameters())])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def as_printed(block, maps):
    """`AdditiveUpsampling` with PyTorch's layers only."""
    mix, *activate = block.mix
    joined = torch.cat([block.interpolated(maps), block.learned(maps)], dim=1)
    mixed = torch.nn.Sequential(*activate)(F.conv2d(joined, mix.weight, mix.bias, padding=1))
    return F.conv2d(mixed, block.refine.weight, block.refine.bias, padding=1)


@pytest.mark.parametrize("size", [16, 48, 128])
def test_image_sizes_that_are_multiples_of_16_come_out_as_they_went_in(size):
    output = BlobsFinder(image_size=size, latent=16)(torch.rand(2, 1, size, size)).detach()
    assert output.shape == (2, 1, size, size)
    assert float(output.min()) >= 0
    assert float(output.max()) <= 1


@pytest.mark.parametrize(("size", "variant", "said"), [(100, "mnras", "100"), (64, "vgg", "vgg")])
def test_what_blobs_finder_cannot_be_is_refused_by_value(size, variant, said):
    with pytest.raises(CubefocusError, match=said):
        BlobsFinder(image_size=size, variant=variant)


def test_the_output_bias_sets_the_level_that_training_starts_from():
    levels = []
    for bias in (0.0, -4.0):
        torch.manual_seed(0)
        model = BlobsFinder(image_size=32, latent=16, output_bias=bias).double()
        images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(1)).double()
        levels.append(torch.logit(model(images)).detach())
    assert torch.allclose(levels[0] - 4.0, levels[1])
    assert abs(float(levels[0].mean())) < 2


def test_the_code_starts_local():
    model = BlobsFinder(image_size=64, latent=16 * 8)  # 16 places, 8 of 64 features kept at each
    features = torch.zeros(1, 64, 4, 4)
    features[0, :, 1, 2] = torch.rand(64, generator=torch.Generator().manual_seed(0))
    restored = model.expand(model.compress(features.flatten(1))).view(features.shape).detach()
    elsewhere = restored.clone()
    elsewhere[0, :, 1, 2] = 0
    assert float(restored.abs().max()) > 0.01
    assert float(elsewhere.abs().max()) < 1e-5


def test_a_code_shorter_than_the_places_keeps_the_ordinary_start():
    model = BlobsFinder(image_size=64, latent=8)
    assert model.compress.weight.std() > 0
    assert model(torch.rand(2, 1, 64, 64)).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("size", [16, 48, 128])
def test_a_u_net_keeps_the_size_and_its_number_of_parameters(size):
    model = UNet(size)
    output = model(torch.rand(2, 1, size, size)).detach()
    assert output.shape == (2, 1, size, size)
    assert 0 <= float(output.min()) <= float(output.max()) <= 1
    assert n_parameters(model) == n_parameters(UNet()) == pytest.approx(0.48e6, rel=0.01)


@pytest.mark.parametrize("size", [0, 8, 40])
def test_image_sizes_that_do_not_survive_the_halvings_are_refused(size):
    with pytest.raises(CubefocusError, match=f"image_size is {size}; the U-Net needs a multiple of 16"):
        UNet(size)


def test_a_u_net_starts_at_the_mean_target():
    maps = UNet(32, output_bias=-4.0)(torch.rand(4, 1, 32, 32)).detach()
    assert torch.logit(maps).mean() == pytest.approx(-4, abs=0.1)
    assert float(torch.logit(maps).std()) < 0.2


def test_what_a_u_net_makes_of_a_source_does_not_depend_on_where_it_is():
    torch.manual_seed(0)
    model = UNet(256).double().eval()
    torch.nn.init.normal_(model.final.weight)  # starts so small that the maps would hardly differ anywhere
    image = torch.zeros(2, 1, 256, 256, dtype=torch.float64)
    image[0, 0, 100:108, 110:116] = torch.rand(8, 6, generator=torch.Generator().manual_seed(1))
    image[1] = image[0].roll((32, 16), dims=(1, 2))
    with torch.no_grad():
        here, there = torch.logit(model(image))
    middle = (slice(None), slice(96, 160), slice(96, 160))  # the borders have their own answer: zeros beyond them
    assert torch.allclose(here.roll((32, 16), dims=(1, 2))[middle], there[middle])
    assert float((here - there)[middle].abs().max()) > 1e-3


def test_a_u_net_without_pixel_shuffle_or_with_other_levels():
    model = UNet(24, widths=(4, 8), shuffle=4)
    assert model(torch.rand(2, 1, 24, 24)).shape == (2, 1, 24, 24)
    assert UNet(18, widths=(4, 8), shuffle=1)(torch.rand(2, 1, 18, 18)).shape == (2, 1, 18, 18)


def test_deep_gru_sees_a_channel_from_both_sides():
    model = DeepGRU(n_channels=24, hidden=4).eval()
    states = []
    model.layers.register_forward_hook(lambda _module, _inputs, output: states.append(output[0]))
    spectrum = torch.rand(1, 24)
    changed = spectrum.clone()
    changed[0, 12] += 1
    with torch.no_grad():
        assert model(spectrum).shape == (1, 24)
        model(changed)
    moved = (states[0] - states[1]).abs().amax(dim=0) > 1e-7
    assert states[0].shape == (1, 24, 8)  # two layers' states side by side
    assert moved[12:, :4].any(dim=1).all()  # the forward layer carries the change to later channels
    assert not moved[:12, :4].any()
    assert moved[:13, 4:].any(dim=1).all()  # the backward layer to earlier ones
    assert not moved[13:, 4:].any()


def test_deep_gru_at_paper_size():
    model = DeepGRU()
    assert model.output.in_features == 64 * 128
    assert n_parameters(model) == 2 * 3 * 32 * (1 + 32 + 2) + (64 * 128 + 1) * 128


def test_resnet_ends_in_512_maps_of_4_by_4_pixels():
    model = ResNet().eval()
    shapes = []
    model.stages.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        assert model(torch.rand(3, 1, 64, 64)).shape == (3, 1)
    assert shapes == [(3, 512, 4, 4)]


def test_resnet_skips_by_addition():
    block = ResNet(widths=(4, 8)).stages[1].eval()
    for parameter in block.through.parameters():
        torch.nn.init.zeros_(parameter)
    maps = torch.rand(2, 4, 8, 8)
    assert torch.equal(block(maps), maps)  # with its convolutions silenced the block is the identity


def test_resnet_can_regress_two_numbers():
    assert ResNet(n_outputs=2, widths=(4, 8))(torch.rand(5, 1, 64, 64)).shape == (5, 2)
