"""The dirty beam and the primary beam of a cube in the plane of spatial frequencies, as the fit needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch

from cubefocus.cube.scale import SIGMA_TO_FWHM, gaussian_moments
from cubefocus.errors import CubefocusError
from cubefocus.fit.grid import Grid
from cubefocus.instrument.response import Response

MARGIN = 2  # cells beyond the longest baseline: the edge of the image smears what lies there over its neighbours
NO_POWER = 2e-3  # of the largest: where the transform of a PSF from a file counts as not sampled


@dataclass(frozen=True, eq=False)
class Beam:
    """What the instrument makes of a source of 1 Jy, in the plane of spatial frequencies.

    Attributes
    ----------
    grid : Grid
    bands : tuple of slice
        Channels that share a dirty beam.
    transfer : ndarray, shape (band, v, u)
        Transform of the dirty beam, whose peak is 1; real, as a dirty beam is symmetric.
    noise : ndarray, shape (v, u), or None
        Power of the noise that the visibilities have, up to a factor; None where it is measured in the cube.
    log_pb : ndarray, shape (2, y, x), or None
        Logarithm of the primary beam in the first and in the last channel; None for one that is 1.
    fwhm : (major, minor)
        Of the main lobe, pixels.
    angle : float
        Of its major axis from the +y pixel axis towards -x, deg.
    restoring : ndarray, shape (channel, 3) or (1, 3), or None
        Of Gaussian beams the FWHM of both axes (pixels) and that angle, of each channel; None for others.
    reach : (y, x), or None
        How far from its peak a dirty beam is known, pixels; None for everywhere.
    sidelobe : float
        Largest absolute value that a dirty beam whose peak is 1 has in the outer half of where it is known.
    """

    grid: Grid
    bands: tuple[slice, ...]
    transfer: np.ndarray
    noise: np.ndarray | None
    log_pb: np.ndarray | None
    fwhm: tuple[float, float]
    angle: float = 0.0
    restoring: np.ndarray | None = None
    reach: tuple[int, int] | None = None
    sidelobe: float = 0.0
    _cache: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def of_response(cls, response: Response, change: float = 0.02) -> Beam:
        """The beam of a set-up that CASA measured.

        Parameters
        ----------
        response : Response
        change : float
            By how much of its peak a dirty beam may differ from that of its band; decides how many bands there are.

        Raises
        ------
        CubefocusError
            If the response is damaged.
        """
        psf, power = response.psf(), response.noise_power().astype(np.float64)
        half = (power.shape[1] // 2 + MARGIN, power.shape[2] - 1 + MARGIN)
        pb = response.primary_beam()
        edges = np.stack([pb[0], pb[-1]]).astype(np.float64)
        cell = response.observation.cell_arcsec
        major, minor = response.beams[len(response.beams) // 2, :2] / cell
        return cls.of_psf(psf, response.shape, change, half, _placed(power.mean(axis=0)), edges, (major, minor))

    @classmethod
    def of_psf(
        cls,
        psf: np.ndarray,
        shape: tuple[int, int, int],
        change: float = 0.02,
        half: tuple[int, int] | None = None,
        noise: np.ndarray | None = None,
        primary_beam: np.ndarray | None = None,
        fwhm: tuple[float, float] | None = None,
    ) -> Beam:
        """The beam of a cube of dirty beams.

        Parameters
        ----------
        psf : ndarray, shape (channel, y, x) or (1, y, x)
            Dirty beam of each channel, or of all; its peak is brought to 1.
        shape : (channel, y, x)
            Of the cubes.
        change : float
            As for `of_response`.
        half : (v, u), optional
            Largest spatial frequencies with data, in cells of 1 / (twice the image); read off the transform if left
            out.
        noise : ndarray, optional
            Power of the noise of the visibilities by spatial frequency, rows from -v to v, columns from 0.
        primary_beam : ndarray, shape (channel, y, x) or (1, y, x), optional
        fwhm : (major, minor), optional
            Pixels; measured in the dirty beam if left out.

        Raises
        ------
        CubefocusError
            If the dirty beam has no peak, or another number of channels.
        """
        n_channels, rows, columns = shape
        if len(psf) not in (1, n_channels):
            raise CubefocusError(f"a PSF of {len(psf)} channels for a cube of {n_channels}; give one, or as many")
        padded = (2 * rows, 2 * columns)
        kernels, reach = _centred(psf, padded)
        offsets = [
            np.abs(np.fft.fftfreq(size, 1.0 / size)) / max(far, 1) for size, far in zip(padded, reach, strict=True)
        ]
        outer = np.maximum(offsets[0][:, None], offsets[1][None]) > 0.5
        sidelobe = float(np.abs(kernels[len(kernels) // 2][outer]).max())
        if half is None:
            half = _extent(kernels, padded, (psf.shape[1], psf.shape[2]))
        half = (min(half[0], padded[0] // 2 - 1), min(half[1], padded[1] // 2 - 1))
        grid = Grid((rows, columns), padded, half)
        bands = _bands(kernels, n_channels, change)
        means = np.stack([kernels[band].mean(axis=0) if len(psf) > 1 else kernels[0] for band in bands])
        transfer = grid.cut(torch.from_numpy(means.astype(np.float32))).numpy().real.astype(np.float64)
        on_grid = None if noise is None else _on_grid(noise, grid)
        major, minor, angle = _main_lobe(means[len(means) // 2])
        return cls(
            grid,
            bands,
            transfer,
            on_grid,
            _log_pb(primary_beam),
            fwhm or (major, minor),
            angle,
            reach=reach,
            sidelobe=sidelobe,
        )

    @classmethod
    def gaussian(
        cls,
        beams: np.ndarray,
        shape: tuple[int, int, int],
        change: float = 0.02,
        primary_beam: np.ndarray | None = None,
    ) -> Beam:
        """A restoring beam in the place of the dirty beam, for cubes that CLEAN restored.

        Parameters
        ----------
        beams : ndarray, shape (channel, 3) or (1, 3)
            FWHM of the major and of the minor axis (pixels), and the angle of the major axis from the +y pixel axis
            towards -x (degrees): the position angle where north is up and east to the left.
        shape : (channel, y, x)
        change : float
            By how much of itself a second moment of a beam may differ from that of its band; decides how many bands
            there are.
        primary_beam : ndarray, shape (channel, y, x) or (1, y, x), optional

        Raises
        ------
        CubefocusError
            If there is another number of beams than of channels.
        """
        n_channels, rows, columns = shape
        if len(beams) not in (1, n_channels):
            raise CubefocusError(f"{len(beams)} beams for a cube of {n_channels} channels; give one, or as many")
        padded = (2 * rows, 2 * columns)
        covs = np.stack([gaussian_moments(*beam) for beam in beams.tolist()])
        bands = _alike(covs, n_channels, change)
        means = [covs[band].mean(axis=0) if len(covs) > 1 else covs[0] for band in bands]
        # Beyond 3 standard deviations of its transform a Gaussian beam has passed less than a hundredth.
        least = math.sqrt(min(float(np.linalg.eigvalsh(cov)[0]) for cov in means))
        half_y, half_x = (min(math.ceil(3.0 * size / (2.0 * math.pi * least)), size // 2 - 1) for size in padded)
        grid = Grid((rows, columns), padded, (half_y, half_x))
        ky, kx = grid.wavenumbers
        transfers = []
        for cov in means:
            form = cov[0, 0] * kx[None] ** 2 + 2 * cov[0, 1] * kx[None] * ky[:, None] + cov[1, 1] * ky[:, None] ** 2
            area = 2.0 * math.pi * math.sqrt(float(np.linalg.det(cov)))
            transfers.append(area * np.exp(-0.5 * form) * grid.inside)
        major, minor, angle = beams[len(beams) // 2].tolist()
        return cls(grid, bands, np.stack(transfers), None, _log_pb(primary_beam), (major, minor), angle, beams)

    def within(self, rows: slice, columns: slice) -> Beam:
        """Gaussian beams for a part of the image.

        Raises
        ------
        ValueError
            If the beams are others: those of a dirty cube reach as far as its image.
        """
        if self.restoring is None:
            raise ValueError("only Gaussian beams are the same in a part of an image")
        if (rows.stop - rows.start, columns.stop - columns.start) == self.grid.shape:
            return self
        shape = (self.bands[-1].stop, rows.stop - rows.start, columns.stop - columns.start)
        log_pb = None if self.log_pb is None else self.log_pb[:, rows, columns]
        return replace(Beam.gaussian(self.restoring, shape), log_pb=log_pb)

    @property
    def density(self) -> np.ndarray:
        """Density of the visibilities by spatial frequency (v, u), up to a factor.

        With natural weights the power of their noise is it, and so is the transform of the dirty beam.
        """
        return self.noise if self.noise is not None else self.transfer.mean(axis=0)

    @property
    def sigma(self) -> float:
        """Standard deviation of the main lobe, pixels: geometric mean of both axes."""
        return math.sqrt(self.fwhm[0] * self.fwhm[1]) / SIGMA_TO_FWHM

    @property
    def lobe(self) -> np.ndarray:
        """Second moments (xx, xy; xy, yy) of the main lobe or restoring beam of the middle channel, pixels^2."""
        return gaussian_moments(*self.fwhm, self.angle)

    def band_of(self, channel: int) -> int:
        """Band that a channel belongs to."""
        return next(number for number, band in enumerate(self.bands) if channel < band.stop)


def _log_pb(primary_beam: np.ndarray | None) -> np.ndarray | None:
    """Logarithm of a primary beam in the first and in the last channel, shape (2, y, x)."""
    if primary_beam is None:
        return None
    edges = np.nan_to_num(np.stack([primary_beam[0], primary_beam[-1]])).astype(np.float64)
    return np.log(np.maximum(edges, 1e-3))


def _alike(covs: np.ndarray, n_channels: int, change: float) -> tuple[slice, ...]:
    """Bands of channels in whose beams no second moment differs by more than twice a share of it from the first's."""
    starts = [0]
    for channel in range(1, len(covs)):
        ratio = np.linalg.solve(covs[starts[-1]], covs[channel])
        if np.abs(np.linalg.eigvals(ratio).real - 1.0).max() > 2.0 * change:
            starts.append(channel)
    return tuple(slice(low, high) for low, high in pairwise([*starts, n_channels]))


def _placed(power: np.ndarray) -> np.ndarray:
    """Noise power with rows from -v to v, from rows 0 ... v, -v ... -1; the column u = 0 with its mirror image.

    A response keeps what is drawn in half of the plane. Elsewhere that is half of a cell and its mirror image; at u = 0
    each cell is drawn with all of it and then has half of its own amplitude and half of that of its mirror image.
    """
    whole = np.fft.fftshift(power, axes=0)
    whole[:, 0] = 0.25 * (whole[:, 0] + whole[::-1, 0])
    return whole


def _on_grid(power: np.ndarray, grid: Grid) -> np.ndarray:
    rows, columns = grid.kept
    v, u = rows + power.shape[0] // 2, columns
    held = ((v >= 0) & (v < power.shape[0]))[:, None] & (u < power.shape[1])[None]
    return np.where(held, power[np.clip(v, 0, power.shape[0] - 1)][:, np.clip(u, 0, power.shape[1] - 1)], 0.0)


def _centred(psf: np.ndarray, padded: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Dirty beams of peak 1 with their centre at pixel (0, 0) of the padded area, and how far from it they are known.

    A channel that is blank gets the dirty beam of the nearest one that is not.
    """
    filled = np.flatnonzero([np.isfinite(plane).any() and np.nanmax(plane) > 0 for plane in psf])
    if not len(filled):
        raise CubefocusError("the PSF has no peak above 0; give the cube of dirty beams (psf.fits)")
    nearest = filled[np.abs(filled[None] - np.arange(len(psf))[:, None]).argmin(axis=1)]
    middle = psf[nearest[len(psf) // 2]]
    row, column = divmod(int(np.nanargmax(middle)), middle.shape[1])
    placed = np.zeros((len(psf), *padded), dtype=np.float32)
    above, left = min(row, padded[0] // 2 - 1), min(column, padded[1] // 2 - 1)
    below = min(psf.shape[1] - row, padded[0] // 2)
    right = min(psf.shape[2] - column, padded[1] // 2)
    part = np.nan_to_num(psf[nearest, row - above : row + below, column - left : column + right])
    placed[:, : above + below, : left + right] = part / np.nan_to_num(psf[nearest, row, column])[:, None, None]
    return np.roll(placed, (-above, -left), axis=(1, 2)), (min(above, below - 1), min(left, right - 1))


def asymmetry(plane: np.ndarray) -> float:
    """How far a dirty beam is from what it must be, the same on both sides of its peak.

    Parameters
    ----------
    plane : ndarray, shape (y, x)

    Returns
    -------
    float
        Rms of its difference from its mirror image, over that of itself, where both are known; infinite for a peak at
        the edge of the image.
    """
    row, column = divmod(int(np.nanargmax(plane)), plane.shape[1])
    far = min(row, plane.shape[0] - 1 - row), min(column, plane.shape[1] - 1 - column)
    part = plane[row - far[0] : row + far[0] + 1, column - far[1] : column + far[1] + 1].astype(np.float64)
    if min(far) < 1:
        return math.inf
    return math.sqrt(float(np.nanmean((part - part[::-1, ::-1]) ** 2) / np.nanmean(part**2)))


def _extent(kernels: np.ndarray, padded: tuple[int, int], psf_shape: tuple[int, int]) -> tuple[int, int]:
    """Largest spatial frequencies at which a dirty beam has power.

    Where the image of the beam ends its sidelobes do not, and that edge has power at all frequencies; a taper takes it
    away, and smears the rest over a cell or two.
    """
    tapers = []
    for size, width in zip(padded, psf_shape, strict=True):
        offset, reach = np.abs(np.fft.fftfreq(size, 1.0 / size)), min(size, width) / 2.0
        tapers.append(np.where(offset < reach, np.cos(0.5 * np.pi * offset / reach) ** 2, 0.0))
    power = np.abs(np.fft.rfft2(kernels[len(kernels) // 2] * tapers[0][:, None] * tapers[1][None]))
    rows, columns = np.nonzero(power > NO_POWER * power.max())
    return int(np.minimum(rows, padded[0] - rows).max()), int(columns.max())


def _bands(kernels: np.ndarray, n_channels: int, change: float) -> tuple[slice, ...]:
    """Bands in which no dirty beam differs anywhere by more than a share of its peak from that of the middle."""
    if len(kernels) == 1:
        return (slice(0, n_channels),)
    differs = float(np.abs(kernels[-1] - kernels[0]).max())
    number = min(max(1, math.ceil(0.5 * differs / change)), n_channels)
    edges = np.linspace(0, n_channels, number + 1).round().astype(int).tolist()
    return tuple(slice(low, high) for low, high in pairwise(edges))


def _main_lobe(kernel: np.ndarray) -> tuple[float, float, float]:
    """FWHM of the main lobe, pixels, and angle of its major axis from +y towards -x, from its second derivatives."""
    p = kernel.astype(np.float64)
    xx, yy = p[0, 1] + p[0, -1] - 2 * p[0, 0], p[1, 0] + p[-1, 0] - 2 * p[0, 0]
    xy = 0.25 * (p[1, 1] + p[-1, -1] - p[1, -1] - p[-1, 1])
    precision, axes = np.linalg.eigh(-np.array([[xx, xy], [xy, yy]]) / p[0, 0])
    major, minor = SIGMA_TO_FWHM / np.sqrt(np.maximum(precision, 1e-6))
    return float(major), float(minor), math.degrees(math.atan2(-axes[0, 0], axes[1, 0])) % 180.0


def channels_of(bands: Sequence[slice], n_channels: int) -> np.ndarray:
    """Band of each channel, shape (channel,)."""
    band = np.zeros(n_channels, dtype=int)
    for number, one in enumerate(bands):
        band[one] = number
    return band
