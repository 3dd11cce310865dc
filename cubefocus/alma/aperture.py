"""Fluxes in an aperture: what the cube holds around a source, whatever its shape and its line look like.

The model's fluxes are as right as the model is. Here the spectrum of a source is the sum of the dirty voxels around it,
channel by channel, less those of the other sources of the fit, over the same sum of the dirty image of 1 Jy on the sky:

    S(z) = [sum over the aperture of (data - other sources)] / [sum over the aperture of the image of 1 Jy]

What the model still decides is the share of the flux that lies in the aperture. Errors are those of the noise with its
correlation between pixels, of the other sources that were subtracted, and of that share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cubefocus.alma.fit_images import waves
from cubefocus.cube.cutouts import channel_slice, clip_box, line_free
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.grid import squared
from cubefocus.fit.model import Scene, transforms
from cubefocus.fit.noise import Noise
from cubefocus.fit.products import IMAGES, Products, starts_of
from cubefocus.fit.sky import on_sky, strongest_line
from cubefocus.fit.source import SHAPE, Component, Spectral

MARGIN = 1.0  # FWHM of the beam around the box of the source: what the dirty beam takes out of it
BOWLS = 0.5  # least sum of a dirty image over that of its absolute values: less, and bowls take most of the flux away
LEAST_LINE = 0.5  # share of the model's line in the channels of its range that hold data


@dataclass(frozen=True)
class Fluxes:
    """Fluxes of a source on the sky; NaN for what cannot be measured.

    Attributes
    ----------
    continuum, continuum_err : float
        At the line's centre, Jy; in the middle channel for a source without a line.
    line, line_err : float
        Of the strongest line, Jy x channel.
    """

    continuum: float = math.nan
    continuum_err: float = math.nan
    line: float = math.nan
    line_err: float = math.nan


def aperture_fluxes(data: np.ndarray, fitted: Fitted, numbers: Sequence[int], boxes: np.ndarray) -> list[Fluxes]:
    """Fluxes of sources of a fit in apertures around them.

    Parameters
    ----------
    data : ndarray, shape (channel, y, x)
        The cube that was fitted, Jy/beam, NaN where there is none.
    fitted : Fitted
    numbers : sequence of int
        Which of its sources.
    boxes : ndarray of int, shape (n, 4)
        Their boxes (x0, y0, x1, y1), half-open, pixels.

    Returns
    -------
    list of Fluxes
        NaN where the aperture holds no data or mostly bowls of the dirty beam; continuum and line where no channel
        is free of lines; the line where less than half of it is in channels with data.
    """
    scene, covariance = fitted.scene, fitted.covariance
    return [
        _fluxes(spectrum, fitted.components[number], scene, covariance)
        for number, spectrum in zip(numbers, _spectra(data, fitted, numbers, boxes), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Spectrum of a source on the sky, Jy, NaN in channels where it is not measured; each of shape (channel,).

    Attributes
    ----------
    flux, error : ndarray
        From the aperture, with the standard error of the noise in it; that of the sources that were subtracted is not
        in it.
    model : ndarray
        Of the fit.
    """

    flux: np.ndarray
    error: np.ndarray
    model: np.ndarray


def aperture_spectra(data: np.ndarray, fitted: Fitted, numbers: Sequence[int], boxes: np.ndarray) -> list[Spectrum]:
    """Spectra of sources of a fit from apertures around them; parameters as for `aperture_fluxes`."""
    scene, found = fitted.scene, []
    flat = Spectral(scene.spectral.log_ratio, np.ones(scene.n_channels))
    for number, one in zip(numbers, _spectra(data, fitted, numbers, boxes), strict=True):
        component = fitted.components[number]
        model = _on_sky_of_one(component, scene.beam) * flat.of(component)[0]
        found.append(Spectrum(one.flux, np.where(one.used, one.noise / np.abs(one.of_one), np.nan), model))
    return found


@dataclass(frozen=True, eq=False)
class _Aperture:
    """Pixels around a source.

    Attributes
    ----------
    rows, columns : ndarray of int
        Of the image.
    held : ndarray of bool, shape (row, column)
        Those that hold data in all channels that have any there.
    spectrum : ndarray, shape (channel,)
        Sum of the data in them; NaN in channels without data.
    """

    rows: np.ndarray
    columns: np.ndarray
    held: np.ndarray
    spectrum: np.ndarray

    @classmethod
    def around(cls, data: np.ndarray, box: np.ndarray, beam: Beam) -> _Aperture:
        margin = round(MARGIN * float(np.mean(beam.fwhm)))
        x0, y0, x1, y1 = clip_box(box + margin * np.array([-1, -1, 1, 1]), data.shape[1:])
        voxels = data[:, y0:y1, x0:x1].astype(np.float64)
        finite = np.isfinite(voxels)
        alive = finite.any(axis=(1, 2))
        held = np.logical_and(finite.any(axis=0), finite[alive].all(axis=0))
        spectrum = np.where(alive & held.any(), np.where(held, voxels, 0.0).sum(axis=(1, 2)), np.nan)
        return cls(np.arange(y0, y1), np.arange(x0, x1), held, spectrum)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over apertures of the images of all sources of a fit.

    Attributes
    ----------
    images : ndarray, shape (aperture, band, 6 n)
        Of the dirty images of 1 Jy and of their derivatives, Jy/beam.
    variance : ndarray, shape (aperture,)
        Of the noise, (Jy/beam)^2, where its relative standard deviation is 1.
    transforms : Tensor, shape (n, v, u)
        Of the dirty images in the middle band.
    """

    images: np.ndarray
    variance: np.ndarray
    transforms: torch.Tensor

    @classmethod
    def of(cls, fitted: Fitted, apertures: Sequence[_Aperture]) -> _Sums:
        beam, noise = fitted.scene.beam, fitted.scene.noise
        windows = torch.stack([_window(one.held, one.rows, one.columns, beam) for one in apertures])
        weights = beam.grid.counts / math.prod(beam.grid.padded)
        variance = _variances(windows, np.array([one.held.sum() for one in apertures]), beam, noise)
        seen = (windows.conj() * torch.from_numpy(weights.astype(np.float32))).reshape(len(windows), -1)
        images, middle = [], torch.empty(0)
        for band, transfer in enumerate(beam.transfer):
            parts = transforms(beam.grid, torch.from_numpy(transfer.astype(np.float32)), fitted.components)
            images.append((seen @ parts.reshape(len(parts), -1).T).real.double().numpy())
            if band == len(beam.transfer) // 2:
                middle = parts[::IMAGES]
        return cls(np.stack(images, axis=1), variance, middle)


def _window(held: np.ndarray, rows: np.ndarray, columns: np.ndarray, beam: Beam) -> torch.Tensor:
    """Transform of some pixels, 1 where they are held, (v, u)."""
    along_y, along_x = waves(rows, columns, beam)
    return along_y.mH @ torch.from_numpy(held.astype(np.complex64)) @ along_x.conj()


def _variances(windows: torch.Tensor, numbers: np.ndarray, beam: Beam, noise: Noise) -> np.ndarray:
    """Variance of the noise of sums over pixels, from their transforms (n, v, u) and their numbers (n,)."""
    weights = beam.grid.counts / math.prod(beam.grid.padded)
    # Beyond the longest baseline there is the white part alone.
    excess = np.maximum(noise.in_endless_image - noise.white**2, 0.0) * weights
    return noise.white**2 * numbers + (squared(windows).numpy() * excess).sum(axis=(1, 2))


def variance_of_sum(held: np.ndarray, rows: np.ndarray, columns: np.ndarray, beam: Beam, noise: Noise) -> float:
    """Variance of the noise of a sum over pixels, over the sum of the variances of each.

    Parameters
    ----------
    held : ndarray of bool, shape (row, column)
        Which pixels.
    rows, columns : ndarray of int
        Of the image.
    beam : Beam
    noise : Noise

    Returns
    -------
    float
        1 for noise that is not correlated.
    """
    single = np.ones((1, 1), dtype=bool)
    windows = torch.stack([_window(held, rows, columns, beam), _window(single, rows[:1], columns[:1], beam)])
    of_all, of_one = _variances(windows, np.array([held.sum(), 1]), beam, noise)
    return float(of_all / (of_one * held.sum()))


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Spectrum of a source on the sky from its aperture, and what its errors follow from.

    Attributes
    ----------
    flux : ndarray, shape (channel,)
        Jy; NaN where it is not measured.
    of_one : ndarray, shape (channel,)
        What 1 Jy on the sky amounts to in the aperture, Jy/beam.
    noise : ndarray, shape (channel,)
        Standard deviation of the noise of the sum over the aperture, Jy/beam.
    by_parameter : ndarray, shape (parameter, channel)
        Derivatives of the sum of the model over the aperture by all parameters of the fit, Jy/beam.
    by_fitted : ndarray, shape (parameter, channel)
        Derivatives of the flux by them, Jy: other sources are subtracted, and the own shape says how much of the flux
        is in the aperture.
    """

    flux: np.ndarray
    of_one: np.ndarray
    noise: np.ndarray
    by_parameter: np.ndarray
    by_fitted: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Channels in which the flux is measured."""
        return np.isfinite(self.flux)

    def error(self, share: np.ndarray, covariance: np.ndarray) -> float:
        """Standard error of the sum of the flux times a share of each channel; `covariance` of all parameters.

        The parameters were fitted to the noise that is in the aperture, so both errors go together: a source that is
        subtracted too bright for that noise makes the rest too faint by as much.
        """
        used = self.used
        of_sums = share[used] / self.of_one[used]
        direct = float(((of_sums * self.noise[used]) ** 2).sum())
        with_fit, by_fit = self.by_parameter[:, used] @ of_sums, self.by_fitted[:, used] @ share[used]
        return math.sqrt(max(direct + float(by_fit @ covariance @ (2.0 * with_fit + by_fit)), 0.0))


def _spectra(data: np.ndarray, fitted: Fitted, numbers: Sequence[int], boxes: np.ndarray) -> list[_Spectrum]:
    """Spectra of sources of the fit in apertures around their boxes."""
    products = fitted.solution.products
    if not len(numbers) or products is None:
        return []
    apertures = [_Aperture.around(data, box, fitted.scene.beam) for box in boxes]
    sums = _Sums.of(fitted, apertures)
    return [
        _spectrum(fitted, products, number, aperture, sums, at)
        for at, (number, aperture) in enumerate(zip(numbers, apertures, strict=True))
    ]


def _spectrum(fitted: Fitted, products: Products, number: int, aperture: _Aperture, sums: _Sums, at: int) -> _Spectrum:
    """Spectrum of a source of the fit in the aperture of this place among `sums`."""
    scene, component = fitted.scene, fitted.components[number]
    images = sums.images[at][products.bands].T  # (6 n, channel)
    used = np.isfinite(aperture.spectrum) & (scene.spectral.weight > 0)
    if not _is_seen(aperture, sums.transforms[number], scene.beam):
        used[:] = False
    own = np.where(used, images[IMAGES * number], np.nan)  # 0 for a source beyond the image
    relative = np.where(used, scene.noise.relative, 1.0)
    mix, by = products.columns()
    by_parameter = (mix @ images) * by * relative
    of_one = own * scene.gains([component])[0] / _on_sky_of_one(component, scene.beam)
    totals = np.stack([total for total, _ in products.spectra]) * relative
    model = images[::IMAGES] * totals
    flux = (aperture.spectrum - model.sum(axis=0) + model[number]) / of_one
    first, last = starts_of(fitted.components)[number : number + 2]
    by_fitted = -by_parameter / of_one
    by_fitted[first:last] = 0.0
    by_fitted[first : first + len(SHAPE)] = -(mix[first : first + len(SHAPE)] @ images) / own * flux
    return _Spectrum(flux, of_one, relative * math.sqrt(sums.variance[at]), by_parameter, by_fitted)


def _is_seen(aperture: _Aperture, transform: torch.Tensor, beam: Beam) -> bool:
    """Whether the aperture holds more of the main lobe of a source's dirty image than of bowls."""
    along_y, along_x = waves(aperture.rows, aperture.columns, beam)
    weighted = transform * torch.from_numpy((beam.grid.counts / math.prod(beam.grid.padded)).astype(np.float32))
    image = (along_y @ weighted @ along_x.mT).real.numpy()[aperture.held]
    return bool(image.sum() > BOWLS * np.abs(image).sum())


def _on_sky_of_one(component: Component, beam: Beam) -> float:
    """Flux on the sky of what the dirty cube shows as 1 Jy."""
    shown = Component.of(*component.centre, component.cov, [], 1.0)
    return float(on_sky(shown, beam).values[5])


def _fluxes(spectrum: _Spectrum, component: Component, scene: Scene, covariance: np.ndarray) -> Fluxes:
    """Continuum off the lines, and the strongest line less that."""
    n_channels, used = scene.n_channels, spectrum.used
    flat = Spectral(scene.spectral.log_ratio, np.ones(n_channels))
    scale, strongest = _on_sky_of_one(component, scene.beam), strongest_line(component)
    lines = [scale * flat.of(_alone(component, peak))[0] for peak in component.amplitudes[1:]]
    ranges = [(z - fwhm, z + fwhm) for _, z, fwhm in map(component.line, range(component.n_lines))]
    at = n_channels // 2 if strongest is None else component.line(strongest)[1]
    law = np.exp(component.values[6] * (flat.log_ratio - np.interp(at, np.arange(n_channels), flat.log_ratio)))
    free = used & line_free(np.array(ranges).reshape(-1, 2), n_channels)
    if not free.any():
        return Fluxes()
    # Of most weight is what is known best; the wings that the ranges of the lines leave are subtracted.
    weight = np.where(free, (law * spectrum.of_one / spectrum.noise) ** 2, 0.0)
    share = np.where(free, weight / law / weight.sum(), 0.0)
    wings = sum(lines, np.zeros(n_channels))
    continuum = float((share * (spectrum.flux - wings))[free].sum())
    found = Fluxes(continuum, spectrum.error(share, covariance))
    if strongest is None:
        return found
    group, (z0, z1) = _overlapping(ranges, strongest)
    within = np.zeros(n_channels, dtype=bool)
    within[channel_slice(z0, z1, n_channels)] = True
    within &= used
    continuous = flat.of(_alone(component, 5, 1.0))[0]
    whole = sum(scale * _area(component, number, continuous) for number in group)
    its = sum((lines[number] for number in group), np.zeros(n_channels))
    part = float(its[within].sum()) / whole
    if part < LEAST_LINE:
        return found
    line = float((spectrum.flux - continuum * law - wings + its)[within].sum()) / part
    share = (within - share * float(law[within].sum())) / part
    return Fluxes(found.continuum, found.continuum_err, line, spectrum.error(share, covariance))


def _overlapping(ranges: Sequence[tuple[float, float]], number: int) -> tuple[list[int], tuple[float, float]]:
    """Lines that overlap one, directly or by others between them, that one with them; and the range of them all."""
    group, (low, high) = [number], ranges[number]
    while True:
        further = [n for n, (z0, z1) in enumerate(ranges) if n not in group and z0 <= high and z1 >= low]
        if not further:
            return group, (low, high)
        group += further
        low, high = min(low, *(ranges[n][0] for n in further)), max(high, *(ranges[n][1] for n in further))


def _area(component: Component, number: int, law: np.ndarray) -> float:
    """Flux of a line of the model, Jy x channel, also of what lies beyond the band; `law` as in `Spectral.of`."""
    peak, z, fwhm = component.line(number)
    return peak * float(np.interp(z, np.arange(len(law)), law)) * fwhm / SIGMA_TO_FWHM * math.sqrt(2.0 * math.pi)


def _alone(component: Component, amplitude: int, value: float | None = None) -> Component:
    """A source with one of its amplitudes, or a value in the place of it, and no other."""
    values = component.values.copy()
    values[component.amplitudes] = 0.0
    values[amplitude] = component.values[amplitude] if value is None else value
    return Component(values)
