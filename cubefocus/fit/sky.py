"""From a fitted source behind the primary beam to what is on the sky, with errors.

Around a source the logarithm of the primary beam is a plane and a parabola, and a Gaussian times that is a Gaussian
again: a little smaller, nearer to the pointing centre. So the fit works with what the dirty cube shows, and the source
on the sky follows from it in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.fit.beam import Beam
from cubefocus.fit.source import N_FIXED, Component, axes_of, cov_of

REACH = 4  # pixels over which the primary beam's slope and curvature are measured
ROUND = 1e-4  # share by which axes must differ for an angle to have derivatives
STEP = 1e-4  # of the derivatives of what is on the sky by the parameters of the fit


@dataclass(frozen=True)
class PrimaryBeam:
    """The primary beam around a source: its logarithm, gradient and second derivatives in the middle of the band."""

    log: float
    gradient: np.ndarray
    hessian: np.ndarray

    @classmethod
    def at(cls, beam: Beam, x: float, y: float) -> PrimaryBeam:
        """The primary beam at a place; 1 everywhere where it is not known."""
        if beam.log_pb is None:
            return cls(0.0, np.zeros(2), np.zeros((2, 2)))
        height, width = beam.log_pb.shape[1:]
        column, row = (int(min(max(round(at), REACH), size - 1 - REACH)) for at, size in ((x, width), (y, height)))
        cut = beam.log_pb[:, row - REACH : row + REACH + 1, column - REACH : column + REACH + 1].mean(axis=0)
        c = _parabola() @ cut.reshape(-1)
        hessian = np.array([[c[3], c[4]], [c[4], c[5]]])
        off = np.array([x - column, y - row])
        return cls(float(c[0] + c[1:3] @ off + 0.5 * off @ hessian @ off), c[1:3] + hessian @ off, hessian)


@cache
def _parabola() -> np.ndarray:
    """Least squares of a parabola to the pixels within reach: (value, slopes and second derivatives; pixel)."""
    offset = np.arange(-REACH, REACH + 1.0)
    dx, dy = np.meshgrid(offset, offset)
    design = np.stack([np.ones_like(dx), dx, dy, 0.5 * dx**2, dx * dy, 0.5 * dy**2], axis=-1).reshape(-1, 6)
    return np.linalg.pinv(design)


def on_sky(component: Component, beam: Beam) -> Component:
    """The source on the sky whose image behind the primary beam is a fitted one."""
    x, y = component.centre
    primary = PrimaryBeam.at(beam, x, y)
    return _changed(component, primary, -1.0)


def behind_beam(component: Component, beam: Beam, rounds: int = 3) -> Component:
    """What the dirty cube shows of a source on the sky: the inverse of `on_sky`."""
    x, y = component.centre
    shown = component
    for _ in range(rounds):  # the primary beam is to be expanded where the image is
        primary = PrimaryBeam.at(beam, x, y)
        shift = np.array(component.centre) - (x, y)
        moved = PrimaryBeam(
            primary.log + float(primary.gradient @ shift + 0.5 * shift @ primary.hessian @ shift),
            primary.gradient + primary.hessian @ shift,
            primary.hessian,
        )
        shown = _changed(component, moved, 1.0)
        x, y = shown.centre
    return shown


def _changed(component: Component, primary: PrimaryBeam, sign: float) -> Component:
    """A source times (sign 1) or over (sign -1) the primary beam around its centre."""
    cov = component.cov
    precision = np.linalg.inv(cov) - sign * primary.hessian
    values, vectors = np.linalg.eigh(precision)
    # A source as wide as the primary beam has no width on the sky that this could tell.
    new = np.linalg.inv((vectors * np.maximum(values, 0.05 * np.linalg.eigvalsh(np.linalg.inv(cov))[0])) @ vectors.T)
    gradient = sign * primary.gradient
    shift = new @ gradient
    factor = math.exp(sign * primary.log + 0.5 * float(gradient @ shift))
    factor *= math.sqrt(np.linalg.det(new) / np.linalg.det(cov))
    x, y = np.array(component.centre) + shift
    lines = [component.line(number)[1:] for number in range(component.n_lines)]
    changed = Component.of(float(x), float(y), new, lines).values
    changed[component.amplitudes] = component.values[component.amplitudes] * factor
    changed[6] = component.values[6]
    changed[N_FIXED + 2 :: 3] = component.values[N_FIXED + 2 :: 3]
    return Component(changed)


NAMES = ("x", "y", "major", "minor", "angle", "sigma_x", "sigma_y", "pa", "continuum", "z", "fwhm_z", "line")
"""What `measures` gives: centre (pixels), standard deviations of the axes (pixels), angle of the major one from the x
axis clockwise (deg), the paper's description of the same, continuum (Jy) at the line's centre, centre and FWHM of the
strongest line (channels), and its flux (Jy x channel)."""


def measures(component: Component, beam: Beam, log_ratio: np.ndarray) -> np.ndarray:
    """Parameters of a source on the sky, in the order of `NAMES`; NaN for what it does not have."""
    source = on_sky(component, beam)
    major, minor, angle = axes_of(source.cov)
    first, second, pa = (major, minor, angle) if angle <= 90.0 else (minor, major, angle - 90.0)
    strongest = strongest_line(source)
    flux, index = source.values[5], source.values[6]
    if strongest is None:
        return np.array([*source.centre, major, minor, angle, first, second, pa, flux, *[math.nan] * 3])
    peak, z, fwhm = source.line(strongest)
    law = math.exp(index * float(np.interp(z, np.arange(len(log_ratio)), log_ratio)))
    total = peak * law * fwhm / SIGMA_TO_FWHM * math.sqrt(2.0 * math.pi)
    return np.array([*source.centre, major, minor, angle, first, second, pa, flux * law, z, fwhm, total])


def strongest_line(component: Component) -> int | None:
    """Number of the line with the largest flux, whatever its sign; None without lines."""
    fluxes = [abs(peak) * fwhm for peak, _, fwhm in map(component.line, range(component.n_lines))]
    return int(np.argmax(fluxes)) if fluxes else None


def jacobian(component: Component, beam: Beam, log_ratio: np.ndarray) -> np.ndarray:
    """Derivatives of `measures` by the parameters of the fit, shape (12, p); those of angles are not wrapped."""
    columns = []
    scale = np.maximum(np.abs(component.values), 1e-2) * STEP
    scale[component.amplitudes] = max(float(np.abs(component.values[component.amplitudes]).max()), 1e-30) * STEP
    for number, step in enumerate(scale):
        ends = []
        for sign in (1.0, -1.0):
            values = component.values.copy()
            values[number] += sign * step
            ends.append(measures(Component(values), beam, log_ratio))
        change = ends[0] - ends[1]
        for name, period in (("angle", 180.0), ("pa", 90.0)):
            at = NAMES.index(name)
            change[at] = (change[at] + 0.5 * period) % period - 0.5 * period
        columns.append(change / (2.0 * step))
    by = np.stack(columns, axis=1)
    # The axes change their names where the angle passes 0 or 90 deg; their lengths do not jump.
    row = {name: number for number, name in enumerate(NAMES)}
    major_first = measures(component, beam, log_ratio)[row["angle"]] <= 90.0
    first, second = ("major", "minor") if major_first else ("minor", "major")
    by[row["sigma_x"]], by[row["sigma_y"]] = by[row[first]], by[row[second]]
    return by


def errors(component: Component, covariance: np.ndarray, beam: Beam, log_ratio: np.ndarray) -> np.ndarray:
    """Standard errors of `measures` from the covariance of the parameters of the fit, shape (12,).

    That of an angle is never larger than the scatter of angles of which nothing is known, and is that for a source that
    is round.
    """
    by = jacobian(component, beam, log_ratio)
    found = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", by, covariance, by), 0.0))
    major, minor, _ = axes_of(on_sky(component, beam).cov)
    for name, period in (("angle", 180.0), ("pa", 90.0)):
        at, unknown = NAMES.index(name), period / math.sqrt(12.0)
        found[at] = unknown if major < (1.0 + ROUND) * minor else min(found[at], unknown)
    return found


def from_truth(
    x: float, y: float, sigma_x: float, sigma_y: float, pa: float, continuum: float, z: float, fwhm_z: float,
    line: float, log_ratio: np.ndarray, index: float = 0.0,
) -> Component:  # fmt: skip
    """A source on the sky from its own parameters: continuum in Jy at the line's centre, line in Jy x channel."""
    law = math.exp(index * float(np.interp(z, np.arange(len(log_ratio)), log_ratio)))
    source = Component.of(x, y, cov_of(sigma_x, sigma_y, pa), [(z, fwhm_z)])
    values = source.values.copy()
    values[5], values[6] = continuum / law, index
    values[N_FIXED] = line / law / (fwhm_z / SIGMA_TO_FWHM * math.sqrt(2.0 * math.pi))
    return Component(values)
