"""The normal equations of the fit: products of the images of all sources, and of images and data, times spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cubefocus.fit.source import SHAPE, Component, moments

IMAGES = 6  # of a source: itself, and its derivatives by x, y and the three second moments


@dataclass(frozen=True, eq=False)
class Products:
    """Products of images, and of images and data, at some parameters.

    Attributes
    ----------
    components : list of Component
    gram : ndarray, shape (band, 6 n, 6 n)
        Products of images.
    projection : ndarray, shape (6 n, channel)
        Products of images and data.
    spectra : list of (ndarray, ndarray)
        Spectrum (channel,) and derivatives (parameter, channel) of each source.
    bands : ndarray, shape (channel,)
        Band of each channel.
    """

    components: list[Component]
    gram: np.ndarray
    projection: np.ndarray
    spectra: list[tuple[np.ndarray, np.ndarray]]
    bands: np.ndarray

    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the model by all parameters: coefficients (parameter, image) and spectra (parameter, channel).

        The derivative by a parameter is one spectrum times a sum of images.
        """
        mixes, spectra = [], []
        for number, (component, (total, by)) in enumerate(zip(self.components, self.spectra, strict=True)):
            mix = np.zeros((len(component.values), IMAGES * len(self.components)))
            at = IMAGES * number
            mix[0, at + 1] = mix[1, at + 2] = 1.0
            for row, cov in enumerate(moments(*component.values[2:5])[1]):
                mix[2 + row, at + 3 : at + 6] = cov[0, 0], cov[0, 1], cov[1, 1]
            mix[len(SHAPE) :, at] = 1.0
            mixes.append(mix)
            spectra.append(np.concatenate([np.repeat(total[None], len(SHAPE), axis=0), by]))
        return np.concatenate(mixes), np.concatenate(spectra)

    def equations(self) -> tuple[np.ndarray, np.ndarray]:
        """Fisher matrix (p, p) and gradient (p,) of -chi^2 / 2 by all parameters."""
        mix, spectra = self.columns()
        fisher = self.inner(mix, spectra, mix, spectra)
        data = np.einsum("pi,ic,pc->p", mix, self.projection, spectra, optimize=True)
        sources, totals = self._sources()
        return fisher, data - self.inner(mix, spectra, sources, totals).sum(axis=1)

    def chi2(self) -> float:
        """chi^2 less that of a model without sources: negative where they explain something."""
        sources, totals = self._sources()
        own = np.einsum("si,ic,sc->", sources, self.projection, totals, optimize=True)
        return float(self.inner(sources, totals, sources, totals).sum() - 2.0 * own)

    def amplitudes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Equations of the fluxes alone, in which the model is linear: matrix, right-hand side, their places."""
        mix, spectra = self.columns()
        starts = np.cumsum([0, *(len(one.values) for one in self.components)])
        chosen = [int(s) + p for s, one in zip(starts[:-1], self.components, strict=True) for p in one.amplitudes]
        mix, spectra = mix[chosen], spectra[chosen]
        matrix = self.inner(mix, spectra, mix, spectra)
        return matrix, np.einsum("pi,ic,pc->p", mix, self.projection, spectra, optimize=True), np.array(chosen)

    def further(
        self, mix: np.ndarray, spectra: np.ndarray, others: np.ndarray, spectra_of_others: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Equations of parameters that the model does not have, at 0.

        Parameters
        ----------
        mix, spectra : ndarray, shape (q, image) and (q, channel)
            Derivatives by them, as `columns` gives those of the others.
        others, spectra_of_others : ndarray, shape (p, image) and (p, channel)
            Those of the others.

        Returns
        -------
        fisher : ndarray, shape (q, q)
        cross : ndarray, shape (q, p)
            Part of the Fisher matrix that they have with the others.
        gradient : ndarray, shape (q,)
            Of -chi^2 / 2.
        """
        sources, totals = self._sources()
        data = np.einsum("pi,ic,pc->p", mix, self.projection, spectra, optimize=True)
        left = data - self.inner(mix, spectra, sources, totals).sum(axis=1)
        return self.inner(mix, spectra, mix, spectra), self.inner(mix, spectra, others, spectra_of_others), left

    def _sources(self) -> tuple[np.ndarray, np.ndarray]:
        mix = np.zeros((len(self.components), IMAGES * len(self.components)))
        mix[np.arange(len(mix)), IMAGES * np.arange(len(mix))] = 1.0
        return mix, np.stack([total for total, _ in self.spectra])

    def inner(self, mix: np.ndarray, spectra: np.ndarray, mix2: np.ndarray, spectra2: np.ndarray) -> np.ndarray:
        """Products of derivatives, of images times of spectra, summed over the bands: shape (p, q).

        Parameters
        ----------
        mix, spectra : ndarray, shape (p, image) and (p, channel)
        mix2, spectra2 : ndarray, shape (q, image) and (q, channel)
            As `columns` gives them.
        """
        total = np.zeros((len(mix), len(mix2)))
        for band, gram in enumerate(self.gram):
            use = self.bands == band
            total += (mix @ gram @ mix2.T) * (spectra[:, use] @ spectra2[:, use].T)
        return total


def starts_of(components: Sequence[Component]) -> np.ndarray:
    """Place of the first parameter of each source among all, and their number, shape (n + 1,)."""
    return np.cumsum([0, *(len(one.values) for one in components)])


def block_of(covariance: np.ndarray, components: Sequence[Component], number: int) -> np.ndarray:
    """The part of a covariance of all parameters that is of one source."""
    starts = starts_of(components)
    own = slice(starts[number], starts[number + 1])
    return covariance[own, own]
