"""The cosmology of the mock skies: expansion, linear growth and the linear power spectrum of matter."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from astropy.cosmology import LambdaCDM
from numpy.typing import ArrayLike
from scipy.integrate import quad

CMB_KELVIN = 2.7255  # Fixsen (2009)
SPHERE = 8.0  # Mpc/h, radius of the spheres of sigma_8


@dataclass(frozen=True)
class Cosmology:
    """Matter and a cosmological constant; radiation is left out, as it is after z = 50.

    Attributes
    ----------
    omega_m, omega_l, omega_b : float
        Density of matter, of the cosmological constant and of baryons over the critical one today (Gheller & Vazza
        2022, section 3.1).
    hubble : float
        Hubble constant, km/s/Mpc.
    sigma_8 : float
        Standard deviation of the linear density contrast in spheres of 8 Mpc/h today.
    n_s : float
        Slope of the primordial spectrum. The paper does not give it: the value of Planck.
    """

    omega_m: float = 0.308
    omega_l: float = 0.692
    omega_b: float = 0.0478
    hubble: float = 67.8
    sigma_8: float = 0.815
    n_s: float = 0.965

    @property
    def h(self) -> float:
        """Hubble constant over 100 km/s/Mpc."""
        return self.hubble / 100.0

    @functools.cached_property
    def distances(self) -> LambdaCDM:
        """The same cosmology in astropy, for its distances and the critical density."""
        return LambdaCDM(H0=self.hubble, Om0=self.omega_m, Ode0=self.omega_l, Tcmb0=0.0)

    def expansion(self, a: float) -> float:
        """Hubble rate at a scale factor over that of today, E(a)."""
        omega_k = 1.0 - self.omega_m - self.omega_l
        return math.sqrt(self.omega_m / a**3 + omega_k / a**2 + self.omega_l)

    def growth(self, a: float) -> float:
        """Linear growth of density contrasts over that until today.

        D(a) ~ E(a) times the integral of 1 / (a E)^3 from 0 to a (Heath 1977; Peebles 1980, eq. 10.12).
        """
        return self._growing(a) / self._growing(1.0)

    def _growing(self, a: float) -> float:
        # The integrand goes with a^(3/2): in sqrt(a) it is smooth at 0.
        integral, _ = quad(lambda root: 2.0 * root / (root**2 * self.expansion(root**2)) ** 3, 0.0, math.sqrt(a))
        return self.expansion(a) * float(integral)

    def growth_rate(self, a: float) -> float:
        """Logarithmic derivative of the growth by the scale factor, d ln D / d ln a, from the same integral."""
        square = self.expansion(a) ** 2
        omega_k = 1.0 - self.omega_m - self.omega_l
        slope = (-1.5 * self.omega_m / a**3 - omega_k / a**2) / square  # d ln E / d ln a
        return slope + 1.0 / (a**2 * square * self._growing(a))

    def transfer(self, k: ArrayLike) -> np.ndarray:
        """Transfer function of cold matter and baryons without acoustic oscillations, 1 on the largest scales.

        Eisenstein & Hu (1998), eqs. 26 and 28 to 31.

        Parameters
        ----------
        k : array_like
            Wavenumber, 1/Mpc.
        """
        number = np.maximum(np.asarray(k, dtype=float), 1e-12)  # its limit at 0 is 1
        matter, baryons = self.omega_m * self.h**2, self.omega_b * self.h**2
        theta, share = CMB_KELVIN / 2.7, baryons / matter
        sound = 44.5 * math.log(9.83 / matter) / math.sqrt(1.0 + 10.0 * baryons**0.75)  # Mpc
        alpha = 1.0 - 0.328 * math.log(431.0 * matter) * share + 0.38 * math.log(22.3 * matter) * share**2
        shape = self.omega_m * self.h * (alpha + (1.0 - alpha) / (1.0 + (0.43 * number * sound) ** 4))
        q = number / self.h * theta**2 / shape
        log_term = np.log(2.0 * math.e + 1.8 * q)
        return log_term / (log_term + (14.2 + 731.0 / (1.0 + 62.5 * q)) * q**2)

    def power(self, k: ArrayLike) -> np.ndarray:
        """Linear power spectrum of the density contrast today, normalised to sigma_8.

        Parameters
        ----------
        k : array_like
            Wavenumber, 1/Mpc.

        Returns
        -------
        ndarray
            Mpc^3.
        """
        return self._amplitude * np.asarray(k, dtype=float) ** self.n_s * self.transfer(k) ** 2

    @functools.cached_property
    def _amplitude(self) -> float:
        radius = SPHERE / self.h

        def integrand(log_k: float) -> float:
            k = math.exp(log_k)
            x = k * radius
            window = 3.0 * (math.sin(x) - x * math.cos(x)) / x**3
            return float(k ** (3.0 + self.n_s) * self.transfer(k) ** 2) * window**2 / (2.0 * math.pi**2)

        variance, _ = quad(integrand, math.log(1e-5), math.log(1e2), limit=500, epsrel=1e-7)
        return self.sigma_8**2 / variance
