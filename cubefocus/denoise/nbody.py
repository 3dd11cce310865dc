"""A particle-mesh run: dark matter in a periodic box from second-order displacements to the redshifts of the skies.

Positions are comoving, Mpc. Momenta are a^2 dx/dt in units of H0, Mpc, so that with E the expansion

    dx/da = p / (a^3 E),    dp/da = -grad(phi) / (a^2 E),    laplacian(phi) = 3/2 omega_m delta

(Peebles 1980, section 7; Quinn et al. 1997 for the factors of a step).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.integrate import quad

from cubefocus.denoise.cosmology import Cosmology
from cubefocus.denoise.mesh import deposit, gather, gradient, squares, wavenumbers
from cubefocus.errors import CubefocusError


@dataclass(frozen=True)
class BoxSettings:
    """What a run is made from: the same settings give the same bytes on a machine.

    Attributes
    ----------
    particles, mesh : int
        Particles and mesh cells a side. Twice as many cells as particles resolve what the particles can show.
    box_mpc : float
        Side of the box, comoving Mpc.
    redshift : float
        Where the run stops.
    seed : int
        Of the initial density field.
    steps : int
        Steps in time, even in the square root of the scale factor.
    start_redshift : float
        Where the displacements are put in; 2LPT is good to a percent from about 25.
    """

    particles: int = 128
    mesh: int = 256
    box_mpc: float = 100.0
    redshift: float = 0.1
    seed: int = 0
    steps: int = 32
    start_redshift: float = 30.0

    def __post_init__(self) -> None:
        least = {"particles": 8, "mesh": 8, "box_mpc": 1.0, "redshift": 0.0, "seed": 0, "steps": 2}
        for name, value in least.items():
            if not getattr(self, name) >= value:
                raise CubefocusError(f"the box's {name} is {getattr(self, name)}; give at least {value:g}")
        if not self.start_redshift > self.redshift:
            raise CubefocusError(
                f"the box starts at redshift {self.start_redshift} and stops at {self.redshift}; start earlier, at 30"
            )


@dataclass(frozen=True, eq=False)
class Box:
    """Particles of a run at its last redshift.

    Attributes
    ----------
    displacements : ndarray of float32, shape (n, n, n, 3)
        From the points of the lattice that the particles were on, comoving Mpc, not wrapped. Axes x, y, z.
    velocities : ndarray of float32, shape (n, n, n, 3)
        Peculiar velocities, km/s.
    settings : BoxSettings
    cosmology : Cosmology
    """

    displacements: np.ndarray
    velocities: np.ndarray
    settings: BoxSettings
    cosmology: Cosmology

    @functools.cached_property
    def positions(self) -> np.ndarray:
        """Positions of the particles in the box, comoving Mpc in [0, box), float32, shape (n^3, 3)."""
        side = self.settings.box_mpc
        places = (lattice(self.settings.particles, side) + self.displacements) % np.float32(side)
        places[places >= side] = 0.0  # a negative number as small as the last digit is rounded to the side
        return places.reshape(-1, 3)

    @property
    def particle_mass(self) -> float:
        """Mass of a particle, solar masses."""
        density = float(self.cosmology.distances.critical_density0.to_value("Msun/Mpc3")) * self.cosmology.omega_m
        return density * (self.settings.box_mpc / self.settings.particles) ** 3


def lattice(n: int, side: float) -> np.ndarray:
    """Points of a cubic lattice in the middle of its cells, float32, shape (n, n, n, 3)."""
    line = ((np.arange(n) + 0.5) * (side / n)).astype(np.float32)
    return np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)


def density_field(settings: BoxSettings, cosmology: Cosmology) -> np.ndarray:
    """Fourier modes of the linear density contrast today, a Gaussian random field.

    Returns
    -------
    ndarray of complex64, shape (n, n, n // 2 + 1)
        As of `scipy.fft.rfftn` on the lattice of the particles.
    """
    n, side = settings.particles, settings.box_mpc
    rng = np.random.default_rng(settings.seed)
    modes = fft.rfftn(rng.standard_normal((n, n, n), dtype=np.float32))
    k = np.sqrt(squares(n, side))
    scale = np.sqrt(cosmology.power(k) / (side / n) ** 3)
    scale[0, 0, 0] = 0.0
    return (modes * scale).astype(np.complex64)


def start(modes: np.ndarray, settings: BoxSettings, cosmology: Cosmology) -> tuple[np.ndarray, np.ndarray]:
    """Displacements and momenta at the first redshift, to second order.

    x = q - D grad(phi1) + D2 grad(phi2), with D2 = -3/7 D^2 omega_m(a)^(-1/143) and growth rate 2 omega_m(a)^(6/11)
    (Bouchet et al. 1995; Scoccimarro 1998, appendix D).

    Parameters
    ----------
    modes : ndarray
        As of `density_field`.

    Returns
    -------
    displacements, momenta : ndarray of float32, shape (n, n, n, 3)
        Mpc, and Mpc in units of H0.
    """
    n, a = settings.particles, 1.0 / (1.0 + settings.start_redshift)
    k = wavenumbers(n, settings.box_mpc)
    square = squares(n, settings.box_mpc)
    square[0, 0, 0] = 1.0
    phi = -modes / square  # laplacian(phi1) = delta

    def second(i: int, j: int) -> np.ndarray:
        return fft.irfftn((-k[i] * k[j] * phi).astype(np.complex64), (n, n, n))

    xx, yy, zz = second(0, 0), second(1, 1), second(2, 2)
    source = xx * yy + xx * zz + yy * zz - second(0, 1) ** 2 - second(0, 2) ** 2 - second(1, 2) ** 2
    phi2 = -fft.rfftn(source) / square
    growth, rate, expansion = cosmology.growth(a), cosmology.growth_rate(a), cosmology.expansion(a)
    omega = cosmology.omega_m / (a**3 * expansion**2)
    growth2, rate2 = -3.0 / 7.0 * growth**2 * omega ** (-1.0 / 143.0), 2.0 * omega ** (6.0 / 11.0)
    displacements, momenta = (np.empty((n, n, n, 3), np.float32) for _ in range(2))
    for axis in range(3):
        first = -growth * fft.irfftn((1j * k[axis] * phi).astype(np.complex64), (n, n, n))
        later = growth2 * fft.irfftn((1j * k[axis] * phi2).astype(np.complex64), (n, n, n))
        displacements[..., axis] = first + later
        momenta[..., axis] = a**2 * expansion * (rate * first + rate2 * later)
    return displacements, momenta


def run_box(
    settings: BoxSettings,
    cosmology: Cosmology | None = None,
    modes: np.ndarray | None = None,
    each: Callable[[int, int], None] | None = None,
) -> Box:
    """Run a box from its seed to its last redshift.

    Parameters
    ----------
    settings : BoxSettings
    cosmology : Cosmology, optional
        That of Gheller & Vazza (2022) by default.
    modes : ndarray, optional
        Initial density as of `density_field`, instead of that of the seed.
    each : callable, optional
        Is told the number of steps done, and of all, after each.
    """
    cosmology = cosmology or Cosmology()
    modes = density_field(settings, cosmology) if modes is None else modes
    displacements, momenta = start(modes, settings, cosmology)
    first, last = (math.sqrt(1.0 / (1.0 + z)) for z in (settings.start_redshift, settings.redshift))
    times = np.linspace(first, last, settings.steps + 1) ** 2
    points = lattice(settings.particles, settings.box_mpc)
    force = _force(points + displacements, settings, cosmology)
    for step, (begin, end) in enumerate(itertools.pairwise(times), start=1):
        middle = 0.25 * (math.sqrt(begin) + math.sqrt(end)) ** 2
        momenta += _factor(cosmology, 2, begin, middle) * force
        displacements += _factor(cosmology, 3, begin, end) * momenta
        force = _force(points + displacements, settings, cosmology)
        momenta += _factor(cosmology, 2, middle, end) * force
        if each is not None:
            each(step, settings.steps)
    # v = a dx/dt = p / a
    momenta *= np.float32(cosmology.hubble / times[-1])
    return Box(displacements, momenta, settings, cosmology)


def _factor(cosmology: Cosmology, order: int, begin: float, end: float) -> np.float32:
    """Integral of 1 / (a^order E) over a step."""
    return np.float32(quad(lambda a: 1.0 / (a**order * cosmology.expansion(a)), begin, end)[0])


def _force(places: np.ndarray, settings: BoxSettings, cosmology: Cosmology) -> np.ndarray:
    """-grad(phi) at places, shape (n, n, n, 3): one mesh and one cloud for density and force, so momentum is kept."""
    mesh, side = settings.mesh, settings.box_mpc
    flat = places.reshape(-1, 3)
    density = deposit(flat, mesh, side)
    density *= np.float32(mesh**3 / len(flat))
    modes = fft.rfftn(density, overwrite_x=True)
    square = squares(mesh, side)
    square[0, 0, 0] = np.inf
    modes *= (-1.5 * cosmology.omega_m / square).astype(np.float32)
    potential = fft.irfftn(modes, (mesh, mesh, mesh), overwrite_x=True)
    force = np.empty(flat.shape, np.float32)
    slopes = [gradient(potential, axis, side) for axis in range(3)]
    for part in range(0, len(flat), 2**18):
        some = slice(part, part + 2**18)
        force[some] = -gather(slopes, flat[some], side)
    return force.reshape(places.shape)
