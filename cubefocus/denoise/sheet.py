"""The sheet that the particles of a box lie on, as a fine set of emitters: Lagrangian interpolation between neighbours.

Cold matter fills a sheet in phase space, whose points are those of the initial lattice (Abel, Hahn & Kaehler 2012). A
cube of eight neighbours on the lattice is a piece of it, wherever it has been drawn to since. Points within a piece
show filaments and caustics that are much finer than the distance of particles.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from cubefocus.denoise.emission import Emission
from cubefocus.denoise.mesh import deposit
from cubefocus.denoise.nbody import lattice

POINTS = 4  # of a piece along each axis
WIDTH = 0.25  # standard deviation of a point over the distance of points
AT_A_TIME = 2**15  # pieces whose points are in memory together
CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
PEAK_CELL = 1.0  # Mpc, of the mesh on which peaks are looked for


@dataclass(frozen=True, eq=False)
class Emitters:
    """Gaussians that shine.

    Attributes
    ----------
    places : ndarray of float32, shape (emitter, 3)
        Comoving Mpc, in a periodic box.
    power : ndarray of float32, shape (emitter,)
        W/Hz at 150 MHz in the rest frame.
    sizes : ndarray of float32, shape (emitter,)
        Standard deviations, comoving Mpc.
    """

    places: np.ndarray
    power: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True, eq=False)
class Sheet:
    """The emission of a box, ready to be drawn.

    Attributes
    ----------
    emission : Emission
    """

    emission: Emission

    @functools.cached_property
    def places(self) -> np.ndarray:
        """Where the particles are, comoving Mpc in [0, side), float32, shape (n, n, n, 3)."""
        n, side = len(self.emission.log_power), np.float32(self.emission.side)
        places = (lattice(n, float(side)) + self.emission.displacements) % side
        places[places >= side] = 0.0
        return places

    @functools.cached_property
    def peaks(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the box is brightest within some Mpc, and the power there: clusters and groups.

        Returns
        -------
        places : ndarray, shape (peak, 3)
            Comoving Mpc, the brightest first.
        power : ndarray, shape (peak,)
            W/Hz in a cell of about `PEAK_CELL`.
        """
        side = self.emission.side
        n = max(3, round(side / PEAK_CELL))
        power = 10.0 ** self.emission.log_power.reshape(-1).astype(float)
        mesh = deposit(self.places.reshape(-1, 3), n, side, power)
        highest = np.argwhere((mesh == maximum_filter(mesh, 3, mode="wrap")) & (mesh > 0))
        values = mesh[tuple(highest.T)]
        order = np.argsort(-values, kind="stable")
        return (highest[order] + 0.5) * side / n, values[order].astype(float)

    def emitters(self, chosen: np.ndarray) -> Iterator[Emitters]:
        """Points of pieces of the sheet, some pieces at a time.

        Power is interpolated by its logarithm, and each piece keeps a mean of its corners': no light is spread along
        what has been torn apart.

        Parameters
        ----------
        chosen : ndarray of int, shape (piece, 3)
            Lattice points that are the first corner of each piece.
        """
        shares = _shares()
        for begin in range(0, len(chosen), AT_A_TIME):
            pieces = chosen[begin : begin + AT_A_TIME]
            yield self._points(pieces, shares)

    def _points(self, pieces: np.ndarray, shares: np.ndarray) -> Emitters:
        n, side = len(self.emission.log_power), np.float32(self.emission.side)
        at = tuple(np.moveaxis((pieces[:, None] + CORNERS) % n, -1, 0))  # each of shape (piece, corner)
        corners = self.places[at]
        corners = corners - side * np.round((corners - corners[:, :1]) / side)
        extent = corners - corners.mean(axis=1, keepdims=True)
        edge = 2.0 * np.sqrt((extent**2).sum(axis=(1, 2)) / 24.0)  # that of a cube of this variance
        size = np.minimum(WIDTH / POINTS * edge, self.emission.sizes[at].mean(axis=1))
        places = (shares @ corners).reshape(-1, 3)  # of each piece, (point, 3)
        power = 10.0 ** (self.emission.log_power[at] @ shares.T) / POINTS**3
        return Emitters(places, power.reshape(-1), np.repeat(size, POINTS**3))


def _shares() -> np.ndarray:
    """Weights of the corners of a piece in each of its points, float32, shape (point, corner)."""
    line = (np.arange(POINTS) + 0.5) / POINTS
    points = np.array(list(itertools.product(line, repeat=3)))
    return np.prod(np.where(CORNERS[None] == 1, points[:, None], 1.0 - points[:, None]), axis=2).astype(np.float32)
