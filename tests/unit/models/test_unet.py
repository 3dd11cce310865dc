"""The U-Net keeps the image's size, starts at its bias, and treats all places alike."""

import pytest
import torch

from cubefocus.models.unet import UNet


def test_output_has_the_size_of_the_image_and_starts_at_the_bias():
    net = UNet(64, output_bias=-4.0)
    maps = net(torch.rand(2, 1, 64, 64))
    assert maps.shape == (2, 1, 64, 64)
    torch.testing.assert_close(maps, torch.sigmoid(torch.full_like(maps, -4.0)))


def test_a_shifted_image_gives_a_shifted_map():
    torch.manual_seed(1)
    net = UNet(128).eval()
    torch.nn.init.normal_(net.head.weight)
    image = torch.zeros(1, 1, 128, 128)
    image[..., 56:64, 56:64] = torch.rand(8, 8)
    with torch.no_grad():
        here, there = net(image), net(image.roll((16, 16), (2, 3)))
    # Compared in the middle: the borders see padding, which does not move along.
    torch.testing.assert_close(there[..., 56:88, 56:88], here[..., 40:72, 40:72], atol=1e-5, rtol=1e-4)


def test_size_that_does_not_fold_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        UNet(72)
