"""The networks, one a file."""

from cubefocus.networks.autoencoder import Autoencoder
from cubefocus.networks.blobs_finder import BlobsFinder
from cubefocus.networks.deep_gru import DeepGRU
from cubefocus.networks.proposer import Proposer
from cubefocus.networks.residual import Residual
from cubefocus.networks.resnet import ResNet
from cubefocus.networks.unet import UNet

__all__ = ["Autoencoder", "BlobsFinder", "DeepGRU", "Proposer", "ResNet", "Residual", "UNet"]
