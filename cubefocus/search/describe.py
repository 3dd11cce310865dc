"""What the sources of a part of a restored cube measure like: fitted together, or summed where that fits them badly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.aperture import variance_of_sum
from cubefocus.alma.apparent import apparent
from cubefocus.alma.catalogue import on_the_sky, rest_frequency_of, spectral
from cubefocus.alma.fit_images import spectra_of, window_images
from cubefocus.alma.fitted import COLUMNS as FITTED
from cubefocus.alma.fitted import KM_S, catalogue_of
from cubefocus.cube.celestial import local_axes
from cubefocus.cube.cube import Cube
from cubefocus.cube.scale import SIGMA_TO_FWHM, gaussian_area
from cubefocus.fit.beam import Beam
from cubefocus.fit.fitted import Fitted
from cubefocus.fit.model import Scene
from cubefocus.fit.restored import measure_restored, relative_noise
from cubefocus.fit.run import fit_given
from cubefocus.fit.seen import ellipse
from cubefocus.fit.sky import NAMES, measures
from cubefocus.fit.source import Spectral
from cubefocus.search.bank import LEAST_CHANNELS
from cubefocus.search.groups import Window
from cubefocus.search.levels import IN_CHANNEL, Levels
from cubefocus.search.linking import Islands
from cubefocus.search.moments import Moments, measure
from cubefocus.search.parts import Parted, start_of, with_parts
from cubefocus.settings import FitSettings, SkySettings
from cubefocus.tables.columns import BOX, define

OWN: dict[str, str] = {
    "significance": "highest signal-to-noise of a template in the voxels of its island; of a source that of its fit, "
    "where it is higher and the values are those of the fit",
    "reliability": "probability to be neither noise nor left by the imaging, from what is found in the cube times -1",
    "n_voxels": "voxels of its island",
    "candidate_id": "number of its island in the cube, from 1, highest significance first; its label in the mask",
    "x": "voxel with the highest significance",
    "y": "voxel with the highest significance",
    "z": "voxel with the highest significance",
    "x0": "smallest box around the island, first column",
    "z0": "first channel of the island",
    "z1": "last channel of the island",
}
_CATALOGUE = {
    "flags": f"{next(one.description for one in FITTED if one.name == 'flags')}, from_voxels (sums and moments over "
    "its voxels in the place of the fit: sizes are those of a Gaussian of the same second moments, fwhm_z is W50)",
}
_ISLAND = ("significance", "reliability", "candidate_id")
_APERTURE = tuple(one.name for one in FITTED if "_aperture" in one.name)
_NAMES = tuple(one.name for one in FITTED)
_AFTER = _NAMES.index("significance") + 1
COLUMNS = tuple(
    define(name, (OWN | _CATALOGUE)[name]) if name in (*_ISLAND, *_CATALOGUE) else FITTED[_NAMES.index(name)]
    for name in (*_NAMES[:_AFTER], "reliability", *_NAMES[_AFTER:])
)
# Times what the fit gives, and errors above it, that the voxels of a source hold that is no Gaussian. Where CLEAN stops
# it leaves a plateau around sources, which is in sums over voxels and hardly in a fit.
MORE = (2.0, 5.0)
FROM_VOXELS = "from_voxels"  # flag of values that are sums and moments over the island


@dataclass(frozen=True, eq=False)
class Described:
    """The sources of a window.

    Attributes
    ----------
    window : Window
    cube : Cube
        Of which it is a part.
    fitted : Fitted
        The fit of its sources, in its own pixels.
    place : ndarray, shape (y, x), or None
        Relative noise of its pixels, by which the cube was divided before the fit; None where that is 1.
    rows : list of dict
        Of the sources, in the columns of `COLUMNS` and the pixels of the window.
    components : list of int
        Which source of the fit each row is.
    """

    window: Window
    cube: Cube
    fitted: Fitted
    place: np.ndarray | None
    rows: list[dict[str, Any]]
    components: list[int]

    @property
    def rows_of_cube(self) -> list[dict[str, Any]]:
        """The rows in the pixels of the cube."""
        top, left = self.window.corner
        shift = {"x": left, "x0": left, "x1": left, "y": top, "y0": top, "y1": top}
        return [row | {name: row[name] + off for name, off in shift.items()} for row in self.rows]


@dataclass(frozen=True, eq=False)
class Search:
    """What is known of a cube when its sources are to be described.

    Attributes
    ----------
    cube : Cube
    levels : Levels
    beam : Beam
        Restoring beam, and primary beam where it has not been divided by.
    beam_px : (major, minor, angle)
    islands : Islands
    reliability : ndarray, shape (island,)
    line : float
        Significance of a line that a source keeps.
    cube_id : int
    rest_frequency_ghz : float or None
    device : str
    """

    cube: Cube
    levels: Levels
    beam: Beam
    beam_px: tuple[float, float, float]
    islands: Islands
    reliability: np.ndarray
    line: float
    cube_id: int
    rest_frequency_ghz: float | None
    device: str

    def describe(self, window: Window) -> Described:
        """Fit the sources of a window, one an island, all of them together.

        Raises
        ------
        CubefocusError
            If there is no noise to measure.
        """
        window = with_complete_pixel(window, self.cube)
        cube = window.of(self.cube)
        levels, beam = self.levels.within(window.rows, window.columns), self.beam.within(window.rows, window.columns)
        others = [number for number in window.others if self.islands.reaches(number, window.rows, window.columns)]
        numbers = window.members + others
        own = self.islands.of(numbers, window.corner, cube.data.shape)
        flat = cube.with_data(
            cube.data / levels.place.astype(np.float32)
        )  # noise alike everywhere, as the fit wants it
        n_pixels = min(self.cube.data.shape[1] * self.cube.data.shape[2], IN_CHANNEL)
        noise = measure_restored(flat.data, beam, relative_noise(self.levels.channel, n_pixels, beam))
        scene = Scene.of(flat.data, _behind(beam, levels), flat.frequencies_hz, noise, self.device)
        starts = [start_of(place, flat.data, beam) for place in own.places]
        single = fit_given(scene, starts, FitSettings(line=self.line))
        parted = with_parts(single, own, len(window.members), self.line, flat.data)
        fitted = parted.fitted
        measured = _Measured(cube, levels, beam, self.beam_px, self.rest_frequency_ghz, parted)
        fits = catalogue_of(
            flat, fitted, SkySettings().box_level, self.cube_id, self.rest_frequency_ghz, shown=cube,
            extents=measured.extents(), order=_emitting(fitted),
        )  # fmt: skip
        told = [parted.owners[number] < len(window.members) for number in np.asarray(fits["candidate_id"], dtype=int)]
        fits = fits[np.array(told, dtype=bool)]
        rows, components = _rows(fits, measured), np.asarray(fits["candidate_id"], dtype=int).tolist()
        for row, component in zip(rows, components, strict=True):
            number = window.members[parted.owners[component]]
            row |= {"candidate_id": number + 1, "reliability": float(self.reliability[number])}
        place = levels.place if levels.by_place else None
        return Described(window, self.cube, fitted, place, rows, components)


def with_complete_pixel(window: Window, cube: Cube) -> Window:
    """A window that holds a pixel with data in all channels that are not blank: the noise is measured in such ones."""
    shape = cube.data.shape
    while True:
        held = np.isfinite(cube.data[:, window.rows, window.columns])
        complete = held[held.any(axis=(1, 2))].all(axis=0)
        if complete.any() or held.shape == shape:
            return window
        rows, columns = (
            slice(max(0, part.start - (part.stop - part.start)), min(size, part.stop + (part.stop - part.start)))
            for part, size in zip((window.rows, window.columns), shape[1:], strict=True)
        )
        window = Window(rows, columns, window.members, window.others)


def _behind(beam: Beam, levels: Levels) -> Beam:
    """The beam for a cube that was divided by the noise of its places, as if that were one over a primary beam."""
    log_pb = np.zeros((2, *levels.place.shape)) if beam.log_pb is None else beam.log_pb
    return replace(beam, log_pb=log_pb - np.log(levels.place)[None]) if levels.by_place else beam


def _emitting(fitted: Fitted) -> list[int]:
    """Sources of the fit that emit, most significant first: in all, or a line of those whose continuum is negative.

    A continuum that was subtracted too much leaves a line in emission on a negative level, which is no absorption.
    """
    log_ratio, place = fitted.scene.spectral.log_ratio, NAMES.index("line")
    lines = [measures(one, fitted.scene.beam, log_ratio)[place] for one in fitted.components]
    chosen = set(fitted.positive) | {number for number, line in enumerate(lines) if line > 0}
    return sorted(chosen, key=lambda number: -fitted.significance[number])


def boxes_of(every: Islands) -> np.ndarray:
    """Smallest boxes (x0, y0, x1, y1), half-open, around the islands, shape (n, 4)."""
    boxes = [(columns.start, rows.start, columns.stop, rows.stop) for _, rows, columns in every.windows]
    return np.array(boxes, dtype=int).reshape(-1, 4)


def _rows(fits: Table, measured: _Measured) -> list[dict[str, Any]]:
    """Rows of the fit with what is known of the voxels of its sources."""
    rows, parted = [dict(zip(fits.colnames, row, strict=True)) for row in fits], measured.parted
    boxes = boxes_of(parted.islands)
    for row in rows:
        number = int(row["candidate_id"])
        # What stands out of the noise is cut down before wider templates see it: of what is bright the fit knows more.
        if parted.alone(number):
            row["significance"] = max(float(parted.islands.peak[number]), float(row["significance"]))
        row |= measured.noise_at(row)
        flags = set(str(row["flags"]).split(";")) - {""}
        found = measured.measure(number)
        if parted.composed[number] or "not_converged" in flags or measured.holds_more(number, found):
            row |= measured.of(found)
            row |= dict(zip(BOX, boxes[number].tolist(), strict=True))
            without = math.isnan(row["z"])
            told = flags - {"unresolved", "not_converged", "no_line"} - ({"at_band_edge"} if without else set())
            row["flags"] = ";".join(sorted(told | {FROM_VOXELS} | ({"no_line"} if without else set())))
            if parted.alone(number):
                row["significance"] = float(parted.islands.peak[number])
    return rows


@dataclass(frozen=True, eq=False)
class _Measured:
    """Values from the voxels of a source, in the columns of the fit."""

    cube: Cube
    levels: Levels
    beam: Beam
    beam_px: tuple[float, float, float]
    rest_frequency_ghz: float | None
    parted: Parted

    def extents(self) -> np.ndarray:
        """Boxes that those of the sources of the fit hold at least: that of its island, of one that has it alone."""
        own = boxes_of(self.parted.islands)
        for number, one in enumerate(self.parted.fitted.components):
            if not self.parted.alone(number):
                x, y = (min(max(round(at), 0), size - 1) for at, size in zip(one.centre, self.image, strict=True))
                own[number] = x, y, x + 1, y + 1
        return own

    @property
    def image(self) -> tuple[int, int]:
        """Size along x and y, pixels."""
        n_y, n_x = self.levels.place.shape
        return n_x, n_y

    def holds_more(self, number: int, found: Moments) -> bool:
        """Whether the voxels of a source hold more flux than the fit gives to it: it is a part of it only."""
        fitted = self.parted.fitted
        one, scene = fitted.components[number], fitted.scene
        alone = Spectral(scene.spectral.log_ratio, np.ones(scene.n_channels))
        spectrum = alone.of(one, scene.gains([one])[0])[0]
        x, y = (min(max(round(at), 0), size - 1) for at, size in zip(one.centre, self.image, strict=True))
        own = float(spectrum[self.parted.islands.windows[number][0]].sum()) * self.area * float(self.levels.place[y, x])
        return found.total > MORE[0] * own and found.total - own > MORE[1] * found.total_err

    def noise_at(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Noise where a source of the fit is, and what stands out of it: the fit saw the cube over that of places."""
        channel, place = self.levels.channel, self.levels.place
        x, y = (min(max(round(row[axis]), 0), size - 1) for axis, size in zip("xy", place.T.shape, strict=True))
        level = self.levels.rms
        if math.isfinite(row["z"]):
            own = float(channel[min(max(round(row["z"]), 0), len(channel) - 1)])
            level = own if math.isfinite(own) else level
        level *= float(place[y, x])
        image = float(row["snr_image"]) / float(place[y, x])
        return {"local_rms": 1e3 * level, "peak_mjy_err": 1e3 * level, "snr": row["peak"] / level, "snr_image": image}

    def measure(self, number: int) -> Moments:
        """Sums and moments of the voxels of a source, less what the fit gives to the others."""
        islands = self.parted.islands
        reach = math.ceil(self.beam_px[0])
        channels, *sky = islands.windows[number]
        rows, columns = (
            slice(max(0, part.start - reach), min(size, part.stop + reach))
            for part, size in zip(sky, islands.shape[1:], strict=True)
        )
        own = (channels, *(slice(part.start - around.start, part.stop - around.start)
                           for part, around in zip(sky, (rows, columns), strict=True)))  # fmt: skip
        found = measure(
            self.cube.data[:, rows, columns] - self.of_others(number, rows, columns),
            self.levels.within(rows, columns),
            islands.mask(number),
            own,
            self.beam_px,
            lambda mask, *inner: self.spread(mask, *map(_shifted, inner, (rows, columns))),
        )
        return replace(found, x=found.x + columns.start, y=found.y + rows.start)

    def of_others(self, number: int, rows: slice, columns: slice) -> np.ndarray:
        """What the fit gives to all other sources in a part of the image, (channel, row, column)."""
        fitted, place = self.parted.fitted, self.levels.place[rows, columns]
        images = window_images(fitted, *(np.arange(part.start, part.stop) for part in (rows, columns)))
        spectra = spectra_of(fitted)
        images[number] = 0.0
        return (np.tensordot(spectra.T, images, axes=1) * place).astype(np.float32)

    def spread(self, mask: np.ndarray, rows: slice, columns: slice) -> float:
        """Variance of the noise of a sum over pixels, over the sum of the variances of each."""
        at = [np.arange(part.start, part.stop) for part in (rows, columns)]
        return variance_of_sum(mask, at[0], at[1], self.beam, self.parted.fitted.scene.noise)

    @property
    def area(self) -> float:
        """Of the beam, pixels."""
        return gaussian_area(*self.beam_px[:2])

    def of(self, found: Moments) -> dict[str, Any]:
        """What the voxels of a source say, in the columns of the fit."""
        cube, ghz = self.cube, self.cube.frequencies_hz / 1e9
        own = (one.name for one in COLUMNS if one.name.endswith("_err") or one.name in _APERTURE)
        unknown = (name for name in own if name != "peak_mjy_err")  # of a voxel, whatever the source is
        row: dict[str, Any] = dict.fromkeys(unknown, math.nan)
        row |= {name: getattr(found, name) for name in ("x", "y", "z", "x_err", "y_err", "z_err")}
        (place,) = on_the_sky(cube, [(found.x, found.y)])
        row |= place | {"fwhm_z": found.width, "z0": found.z - found.width, "z1": found.z + found.width}
        row |= {"fwhm_z_err": found.width_err, "major_limit": math.nan}
        if len(ghz) < LEAST_CHANNELS:  # no line could be told from the continuum
            row |= dict.fromkeys(("z", "z_err", "fwhm_z", "fwhm_z_err", "z0", "z1"), math.nan)
        row |= spectral(
            ghz, row, rest_frequency_of(cube) if self.rest_frequency_ghz is None else self.rest_frequency_ghz
        )
        return row | self.sizes(found) | self.fluxes(found, ghz)

    def sizes(self, found: Moments) -> dict[str, Any]:
        """Axes less the beam, as those of Gaussians go; of the paper's description, too."""
        cell, shape = self.cube.cell_arcsec, ellipse(found.moments, found.covariance[2:, 2:])
        (axes,) = local_axes(self.cube.wcs, [found.x], [found.y])
        row: dict[str, Any] = apparent(axes, cell, found.moments, found.covariance)
        sizes = {
            "major": _less(shape.major, shape.major_err, self.beam_px[0]),
            "minor": _less(shape.minor, shape.minor_err, self.beam_px[1]),
        }
        for name, (size, error) in sizes.items():
            row |= {name: size * cell, f"{name}_err": error * cell}
        names, row["pa"] = ("major", "minor"), shape.angle
        if shape.angle > 90.0:
            names, row["pa"] = ("minor", "major"), shape.angle - 90.0
        row |= {"position_angle": row["position_angle_convolved"], "pa_err": shape.angle_err}
        row["position_angle_err"] = row["position_angle_convolved_err"]
        for axis, name in zip("xy", names, strict=True):
            size, error = sizes[name]
            row |= {f"fwhm_{axis}": size, f"fwhm_{axis}_arcsec": size * cell, f"sigma_{axis}": size / SIGMA_TO_FWHM}
            row |= {f"sigma_{axis}_arcsec": size * cell / SIGMA_TO_FWHM, f"sigma_{axis}_err": error / SIGMA_TO_FWHM}
        return row

    def fluxes(self, found: Moments, ghz: np.ndarray) -> dict[str, Any]:
        """Continuum and line on the sky, the primary beam taken as it is at the centre."""
        scale = 1.0 / (self.area * self.attenuation(found))
        if len(ghz) < LEAST_CHANNELS:
            image = {"continuum_mjy": found.total / len(ghz), "continuum_mjy_err": found.total_err / len(ghz)}
            row = {name: 1e3 * value * scale for name, value in image.items()}
            return row | _in_the_middle(row) | {"line_flux_jykms": math.nan}
        step = abs(float(np.median(np.diff(ghz))))
        kms = KM_S * step / float(np.interp(found.z, np.arange(len(ghz)), ghz))  # NaN without a line
        row = {"line_flux_jykms": found.flux * kms * scale, "line_flux_jykms_err": found.flux_err * kms * scale}
        row |= {"continuum_mjy": 1e3 * found.continuum * scale, "continuum_mjy_err": 1e3 * found.continuum_err * scale}
        return row | _in_the_middle(row)

    def attenuation(self, found: Moments) -> float:
        """Primary beam at the centre; 1 for a cube that has been divided by it."""
        if self.beam.log_pb is None:
            return 1.0
        plane = self.beam.log_pb.mean(axis=0)
        row, column = (
            min(max(round(at), 0), size - 1) for at, size in zip((found.y, found.x), plane.shape, strict=True)
        )
        return math.exp(float(plane[row, column]))


def _shifted(part: slice, onto: slice) -> slice:
    return slice(part.start + onto.start, part.stop + onto.start)


def _less(size: float, error: float, beam: float) -> tuple[float, float]:
    """A FWHM less that of the beam, and its error; of one that is no larger the error of its square says how small."""
    square, square_err = size**2 - beam**2, 2.0 * size * error
    own = math.sqrt(max(square, 0.0))
    return own, square_err / (2.0 * own) if own**2 > square_err else math.sqrt(square_err)


def _in_the_middle(row: Mapping[str, float]) -> dict[str, float]:
    """Continuum of the band's middle: what a mean of channels off the line has no slope to tell from."""
    return {f"continuum_mjy_middle{end}": row[f"continuum_mjy{end}"] for end in ("", "_err")}
