"""Sky types that are one image times one spectrum: Gaussian, point, several lines, absorption."""

from __future__ import annotations

import math

import numpy as np

from cubefocus.sky.base import Ranges, SkyType, power_law, uniform
from cubefocus.sky.columns import Source
from cubefocus.sky.emission import Emission, Frame, Window, ellipse_window, gaussian_image, line_profile
from cubefocus.tables.columns import Column

PIXEL_SIGMA = 12.0**-0.5
"""Standard deviation of a uniform pixel, in pixels: the width of a source that fills one."""

CENTRE_TRIES = 100


def shape_of(source: Source) -> tuple[float, float, float, float, float]:
    """Centre, widths and position angle of a source: x, y, sigma_x, sigma_y, pa."""
    return source["x"], source["y"], source["sigma_x"], source["sigma_y"], source["pa"]


class Gaussian(SkyType):
    """Elliptical Gaussian with a power law and one Gaussian line: MNRAS Eq. 3 and 4."""

    name = "gaussian"

    def emission(self, source: Source, frame: Frame) -> Emission:
        """Emission a (nu_0/nu)^s g(x, y) (1 + l(z))."""
        window = ellipse_window(frame, *shape_of(source))
        continuum = power_law(source, frame)
        return Emission(
            window, gaussian_image(window, *shape_of(source)), continuum, continuum * self.line(source, frame)
        )

    def line(self, source: Source, frame: Frame) -> np.ndarray:
        """Line over continuum, l(z), shape (channel,)."""
        return source["line_amplitude"] * line_profile(frame.n_channels, source["z"], source["fwhm_z"])


class Point(Gaussian):
    """Unresolved source: all its flux in the pixel at its centre, shared among the nearest four if between them."""

    name = "point"

    def draw_more(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Set the widths to that of a pixel; a point has no position angle, the column holds 0."""
        return {"sigma_x": PIXEL_SIGMA, "sigma_y": PIXEL_SIGMA, "pa": 0.0}

    def emission(self, source: Source, frame: Frame) -> Emission:
        """Emission of one pixel's flux."""
        window = frame.window(source["x"], source["y"], 0.0, 0.0)
        continuum = power_law(source, frame)
        return Emission(window, _shared(window, source["x"], source["y"]), continuum,
                        continuum * self.line(source, frame))  # fmt: skip


def _shared(window: Window, x: float, y: float) -> np.ndarray:
    """Share a flux of 1 bilinearly among the pixels of a window around a position."""
    rows, columns = (np.arange(part.start, part.stop) for part in window)
    return np.outer(1.0 - np.abs(rows - y), 1.0 - np.abs(columns - x))


class MultiLine(Gaussian):
    """Gaussian source with two or three lines; the common columns describe the strongest."""

    name = "multi_line"
    columns = (
        Column("n_lines", None, "meta.number;spect.line", np.int64, "number of lines of the source"),
        *(
            info
            for number in (2, 3)
            for info in (
                Column(f"z_{number}", "chan", "em.bin", float, f"centre of line {number}, in order of strength"),
                Column(f"fwhm_z_{number}", "chan", "spect.line.width", float,
                       f"full width at half maximum of line {number}"),
                Column(f"line_amplitude_{number}", None, "arith.factor", float,
                       f"peak of line {number} over the continuum"),
            )
        ),
    )  # fmt: skip

    def draw(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw the lines apart from each other by the sum of their widths; one that finds no room is left out."""
        source = super().draw(ranges, rng)
        low, high = ranges["extra_lines"]
        lines = [(source["line_amplitude"], source["z"], source["fwhm_z"])]
        for _ in range(int(rng.integers(int(low), int(high), endpoint=True))):
            lines += _draw_apart(lines, ranges, rng)
        lines.sort(reverse=True)
        source["n_lines"] = len(lines)
        for suffix, line in zip(("", "_2", "_3"), lines, strict=False):
            source.update(zip((f"line_amplitude{suffix}", f"z{suffix}", f"fwhm_z{suffix}"), line, strict=True))
        return source

    def line(self, source: Source, frame: Frame) -> np.ndarray:
        """Sum of the lines over the continuum."""
        total = super().line(source, frame)
        for number in range(2, source["n_lines"] + 1):
            profile = line_profile(frame.n_channels, source[f"z_{number}"], source[f"fwhm_z_{number}"])
            total += source[f"line_amplitude_{number}"] * profile
        return total


def _draw_apart(
    lines: list[tuple[float, float, float]], ranges: Ranges, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Draw one more line that does not overlap the others; none if the band is full."""
    amplitude, fwhm = uniform(ranges, "line_amplitude", rng), uniform(ranges, "line_fwhm", rng)
    for _ in range(CENTRE_TRIES):
        z = uniform(ranges, "line_centre", rng)
        if all(abs(z - other) >= fwhm + width for _, other, width in lines):
            return [(amplitude, z, fwhm)]
    return []


class Absorption(Gaussian):
    """Gaussian continuum source with an absorption line; its line amplitude is negative."""

    name = "absorption"
    columns = (Column("optical_depth", None, "phys.absorption.opticalDepth", float,
                      "optical depth at the line centre, -ln(1 + line_amplitude)"),)  # fmt: skip

    def draw_more(self, ranges: Ranges, rng: np.random.Generator) -> Source:
        """Draw the share of the continuum that is absorbed at the line centre, below 1."""
        depth = uniform(ranges, "absorption_depth", rng)
        return {"line_amplitude": -depth, "optical_depth": -math.log1p(-depth)}
