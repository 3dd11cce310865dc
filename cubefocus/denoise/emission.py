"""Radio emission of shocks from the particles of a box, each of which shines by the gas that it stands for.

A box has no gas and no magnetic field. The recipe stands for Hoeft & Brueggen (2007), eq. 32, in which a shock emits

    P ~ A n_e xi(M) T^(3/2) B^(1 + s/2) / (B^2 + B_CMB^2)

by its area A, the electrons n_e behind it, their temperature T, the field B and the efficiency xi(M) at its Mach
number. Here the density rho of matter stands for n_e, the velocity dispersion sigma for T^(1/2), and rho for the part
of the field: a frozen field goes with rho^(2/3) and is weaker than B_CMB, which gives rho^1.4 for s = 2.2, while there
is more area of shocks in a volume where it is not yet virialised. How much the flow converges stands for what of it is
shocked:

    emissivity ~ rho^2 sigma^3 c.

The efficiency is left constant: neighbours of particles do not tell Mach numbers well enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cubefocus.denoise.mesh import deposit, gather
from cubefocus.denoise.nbody import Box

NEIGHBOURS = 24  # by which density, dispersion and convergence are measured: 20 % of noise in each
WITHIN = 12  # neighbours within the standard deviation that a particle is spread by at most
SMOOTHED = 12  # neighbours whose power is averaged, by logarithm
FAINTEST = 1.5  # times the mean density, below which nothing is measured: single streams have no dispersion
AT_A_TIME = 2**15  # particles whose neighbours are in memory together
LUMINOSITY = 4.0e11
"""W/Hz at 150 MHz of a solar mass at the mean density, of a dispersion of 1000 km/s in a flow that converges.

Chosen once, with boxes of 128 particles a side and 100 Mpc, so that fields of clusters reach 1e-3 Jy/arcsec^2 and those
of groups stay below 1e-5, as Gheller & Vazza (2022), section 4.1, have it. A cluster then has some 1e26 to 1e27 W/Hz in
its central cubic Mpc, as much as the brightest relics known or more. In coarser boxes clusters are less dense, and most
fields are fainter.
"""


@dataclass(frozen=True, eq=False)
class Emission:
    """How bright each particle of a box is; particles are in the order of their lattice.

    Attributes
    ----------
    displacements : ndarray of float32, shape (n, n, n, 3)
        From the lattice, comoving Mpc, not wrapped.
    log_power : ndarray of float32, shape (n, n, n)
        log10 of W/Hz at 150 MHz in the rest frame.
    sizes : ndarray of float32, shape (n, n, n)
        Standard deviation of the Gaussian that a particle is spread by at most, comoving Mpc.
    side : float
        Of the periodic box, comoving Mpc.
    """

    displacements: np.ndarray
    log_power: np.ndarray
    sizes: np.ndarray
    side: float


@dataclass(frozen=True, eq=False)
class Gas:
    """What the neighbours of particles say of the gas there, each of shape (particle,).

    Attributes
    ----------
    density : ndarray
        Over the mean.
    dispersion : ndarray
        Velocity dispersion along one axis, km/s.
    convergence : ndarray
        -div v in units of the dispersion over the distance of the neighbours.
    size : ndarray
        Distance of the neighbour `WITHIN`, comoving Mpc.
    neighbours : ndarray of int32, shape (particle, SMOOTHED)
        The nearest ones, the particle itself first; numbers of all particles.
    """

    density: np.ndarray
    dispersion: np.ndarray
    convergence: np.ndarray
    size: np.ndarray
    neighbours: np.ndarray


def light_up(box: Box) -> Emission:
    """Emission of a box."""
    places, side, n = box.positions, box.settings.box_mpc, box.settings.particles
    coarse = deposit(places, n, side)
    parts = range(0, len(places), AT_A_TIME)
    around = np.concatenate([gather([coarse], places[part : part + AT_A_TIME], side)[:, 0] for part in parts])
    chosen = np.flatnonzero(around > FAINTEST)
    gas = measure_gas(places, box.velocities.reshape(-1, 3), side, chosen)
    log_power = np.full(n**3, np.nan, np.float32)
    log_power[chosen] = np.log10(luminosity(gas.density, gas.dispersion, gas.convergence, box.particle_mass))
    smooth = np.nanmean(log_power[gas.neighbours], axis=1)  # a particle is its own neighbour: one is always known
    log_power[:] = smooth.min()
    log_power[chosen] = smooth
    sizes = np.full(n**3, side / n, np.float32)
    sizes[chosen] = gas.size
    cube = (n, n, n)
    return Emission(box.displacements, log_power.reshape(cube), sizes.reshape(cube), side)


def luminosity(density: np.ndarray, dispersion: np.ndarray, convergence: np.ndarray, mass: float) -> np.ndarray:
    """Power of particles: the emissivity rho^2 sigma^3 c in their volume, mass / rho.

    Parameters
    ----------
    density : ndarray
        Over the mean.
    dispersion : ndarray
        km/s.
    convergence : ndarray
        As of `Gas`; c rises smoothly from 0 where matter flies apart to 1 where it collides.
    mass : float
        Of a particle, solar masses.

    Returns
    -------
    ndarray
        W/Hz at 150 MHz.
    """
    shocked = 0.5 * (1.0 + np.tanh(convergence))
    return LUMINOSITY * mass * density * (dispersion / 1000.0) ** 3 * shocked


def measure_gas(places: np.ndarray, velocities: np.ndarray, side: float, chosen: np.ndarray) -> Gas:
    """Density, dispersion and convergence at particles from the `NEIGHBOURS` nearest ones of each.

    Parameters
    ----------
    places : ndarray, shape (particle, 3)
        In [0, side), comoving Mpc.
    velocities : ndarray, shape (particle, 3)
        km/s.
    side : float
        Of the periodic box, comoving Mpc.
    chosen : ndarray of int, shape (chosen,)
        Where to measure.
    """
    tree = cKDTree(places, boxsize=side, balanced_tree=False, compact_nodes=False)
    measured = np.empty((len(chosen), 4), np.float32)
    nearest = np.empty((len(chosen), SMOOTHED), np.int32)
    for begin in range(0, len(chosen), AT_A_TIME):
        some = slice(begin, begin + AT_A_TIME)
        distances, near = tree.query(places[chosen[some]], k=NEIGHBOURS)
        measured[some] = _moments(places, velocities, side, near, distances)
        nearest[some] = near[:, :SMOOTHED]
    radius, dispersion, convergence, size = measured.T
    density = (NEIGHBOURS - 1) / (4.0 / 3.0 * np.pi * radius**3) * (side**3 / len(places))
    return Gas(density, dispersion, convergence, size, nearest)


def _moments(
    places: np.ndarray, velocities: np.ndarray, side: float, near: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Radius of the neighbours, dispersion, convergence and radius of the nearer ones, shape (particle, 4)."""
    apart = places[near] - places[near[:, :1]]
    apart -= np.float32(side) * np.round(apart / np.float32(side))
    apart -= apart.mean(axis=1, keepdims=True)
    speeds = velocities[near]
    speeds -= speeds.mean(axis=1, keepdims=True)
    dispersion = np.sqrt((speeds**2).sum(axis=(1, 2)) / (3.0 * (NEIGHBOURS - 1)))
    dispersion = np.maximum(dispersion, 1e-3)  # of a lattice at rest it is 0
    # The slope of a least-squares fit of speed by place, which is a third of the divergence of an isotropic flow.
    divergence = 3.0 * (apart * speeds).sum(axis=(1, 2)) / (apart**2).sum(axis=(1, 2))
    radius = distances[:, -1]
    return np.stack([radius, dispersion, -divergence * radius / dispersion, distances[:, WITHIN - 1]], axis=1)
