"""Sky types whose line centre moves across the source: a rotating disc and an off-axis velocity gradient."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.sky.base import Ranges, SkyType, power_law, uniform
from cubefocus.sky.columns import Source
from cubefocus.sky.emission import (
    Emission,
    Frame,
    Window,
    ellipse_window,
    gaussian_image,
    rotated_offsets,
    shifted_lines,
)
from cubefocus.sky.separable import shape_of
from cubefocus.tables.columns import PA_CONVENTION, Column

SUBPIXELS = (np.arange(5) - 2.0) / 5.0
"""Where the velocity is looked at within a pixel, in pixels from its centre, in x and in y."""


class Moving(SkyType):
    """A Gaussian image whose line has, in each pixel, its own centre."""

    def emission(self, source: Source, frame: Frame) -> Emission:
        """Emission whose line is a Gaussian around the centre of each pixel.

        The velocities within a pixel broaden its line and lower its peak: without that, a rotation curve that
        rises within a pixel would leave a spurious third peak between the two horns.
        """
        window = ellipse_window(frame, *shape_of(source))
        image, continuum = gaussian_image(window, *shape_of(source)), power_law(source, frame)
        shifts = np.stack([self.shift(source, window, dx, dy) for dx in SUBPIXELS for dy in SUBPIXELS])
        local = self.sigma_z(source)
        sigmas = np.hypot(local, shifts.std(axis=0))
        peaks = source["line_amplitude"] * image * (local / sigmas)
        line = shifted_lines(frame.n_channels, source["z"] + shifts.mean(axis=0), sigmas, peaks)
        line *= continuum.astype(np.float32)[:, np.newaxis, np.newaxis]
        return Emission(window, image, continuum, line)

    @abstractmethod
    def shift(self, source: Source, window: Window, dx: float, dy: float) -> np.ndarray:
        """Offset of the line centre in channels at (dx, dy) from the centre of each pixel, shape (y, x)."""

    @abstractmethod
    def sigma_z(self, source: Source) -> float:
        """Standard deviation of the line at one point in channels."""


class Gradient(Moving):
    """Gaussian source whose line centre changes linearly along a direction that is none of its axes."""

    name = "gradient"
    columns = (
        Column("velocity_gradient", "chan / pix", "arith.grad;spect.dopplerVeloc", float,
               "change of the line centre along velocity_pa", kms_unit="km / (s pix)"),
        Column("velocity_pa", "deg", "pos.posAng", float, f"direction in which the line centre rises, {PA_CONVENTION}"),
        Column("fwhm_z_local", "chan", "spect.line.width", float,
               "full width at half maximum of the line at one point"),
    )  # fmt: skip

    def draw(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw a source; the drawn line width is that of a pixel, fwhm_z that of the whole source."""
        source = super().draw(ranges, rng)
        gradient, angle = uniform(ranges, "velocity_gradient", rng), uniform(ranges, "gradient_offset", rng)
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        extent = math.hypot(source["sigma_x"] * cos, source["sigma_y"] * sin)
        return source | {
            "velocity_gradient": gradient,
            "velocity_pa": (source["pa"] + angle) % 360.0,
            "fwhm_z_local": source["fwhm_z"],
            "fwhm_z": math.hypot(source["fwhm_z"], SIGMA_TO_FWHM * gradient * extent),
        }

    def shift(self, source: Source, window: Window, dx: float, dy: float) -> np.ndarray:
        """Gradient times the distance along its direction."""
        along, _ = rotated_offsets(window, source["x"] - dx, source["y"] - dy, source["velocity_pa"])
        return source["velocity_gradient"] * along

    def sigma_z(self, source: Source) -> float:
        """Width of the line in a pixel, as drawn."""
        return source["fwhm_z_local"] / SIGMA_TO_FWHM


class Disc(Moving):
    """Thin rotating disc, seen at an inclination, with an arctangent rotation curve and a velocity dispersion.

    Its face-on brightness is a Gaussian of standard deviation sigma_x; sigma_y = sigma_x cos(inclination) is its
    projection, and the sigma_x axis is the kinematic major axis. The line centre of a pixel is
    z + v(R) sin(i) cos(theta), v(R) = v_max (2 / pi) arctan(R / R_t), with R and theta in the plane of the disc.
    """

    name = "disc"
    columns = (
        Column("inclination", "deg", "src.orbital.inclination", float,
               "angle between the disc's axis and the line of sight"),
        Column("rotation_velocity", "chan", "phys.veloc.rotat", float,
               "flat rotation velocity; positive: the channel rises along the sigma_x axis", kms_unit="km / s"),
        Column("velocity_dispersion", "chan", "phys.veloc.dispersion", float,
               "standard deviation of the line at one point", kms_unit="km / s"),
        Column("turnover_radius", "pix", "phys.angSize", float, "radius R_t of the arctangent rotation curve"),
    )  # fmt: skip

    def draw(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw a disc; the ratio of its two widths gives the inclination."""
        source = super().draw(ranges, rng)
        minor, major = sorted((source["sigma_x"], source["sigma_y"]))
        sense = 1.0 if rng.uniform() < 0.5 else -1.0
        return source | {
            "sigma_x": major,
            "sigma_y": minor,
            "inclination": math.degrees(math.acos(minor / major)),
            "rotation_velocity": sense * uniform(ranges, "rotation_velocity", rng),
            "velocity_dispersion": uniform(ranges, "velocity_dispersion", rng),
            "turnover_radius": major * uniform(ranges, "turnover", rng),
        }

    def derive(self, source: Source) -> Source:
        """Width of the whole disc's line, which its rotation sets."""
        return {"fwhm_z": disc_line_width(source)}

    def shift(self, source: Source, window: Window, dx: float, dy: float) -> np.ndarray:
        """Line-of-sight velocity of each pixel in channels."""
        along, across = rotated_offsets(window, source["x"] - dx, source["y"] - dy, source["pa"])
        return line_of_sight(source, along, across * (source["sigma_x"] / source["sigma_y"]))

    def sigma_z(self, source: Source) -> float:
        """Velocity dispersion."""
        return source["velocity_dispersion"]


def line_of_sight(source: Source, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Velocity v(R) sin(i) cos(theta) at offsets in the plane of the disc.

    Parameters
    ----------
    source : dict
        Columns of a disc.
    along, across : ndarray
        Offsets from the centre along and across the line of nodes in pixels, deprojected.

    Returns
    -------
    ndarray
        Channels.
    """
    radius = np.hypot(along, across)
    speed = source["rotation_velocity"] * (2.0 / math.pi) * np.arctan(radius / source["turnover_radius"])
    cos_theta = np.divide(along, radius, out=np.zeros_like(radius), where=radius > 0)
    return speed * math.sin(math.radians(source["inclination"])) * cos_theta


def disc_line_width(source: Source) -> float:
    """Full width at half maximum of the whole disc's line in channels, between its outermost half-maximum points."""
    radii = source["sigma_x"] * np.linspace(0.05, 5.0, 100)[:, np.newaxis]
    angles = np.linspace(0.0, 2.0 * math.pi, 240, endpoint=False)
    velocities = line_of_sight(source, radii * np.cos(angles), radii * np.sin(angles))
    weights = np.broadcast_to(radii * np.exp(-0.5 * (radii / source["sigma_x"]) ** 2), velocities.shape)
    sigma = source["velocity_dispersion"]
    half = np.abs(velocities).max() + 5.0 * sigma
    # Bins of a tenth of the dispersion: the profile is smooth on that scale after the convolution.
    bins = math.ceil(half / (0.1 * sigma))
    edges = np.linspace(-half, half, 2 * bins + 2)
    spread = np.histogram(velocities, edges, weights=weights)[0]
    offsets = np.arange(-50, 51) * (edges[1] - edges[0])
    profile = np.convolve(spread, np.exp(-0.5 * (offsets / sigma) ** 2), mode="same")
    return _outer_width(0.5 * (edges[1:] + edges[:-1]), profile)


def _outer_width(axis: np.ndarray, profile: np.ndarray) -> float:
    """Distance between the first and the last crossing of half of the maximum, by straight interpolation."""
    level = 0.5 * profile.max()
    above = np.flatnonzero(profile >= level)
    first, last = above[0], above[-1]
    left = np.interp(level, profile[first - 1 : first + 1], axis[first - 1 : first + 1])
    right = np.interp(level, profile[last : last + 2][::-1], axis[last : last + 2][::-1])
    return float(right - left)
