"""Images filtered in the plane of spatial frequencies, on a processor or a GPU."""

from __future__ import annotations

import numpy as np
import scipy.fft
import torch


class Filter:
    """Images times a function of spatial frequency, in every ``step``-th pixel."""

    def __init__(self, transfer: np.ndarray, coarse: tuple[int, int], step: int, device: str) -> None:
        self.coarse, self.step, self.device = coarse, step, device
        self.whole = (coarse[0] * step, coarse[1] * step)
        self.transfer = transfer / np.float32(step**2) if device == "cpu" else torch.from_numpy(transfer).to(device)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Images (n, y, x) with the filter, (n, coarse y, coarse x)."""
        rows, columns = self.coarse[0] // 2, self.coarse[1] // 2 + 1
        if self.device != "cpu":
            spectrum = torch.fft.rfft2(images, s=self.whole)[..., :columns]
            kept = torch.cat([spectrum[:, :rows], spectrum[:, -rows:]], dim=1) if self.step > 1 else spectrum
            return torch.fft.irfft2(kept * self.transfer, s=self.coarse) / self.step**2
        # Twice as fast as torch's on a processor.
        threads = torch.get_num_threads()
        spectrum = scipy.fft.rfft2(images.numpy(), s=self.whole, workers=threads)
        if self.step > 1:
            spectrum = np.concatenate([spectrum[:, :rows, :columns], spectrum[:, -rows:, :columns]], axis=1)
        spectrum *= self.transfer
        return torch.from_numpy(scipy.fft.irfft2(spectrum, s=self.coarse, workers=threads, overwrite_x=True))
