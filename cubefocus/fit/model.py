"""A cube and the sources that explain it, as the numbers that the fit needs: products of images and of spectra.

Each source is an image times a spectrum, so of the model

    D(x, y, z) = sum over sources of T(z) B(x, y) + noise,    B = PSF (*) g

no derivative of a cube is ever formed. With the images B of all sources and their derivatives, six each, the normal
equations are products of images times products of spectra, and the data enter through the projections of each channel
on these images alone. Everything is divided by the square root of the power of the noise in the plane of spatial
frequencies first, so that sums of squares are chi^2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cubefocus.fit.beam import Beam, channels_of
from cubefocus.fit.grid import Grid
from cubefocus.fit.noise import Noise, Transforms, measure_noise, trusted
from cubefocus.fit.products import Products
from cubefocus.fit.source import Component, Spectral

BENT = 10.0  # significance of what the ends of the image make of the brightest source, all over the image: fitted too
SMALL = 0.6  # standard deviation of the source at which that is seen, over that of the beam
AT_A_TIME = 8  # images that are ended
Images = Callable[[Sequence[Component], int], torch.Tensor]  # of sources of 1 Jy in a band, (n, sample)


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube that is ready to be fitted.

    Attributes
    ----------
    beam : Beam
    noise : Noise
    spectral : Spectral
    data : Tensor of float32, shape (channel, sample)
        Divided by the noise; 0 where there is no data.
    held : Tensor of bool, shape (sample,)
        Which samples have data.
    transfer : Tensor of float32, shape (band, v, u)
        Of the beam, divided by the noise.
    whiten : Tensor of float32, shape (v, u)
        What divides by the noise.
    filled : Tensor of bool, shape (y, x)
        Pixels that have data.
    ends : bool
        Whether the images of sources that are fitted end where the data end, before they are divided by the noise.
    """

    beam: Beam
    noise: Noise
    spectral: Spectral
    data: torch.Tensor
    held: torch.Tensor
    transfer: torch.Tensor
    whiten: torch.Tensor
    filled: torch.Tensor
    ends: bool = False

    @classmethod
    def of(
        cls,
        data: np.ndarray | Transforms,
        beam: Beam,
        frequencies_hz: np.ndarray,
        noise: Noise | None = None,
        device: str = "cpu",
    ) -> Scene:
        """Prepare a cube.

        Parameters
        ----------
        data : ndarray, shape (channel, y, x), or Transforms
            Jy/beam, NaN where there is none.
        beam : Beam
        frequencies_hz : ndarray, shape (channel,)
        noise : Noise, optional
            Measured in the cube if left out.
        device : str
            Of an array; that of transforms is theirs.
        """
        grid = beam.grid
        cuts = data if isinstance(data, Transforms) else Transforms(data, grid, device)
        n_channels, device = len(cuts.data), cuts.device
        noise = noise or trusted(measure_noise(cuts, beam), beam)
        amplitude = np.where(grid.inside, 1.0 / np.sqrt(noise.power), 0.0)
        weight = 1.0 / noise.relative
        reference = frequencies_hz[n_channels // 2]
        log_ratio = np.log(reference / frequencies_hz) if np.isfinite(reference) else np.zeros(n_channels)
        held = torch.from_numpy(cuts.filled[grid.pixels_of_samples].reshape(-1)).to(device)
        whiten = torch.from_numpy(amplitude.astype(np.float32)).to(device)
        scale = torch.from_numpy(weight.astype(np.float32)).to(device)
        planes = torch.zeros(n_channels, held.numel(), device=device)
        for numbers, cut, _ in cuts:
            at = torch.from_numpy(numbers).to(device)
            planes[at] = grid.sampled(cut * whiten).reshape(len(numbers), -1) * (scale[at, None] * held)
        transfer = torch.from_numpy((beam.transfer * amplitude).astype(np.float32)).to(device)
        filled = torch.from_numpy(cuts.filled).to(device)
        scene = cls(beam, noise, Spectral(log_ratio, weight), planes, held, transfer, whiten, filled)
        return replace(scene, ends=scene._is_bent_by_its_ends())

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.data)

    @property
    def used_channels(self) -> int:
        """Number of channels with data."""
        return int((self.spectral.weight > 0).sum())

    def _is_bent_by_its_ends(self) -> bool:
        """Whether the ends of the image matter to what is fitted of its brightest source.

        The sidelobes of few baselines are as strong at the edge of the image as anywhere. There they end, and divided
        by the noise that end is seen in all of the image.
        """
        if self.beam.restoring is not None:  # without sidelobes
            return False
        at = [0.5 * (size - 1) for size in self.beam.grid.shape]
        middle = [Component.of(at[1], at[0], (SMALL * self.beam.sigma) ** 2 * np.eye(2), [])]
        one, ending = (replace(self, ends=ends).images(middle, len(self.beam.bands) // 2)[0] for ends in (False, True))
        highest = float(one.abs().max())
        if not highest > 0:
            return False
        brightest = max(float(self.data.square().sum(dim=0).max()) - self.used_channels, 0.0)
        return math.sqrt(brightest) / highest * float((one - ending).norm()) > BENT

    def images(self, components: Sequence[Component], band: int, derivatives: bool = True) -> torch.Tensor:
        """Images of sources of 1 Jy behind the dirty beam, and their derivatives, (6 or 1 a source, sample)."""
        if self.ends:
            seen = self.dirty_images(components, band, derivatives) * self.whiten
        else:
            seen = transforms(self.beam.grid, self.transfer[band], components, derivatives)
        return self.beam.grid.sampled(seen).reshape(len(seen), -1) * self.held

    def gains(self, components: Sequence[Component]) -> list[np.ndarray]:
        """Primary beam at each source over that of the middle channel, shape (channel,)."""
        log_pb = self.beam.log_pb
        if log_pb is None or self.n_channels == 1:
            return [np.ones(self.n_channels)] * len(components)
        along = np.linspace(0.0, 1.0, self.n_channels) - (self.n_channels // 2) / (self.n_channels - 1)
        found = []
        for component in components:
            column, row = (round(min(max(at, 0), size - 1))
                           for at, size in zip(component.centre, log_pb.shape[:0:-1], strict=True))  # fmt: skip
            found.append(np.exp((log_pb[1, row, column] - log_pb[0, row, column]) * along))
        return found

    def products(self, components: Sequence[Component]) -> Products:
        """All that the fit needs of the data at these parameters."""
        grams, projections, bands = [], [], channels_of(self.beam.bands, self.n_channels)
        for number, band in enumerate(self.beam.bands):
            images = self.images(components, number)
            grams.append((images @ images.T).double().cpu().numpy())
            projections.append((images @ self.data[band].T).double().cpu().numpy())
        spectra = [self.spectral.of(one, gain) for one, gain in zip(components, self.gains(components), strict=True)]
        return Products(list(components), np.stack(grams), np.concatenate(projections, axis=1), spectra, bands)

    def dirty_images(self, components: Sequence[Component], band: int, derivatives: bool = False) -> torch.Tensor:
        """Transforms of dirty images of sources of 1 Jy that end where the data end, (n, v, u); not yet whitened."""
        transfer = torch.from_numpy(self.beam.transfer[band].astype(np.float32)).to(self.data.device)
        return self.ended(transforms(self.beam.grid, transfer, components, derivatives))

    def ended(self, transform: torch.Tensor) -> torch.Tensor:
        """Transforms (n, v, u) of images after these end where the data end."""
        grid = self.beam.grid
        parts = [grid.cut(grid.pixels(some) * self.filled) for some in transform.split(AT_A_TIME)]
        return torch.cat(parts)

    def residual(self, components: Sequence[Component], known: Residual | None = None) -> torch.Tensor:
        """Data less the model, (channel, sample); where that of other components is known, it is changed to this one.

        The data were divided by the noise after their image ended, which bends them near its edges and near blanks. So
        the images that are taken away here end first, too: else the sidelobes of what is much brighter than the noise
        would leave sources there. The fit itself, in which sources weigh by where they are bright, goes without, but
        where sidelobes are bright in all of the image.
        """
        return self._left(components, known, self._ended_images)

    def less(self, components: Sequence[Component], known: Residual | None = None) -> Scene:
        """The scene without some sources, as the fit models them: the others are fitted in it as beside these."""
        return replace(self, data=self._left(components, known, self._images))

    def more(self, components: Sequence[Component]) -> Scene:
        """The scene with some sources that were taken away: the inverse of `less`."""
        return replace(self, data=self._plus(1.0, components, self._images))

    def _left(self, components: Sequence[Component], known: Residual | None, images: Images) -> torch.Tensor:
        """Data less sources; those of a known residual that are among them are not taken away a second time."""
        gone, new = changes(known.components if known else [], components)
        if known is None or len(gone) + len(new) > len(components):
            return self._plus(-1.0, components, images)
        changed = replace(self, data=known.left)
        if gone:
            changed = replace(self, data=changed._plus(1.0, gone, images))
        return changed._plus(-1.0, new, images) if new else changed.data

    def _images(self, components: Sequence[Component], band: int) -> torch.Tensor:
        return self.images(components, band, derivatives=False)

    def _ended_images(self, components: Sequence[Component], band: int) -> torch.Tensor:
        seen = self.beam.grid.sampled(self.dirty_images(components, band) * self.whiten)
        return seen.reshape(len(seen), -1) * self.held

    def _plus(self, factor: float, components: Sequence[Component], images: Images) -> torch.Tensor:
        """Data and a factor times the sources, whose images in a band these are, (channel, sample)."""
        data = self.data.clone()
        if not components:
            return data
        gains = self.gains(components)
        spectra = np.stack([self.spectral.of(one, gain)[0] for one, gain in zip(components, gains, strict=True)])
        weights = torch.from_numpy((factor * spectra).astype(np.float32)).to(data.device)
        for number, band in enumerate(self.beam.bands):
            data[band] += weights[:, band].T @ images(components, number)
        return data

    def transforms_less(self, cuts: Transforms, components: Sequence[Component]) -> Transforms:
        """Transforms of the cube less those of sources, each cut off at the edges of the image as the cube is."""
        if not components:
            return cuts
        spectra = np.zeros((len(self.beam.bands), len(components), self.n_channels))
        alone = Spectral(self.spectral.log_ratio, np.ones(self.n_channels))
        totals = [alone.of(one, gain)[0] for one, gain in zip(components, self.gains(components), strict=True)]
        for number, band in enumerate(self.beam.bands):
            spectra[number, :, band] = np.stack(totals)[:, band]
        return cuts.less([self.dirty_images(components, number) for number in range(len(spectra))], list(spectra))


@dataclass(frozen=True, eq=False)
class Residual:
    """What some components leave of a scene.

    Attributes
    ----------
    components : list of Component
    left : Tensor of float32, shape (channel, sample)
    """

    components: list[Component]
    left: torch.Tensor


def changes(before: Sequence[Component], now: Sequence[Component]) -> tuple[list[Component], list[Component]]:
    """Which components are gone, and which have come: a source that was fitted again is another component."""
    known, kept = {id(one) for one in before}, {id(one) for one in now}
    return [one for one in before if id(one) not in kept], [one for one in now if id(one) not in known]


def transforms(
    grid: Grid, transfer: torch.Tensor, components: Sequence[Component], derivatives: bool = True
) -> torch.Tensor:
    """Transforms of images of sources of 1 Jy and of their derivatives by x, y and the second moments xx, xy, yy.

    Parameters
    ----------
    grid : Grid
    transfer : Tensor of float32, shape (v, u)
        What the instrument makes of each spatial frequency.
    components : sequence of Component
        One at least.
    derivatives : bool
        Left out, there is one image a source.

    Returns
    -------
    Tensor of complex64, shape (6 n or n, v, u)
    """
    ky, kx = (torch.from_numpy(k.astype(np.float32)).to(transfer.device) for k in grid.wavenumbers)
    xx, xy, yy = -0.5 * kx[None] ** 2, -kx[None] * ky[:, None], -0.5 * ky[:, None] ** 2
    factors = (-1j * kx[None], -1j * ky[:, None], xx, xy, yy) if derivatives else ()
    images = torch.empty(len(components), 1 + len(factors), *xy.shape, dtype=torch.complex64, device=transfer.device)
    for component, own in zip(components, images, strict=True):
        x, y = component.centre
        (sxx, sxy), (_, syy) = component.cov
        shape = torch.exp((xx * sxx + xy * sxy + yy * syy).clamp_min(-80.0)) * transfer
        along_y, along_x = (torch.exp(-1j * k.double() * at).to(torch.complex64) for k, at in ((ky, y), (kx, x)))
        torch.mul(shape, along_y[:, None] * along_x[None], out=own[0])
        for factor, image in zip(factors, own[1:], strict=True):
            torch.mul(own[0], factor, out=image)
    return images.flatten(0, 1)
