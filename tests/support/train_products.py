"""Small training products with a signal to learn: noisy Gaussians and their parameters."""

import numpy as np


def gaussian(size, x, y, sigma_x, sigma_y, pa):
    """Images (n, size, size) of Gaussians; parameters are arrays (n,), pa in degrees, clockwise with y up."""
    rows, columns = np.mgrid[:size, :size]
    x, y, sigma_x, sigma_y, pa = (np.asarray(each, dtype=float)[:, None, None] for each in (x, y, sigma_x, sigma_y, pa))
    cos, sin = np.cos(np.radians(pa)), np.sin(np.radians(pa))
    dx, dy = columns - x, rows - y
    return np.exp(-0.5 * (((dx * cos - dy * sin) / sigma_x) ** 2 + ((dx * sin + dy * cos) / sigma_y) ** 2))


def make_products(n, seed, side=32, n_channels=16):
    """Every dataset that the tasks read, ``n`` samples of each."""
    rng = np.random.default_rng(seed)
    sigma_x, sigma_y, pa = rng.uniform(1.5, 4, n), rng.uniform(1.5, 4, n), rng.uniform(0, 90, n)
    sky = gaussian(side, rng.uniform(8, side - 8, n), rng.uniform(8, side - 8, n), sigma_x, sigma_y, pa)
    focused = gaussian(64, np.full(n, 32.0), np.full(n, 32.0), sigma_x, sigma_y, pa)
    line = np.exp(-0.5 * ((np.arange(n_channels) - rng.uniform(3, n_channels - 3, n)[:, None]) / 1.5) ** 2)
    amplitude = rng.uniform(0.5, 2, n)[:, None, None]
    products = {
        "images/dirty": sky + 0.05 * rng.normal(size=sky.shape),
        "images/sky": 1e-3 * sky,
        "spectra/dirty": 5 * line + rng.normal(size=line.shape),
        "spectra/sky": 2 * line + 1,
        "focused": amplitude * focused + 0.02 * rng.normal(size=focused.shape),
        "line_images": amplitude * focused,
        "targets/sigma_x": sigma_x,
        "targets/sigma_y": sigma_y,
        "targets/pa": pa,
        "targets/flux_line": (amplitude * focused).sum(axis=(1, 2)),
    }
    return {key: value.astype(np.float32) for key, value in products.items()}
