"""Deep GRU: the recurrent network that cleans a spectrum (MNRAS 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DeepGRU(nn.Module):
    """Two GRU layers that read the spectrum in opposite directions, and a fully connected layer (figure 6 of MNRAS).

    Parameters
    ----------
    n_channels : int
        Length of the spectra; the fully connected layer depends on it.
    hidden : int
        Units of each layer.
    output_bias : float
        Start value of the biases before the sigmoid: the logit of the mean target.
    """

    def __init__(self, n_channels: int = 128, hidden: int = 32, output_bias: float = 0.0) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.layers = nn.GRU(1, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden * n_channels, n_channels)
        nn.init.constant_(self.output.bias, output_bias)

    def forward(self, spectra: Tensor) -> Tensor:
        """Clean spectra.

        Parameters
        ----------
        spectra : Tensor, shape (b, channel)
            Standardised dirty spectra.

        Returns
        -------
        Tensor, shape (b, channel)
            Estimate of the noise-free spectra, each scaled to [0, 1].
        """
        states, _ = self.layers(spectra.unsqueeze(-1))
        return torch.sigmoid(self.output(states.flatten(1)))
