"""The sky as a function of standard normal parameters, and the visibilities that it causes, for NIFTy.

Only this module and `cubefocus.resolve.infer` import JAX, which is told first to count in double precision.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import nifty.re as jft
import numpy as np
from jaxbind.contrib.jaxducc0 import get_wgridder

from cubefocus.instrument.response import ARCSEC
from cubefocus.resolve.predict import AXES
from cubefocus.resolve.visibilities import Visibilities
from cubefocus.settings import PriorSettings

jax.config.update("jax_enable_x64", True)

ACCURACY = 1e-5  # of the gridder, relative: a hundred times better than CASA predicts visibilities
FIELD, INDEX, POINTS = (
    "field_",
    "index",
    "points",
)  # names of the parameters of NIFTy, those of the field by this prefix


class Sky(jft.Model):  # type: ignore[misc]
    """Brightness of the sky in Jy/arcsec^2, shape (y, x).

    The logarithm of the brightness in Jy/sr is a Gaussian random field, whose power spectrum is learnt with it: a power
    law in the wavenumber, which an integrated Wiener process bends (Arras et al. 2022, Nature Astronomy 6, 259). Where
    the sky may be negative, the brightness itself is such a field. Point sources, if wanted, add to each pixel a flux
    that is inverse gamma distributed.

    Parameters
    ----------
    shape : (y, x)
    cell_arcsec : float
    prior : PriorSettings
    several : bool
        Whether there are several windows, and so a spectral index.
    """

    def __init__(self, shape: tuple[int, int], cell_arcsec: float, prior: PriorSettings, several: bool) -> None:
        maker = jft.CorrelatedFieldMaker(FIELD)
        # a signed sky is about zero, and the offset says what its unit is
        maker.set_amplitude_total_offset(offset_mean=0.0 if prior.signed else prior.offset, offset_std=prior.zero_mode)
        maker.add_fluctuations(
            shape,
            distances=cell_arcsec,
            fluctuations=prior.fluctuations,
            loglogavgslope=prior.slope,
            flexibility=prior.flexibility,
            asperity=prior.asperity,
            non_parametric_kind="power",
        )
        self.field, self.prior, self.several = maker.finalize(), prior, several
        self.spectrum = maker.power_spectrum
        init = self.field.init
        if several:
            self.index = jft.NormalPrior(*prior.index, name=INDEX)
            init = init | self.index.init
        if prior.points:
            self.points = jft.InvGammaPrior(prior.points_alpha, prior.points_scale, name=POINTS, shape=shape)
            init = init | self.points.init
        self.cell_arcsec = cell_arcsec
        # wavenumbers of the power spectrum, cycles per arcsec
        self.wavenumbers = np.asarray(maker._target_grids[0].harmonic_grid.mode_lengths)
        super().__init__(init=init)

    def __call__(self, parameters: Any) -> Any:
        """Brightness at the frequency of the image."""
        field = self.field(parameters)
        unit = np.exp(self.prior.offset) * self.prior.signed_scale
        sky = (unit * field if self.prior.signed else jnp.exp(field)) * ARCSEC**2
        if self.prior.points:
            sky = sky + self.points(parameters) / self.cell_arcsec**2
        return sky

    def spectral_index(self, parameters: Any) -> Any:
        """Exponent of the frequency; 0 where there is one window."""
        return self.index(parameters) if self.several else 0.0


class Response(jft.Model):  # type: ignore[misc]
    """Visibilities of the sky in all windows, one after the other, shape (row of all,), Jy."""

    def __init__(self, sky: Sky, visibilities: Visibilities, threads: int) -> None:
        self.sky, self.reference_hz = sky, visibilities.frequency_hz
        self.windows = visibilities.windows
        cell, (n_y, n_x) = visibilities.cell_arcsec * ARCSEC, visibilities.shape
        self.gridder = get_wgridder(
            pixsize_x=cell,
            pixsize_y=cell,
            npix_x=n_x,
            npix_y=n_y,
            epsilon=ACCURACY,
            do_wgridding=False,
            nthreads=threads,
        )
        self.cell_arcsec = visibilities.cell_arcsec
        super().__init__(init=sky.init)

    def __call__(self, parameters: Any) -> Any:
        """Visibilities of the sky with these parameters."""
        sky, index = self.sky(parameters), self.sky.spectral_index(parameters)
        return jnp.concatenate([self._window(sky, index, window) for window in self.windows])

    def _window(self, sky: Any, index: Any, window: Any) -> Any:
        change = (window.frequency_hz / self.reference_hz) ** index
        flux = sky * change * window.primary_beam * self.cell_arcsec**2  # Jy per pixel
        return self.gridder(window.uvw_m * AXES, np.array([window.frequency_hz]), flux.T)[0][:, 0]
