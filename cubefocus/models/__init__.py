"""The networks, one a file."""

from cubefocus.models.blobs_finder import BlobsFinder
from cubefocus.models.deep_gru import DeepGRU
from cubefocus.models.resnet import ResNet
from cubefocus.models.unet import UNet

__all__ = ["BlobsFinder", "DeepGRU", "ResNet", "UNet"]
