"""Signal-to-noise of the best template in each voxel.

A template is what the beam shows of a Gaussian of one of a few sizes, times a spectrum: a line of one of a few widths,
or flat. The cube is correlated with each and divided by the noise that is left, measured in what comes out: so it does
not matter how the noise of the cube is correlated. What is negative is kept beside it, since it tells how often noise,
and what the imaging left, reach a height.

Small templates come first. What stands out with them is cut down before larger ones see it, as SoFiA's smooth-and-clip
finder does it (Serra et al. 2015, MNRAS 448, 1922): else these would carry a bright source into all that is around it.

What a large template leaves is smooth, and is looked at in every second or fourth pixel only. The spectra are done for
some pixels at a time, with all of their channels, which stay in the cache of a processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
import torch

from cubefocus.cube.scale import SIGMA_TO_FWHM, gaussian_area, gaussian_moments
from cubefocus.search.filtering import Filter
from cubefocus.search.levels import Levels
from cubefocus.search.significance import STANDS_OUT, Significance, check_beam
from cubefocus.stats.noise import MAD_SCATTER, robust_width

SIZES = (0.0, 0.9, 1.7, 3.0)  # standard deviations of the Gaussians, in those of the beam
WIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # FWHM of the lines, channels; 1 is a channel by itself
FLAT = math.inf  # width of a flat spectrum
LEAST_CHANNELS = 4  # with data: in fewer a flat spectrum is no template of its own
EDGE = (
    0.5  # of the largest variance that a template leaves of white noise: nearer to where the data end it says nothing
)
ENOUGH = 60.0  # independent values of a template in the cube: with fewer its noise is not known
REACH = 3.0  # standard deviations at which a line, and an image, end
MOST_VALUES = 500_000  # in which the noise of a template is measured
COARSE = 0.7  # standard deviations of what a template leaves between the pixels in which it is looked at, at most
STEPS = (8, 4, 2)  # such distances, pixels
AT_A_TIME = 2_000_000  # voxels that are transformed at once
LINES = 32  # channels of a line's correlation at a time
BLOCK = 131_072  # voxels whose spectra are done at once

Noises = Mapping[float, Mapping[float, float]]  # of each size and width; a template that is not there is not used


def significance(
    data: np.ndarray,
    levels: Levels,
    beam: tuple[float, float, float],
    device: str = "cpu",
    noises: Noises | None = None,
) -> Significance:
    """Correlate a cube, or a part of one, with all templates.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        NaN where there is none.
    levels : Levels
    beam : (major, minor, angle)
        FWHM in pixels; the angle of the major axis from +y towards -x, deg.
    device : str
    noises : mapping of float to (mapping of float to float), optional
        What each template leaves of the noise, where the data are a part of a cube in which it was measured, as
        `measure_noises` does it; measured here if left out.

    Returns
    -------
    Significance

    Raises
    ------
    CubefocusError
        If the image is not larger than the beam.
    """
    check_beam(beam, (data.shape[1], data.shape[2]))
    return Bank(data, levels, beam, device, noises).all()


def raised(noises: Mapping[float, float], counts: Mapping[float, float]) -> dict[float, float]:
    """The noise of each width, as high as it may be for so many independent values.

    Of the templates that have few of them the one whose noise came out too low would be the best everywhere. Those of
    lines are relative to that of a channel.
    """
    higher = {width: 1.0 + MAD_SCATTER / math.sqrt(max(counts[width], 1.0)) for width in noises}
    return {width: noise * higher[width] / (1.0 if width == 1.0 else higher[1.0]) for width, noise in noises.items()}


def reach_of(beam: tuple[float, float, float]) -> int:
    """Pixels beyond which nothing tells on the significance of a voxel: what the largest template sees, and what is
    cut down in that by the smallest."""
    sigma = beam[0] / SIGMA_TO_FWHM
    return math.ceil(REACH * sigma * (math.sqrt(1.0 + max(SIZES) ** 2) + 1.0))


class Bank:
    """A cube on a device, and the highest that templates gave so far."""

    def __init__(
        self,
        data: np.ndarray,
        levels: Levels,
        beam: tuple[float, float, float],
        device: str,
        noises: Noises | None,
        share: float = 1.0,
    ) -> None:
        self.beam, self.device, self.share = beam, device, share
        self.given = noises
        self.noises: dict[float, dict[float, float]] = {}
        self.counts: dict[float, dict[float, float]] = {}
        self.shape: tuple[int, int] = (data.shape[1], data.shape[2])
        scaled, self.alive, self.pixels, gaps = _scaled(data, levels)
        self.scaled = torch.from_numpy(scaled).to(device)
        self.gaps = None if gaps is None else torch.from_numpy(gaps).to(device)
        self.positive, self.negative = torch.zeros_like(self.scaled), torch.zeros_like(self.scaled)
        self.standing = np.zeros(len(data), dtype=bool)  # channels in which anything stood out so far
        self.covariance, self.area = gaussian_moments(*beam), gaussian_area(*beam[:2])
        self.lines = {width: self.matrices(width) for width in WIDTHS[1:] if width <= self.alive.sum()}

    def all(self) -> Significance:
        for size in SIZES:
            self.with_size(size)
        if self.gaps is not None:
            self.positive[self.gaps] = self.negative[self.gaps] = 0.0
        return Significance(self.positive.cpu().numpy(), self.negative.cpu().numpy(), self.alive)

    def beams(self, size: float) -> float:
        """Independent values of a size in a channel."""
        return float(self.pixels.sum()) / (self.area * (1.0 + size**2))

    def widths(self, size: float) -> list[float]:
        """Widths of the lines that are looked for at a size."""
        if self.given is not None:
            return sorted(self.given.get(size, {}))
        beams = self.beams(size) / self.share
        n_alive = int(self.alive.sum())
        if beams * n_alive < ENOUGH and size > 0:
            return []
        widths = [1.0, *(one for one in WIDTHS[1:] if one <= n_alive and beams * n_alive / one >= ENOUGH)]
        return [*widths, FLAT] if n_alive >= LEAST_CHANNELS and beams >= ENOUGH else widths

    def with_size(self, size: float) -> None:
        widths = self.widths(size)
        if not widths:
            return
        step = self.step(size)
        smooth, usable = self.smooth(size, step)
        high, low = (self.coarse(one, step) if self.standing.any() else None for one in (self.positive, self.negative))
        values = smooth.flatten(1)
        if self.given is None:
            self.noises[size] = self.measured(values, usable, widths, high, low)
            beams = self.beams(size)
            n_alive = int(self.alive.sum())
            self.counts[size] = {width: beams * (1.0 if width == FLAT else n_alive / width) for width in widths}
        noises = raised(self.noises[size], self.counts[size]) if self.given is None else self.given[size]
        if not noises.get(1.0, 0.0) > 0:
            return
        # What comes out takes the place of what went in: a cube less to hold.
        up, down = (
            (values, torch.empty_like(values)) if step > 1 else (self.positive.flatten(1), self.negative.flatten(1))
        )

        def block(part: slice) -> None:
            above, below = (None if one is None else one[:, part] for one in (high, low))
            if above is not None and below is not None and not (above.any() or below.any()):
                above = below = None  # as nearly everywhere
            best, worst = self.cascade(values[:, part], above, below, noises)
            if step > 1:
                up[:, part], down[:, part] = best, -worst
            else:
                torch.maximum(up[:, part], best, out=up[:, part])
                torch.maximum(down[:, part], -worst, out=down[:, part])

        width = max(64, BLOCK // len(values))
        self.each([slice(at, at + width) for at in range(0, values.shape[1], width)], block)
        if step > 1:
            self.spread(up.reshape(smooth.shape), self.positive, step)
            self.spread(down.reshape(smooth.shape), self.negative, step)
        highest = torch.maximum(*(one.amax(dim=(1, 2)) for one in (self.positive, self.negative)))
        self.standing = (highest > STANDS_OUT).cpu().numpy()

    def each(self, parts: Sequence[slice], call: Callable[[slice], None]) -> None:
        """Do all parts, on a processor side by side: one operation at a time is too short for all of its cores."""
        threads = torch.get_num_threads()
        if self.device != "cpu" or threads == 1:
            for part in parts:
                call(part)
            return
        with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
            list(pool.map(call, parts))
        torch.set_num_threads(threads)

    def step(self, size: float) -> int:
        """Distance of the pixels in which a size is looked at."""
        width = self.beam[1] / SIGMA_TO_FWHM * math.sqrt(1.0 + size**2)
        return next((step for step in STEPS if step <= COARSE * width and 4 * step <= min(self.shape)), 1)

    def smooth(self, size: float, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Each channel correlated with the beam's image of a Gaussian; and where that says much.

        In each square of ``step`` pixels the value in its middle. Noise is the same also near where the data end.
        """
        reach = math.ceil(REACH * self.beam[0] / SIGMA_TO_FWHM * math.sqrt(1.0 + size**2))
        counts = tuple(math.ceil(n / step) for n in self.shape)
        coarse = tuple(int(scipy.fft.next_fast_len(math.ceil((n + reach) / step), real=True)) for n in self.shape)
        coarse = (coarse[0] + coarse[0] % 2, coarse[1] + coarse[1] % 2)
        filtered = Filter(self.transfer(size, coarse, step), coarse, step, self.device)
        # The square of a Gaussian is one of half the variance.
        pixels = torch.from_numpy(self.pixels.astype(np.float32)).to(self.device)[None]
        share = Filter(self.transfer(size, coarse, step, 0.5), coarse, step, self.device)(pixels)
        share = share[0, : counts[0], : counts[1]]
        usable = share > EDGE
        factor = usable / share.clamp(min=EDGE).sqrt()
        smooth = torch.empty(len(self.scaled), *counts, device=self.device)
        few = max(1, AT_A_TIME // (coarse[0] * coarse[1] * step**2))
        for start in range(0, len(smooth), few):
            part = slice(start, start + few)
            torch.mul(filtered(self.source(part))[:, : counts[0], : counts[1]], factor, out=smooth[part])
        return smooth, usable

    def source(self, part: slice) -> torch.Tensor:
        """Channels in units of their noise, less of what stood out so far."""
        values = self.scaled[part]
        if not self.standing[part].any():
            return values
        return _cut(values, self.positive[part] > STANDS_OUT, self.negative[part] > STANDS_OUT)

    def transfer(self, size: float, coarse: tuple[int, int], step: int, share: float = 1.0) -> np.ndarray:
        """Transform of a template of some share of its variance, and from the middle of a square to its first pixel."""
        ky = 2.0 * np.pi * np.fft.fftfreq(coarse[0]) / step
        kx = 2.0 * np.pi * np.fft.rfftfreq(coarse[1]) / step
        (xx, xy), (_, yy) = self.covariance + size**2 * math.sqrt(np.linalg.det(self.covariance)) * np.eye(2)
        form = xx * kx[None] ** 2 + 2.0 * xy * kx[None] * ky[:, None] + yy * ky[:, None] ** 2
        shift = 0.5 * (step - 1) * (kx[None] + ky[:, None])
        if step == 1:
            return np.exp(-0.5 * share * form).astype(np.float32)
        return (np.exp(-0.5 * share * form) * np.exp(1j * shift)).astype(np.complex64)

    def matrices(self, width: float) -> list[tuple[slice, slice, torch.Tensor]]:
        """A line of some width as matrices from channels to channels, for equal noise near the ends of the band."""
        sigma = width / SIGMA_TO_FWHM
        n_channels, reach = len(self.alive), math.ceil(REACH * sigma)
        channels, found = np.arange(n_channels), []
        for start in range(0, n_channels, LINES):
            stop = min(start + LINES, n_channels)
            low, high = max(0, start - reach), min(n_channels, stop + reach)
            offset = (channels[None, low:high] - channels[start:stop, None]) / sigma
            line = np.exp(-0.5 * offset**2) * (np.abs(offset) <= REACH) * self.alive[None, low:high]
            line /= np.sqrt(np.maximum((line**2).sum(axis=1, keepdims=True), 1e-6))
            matrix = torch.from_numpy(line.astype(np.float32)).to(self.device)
            found.append((slice(start, stop), slice(low, high), matrix))
        return found

    def cascade(
        self,
        values: torch.Tensor,
        high: torch.Tensor | None,
        low: torch.Tensor | None,
        noises: Mapping[float, float],
        measure: Callable[[float, torch.Tensor], float] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The highest and the lowest that lines of all widths give of smoothed spectra (channel, pixel).

        ``high`` and ``low`` say what stood out before; ``measure`` gives the noise where it is not known yet.
        """
        own = values / noises[1.0]
        up, down = own.clamp(min=0.0), own.clamp(max=0.0)
        for width in sorted(noises)[1:]:
            source = own
            if high is not None or low is not None or up.max() > STANDS_OUT or down.min() < -STANDS_OUT:
                above, below = up > STANDS_OUT, down < -STANDS_OUT
                source = _cut(own, above if high is None else above | high, below if low is None else below | low)
            if width == FLAT:
                found = source.sum(dim=0, keepdim=True)
            else:
                found = torch.empty_like(source)
                for rows, columns, matrix in self.lines[width]:
                    torch.mm(matrix, source[columns], out=found[rows])
            noise = noises[width] if measure is None else measure(width, found)
            if noise > 0:
                found /= noise
                torch.maximum(up, found, out=up)
                torch.minimum(down, found, out=down)
        return up, down

    def measured(
        self, values: torch.Tensor, usable: torch.Tensor, widths: Sequence[float], high: torch.Tensor | None,
        low: torch.Tensor | None,
    ) -> dict[float, float]:  # fmt: skip
        """What each width leaves of the noise, in some of the pixels."""
        chosen = usable.flatten().nonzero()[:, 0]
        chosen = chosen[:: max(1, len(chosen) * int(self.alive.sum()) // MOST_VALUES)]
        if not len(chosen):
            return {}
        held = torch.from_numpy(self.alive).to(self.device)[:, None].expand(-1, len(chosen))
        if self.gaps is not None:
            step = math.ceil(self.shape[1] / usable.shape[1])
            row, column = chosen // usable.shape[1], chosen % usable.shape[1]
            middle = [(at * step + step // 2).clamp(max=n - 1) for at, n in zip((row, column), self.shape, strict=True)]
            held = held & ~self.gaps[:, middle[0], middle[1]]
        some = values[:, chosen]
        found = {1.0: _width(some[held])}
        if not found[1.0] > 0:
            return {}

        def measure(width: float, result: torch.Tensor) -> float:
            found[width] = _width(result if width == FLAT else result[held])
            return found[width]

        above, below = (None if one is None else one[:, chosen] for one in (high, low))
        self.cascade(some, above, below, dict.fromkeys(widths, 0.0) | {1.0: found[1.0]}, measure)
        return found

    def coarse(self, values: torch.Tensor, step: int) -> torch.Tensor:
        """Whether any pixel of each square stands out, shape (channel, square)."""
        out = values > STANDS_OUT
        if step > 1:
            margin = [-n % step for n in self.shape]
            out = torch.nn.functional.pad(out, (0, margin[1], 0, margin[0]))
            n_y, n_x = (n // step for n in out.shape[1:])
            out = out.reshape(len(out), n_y, step, n_x, step).any(dim=4).any(dim=2)
        return out.flatten(1)

    def spread(self, values: torch.Tensor, onto: torch.Tensor, step: int) -> None:
        """Give all pixels of a square what was found in its middle, where that is more."""
        few = max(1, AT_A_TIME // (self.shape[0] * self.shape[1]))
        for start in range(0, len(values), few):
            part = values[start : start + few].repeat_interleave(step, 1)[:, : self.shape[0]]
            part = part.repeat_interleave(step, 2)[:, :, : self.shape[1]]
            torch.maximum(onto[start : start + few], part, out=onto[start : start + few])


def _scaled(data: np.ndarray, levels: Levels) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """A cube in units of its noise, 0 where there is none; channels and pixels with data; voxels without, if any."""
    scaled = np.empty(data.shape, dtype=np.float32)
    alive, pixels = np.zeros(len(data), dtype=bool), np.zeros(data.shape[1:], dtype=bool)
    gaps: np.ndarray | None = None
    weight = (1.0 / levels.place).astype(np.float32)
    for number, level in enumerate(levels.channel):
        plane = scaled[number]
        if not math.isfinite(level):
            plane[:] = np.nan
        else:
            np.multiply(data[number], weight, out=plane)
            plane *= np.float32(1.0 / level)
        known = np.isfinite(plane)
        alive[number] = known.any()
        pixels |= known
        if not known.all():
            gaps = np.zeros(data.shape, dtype=bool) if gaps is None else gaps
            gaps[number] = ~known
            plane[~known] = 0.0
    return scaled, alive, pixels, gaps


def _cut(values: torch.Tensor, high: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
    """Values, 0 where they are high and that stood out, or low and that did."""
    return values.masked_fill((high & (values > 0.0)) | (low & (values < 0.0)), 0.0)


def _width(values: torch.Tensor) -> float:
    return float(robust_width(values.reshape(-1).cpu().numpy()))
