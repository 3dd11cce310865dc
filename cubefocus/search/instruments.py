"""The beam of a user's cube, for the fit of ``cubefocus detect``: dirty (``--psf``) or restoring (``--restored``)."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.table import Table

from cubefocus.alma.fitted import fit_cube
from cubefocus.cube.celestial import position_angle
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam, asymmetry
from cubefocus.fit.noise import Noise
from cubefocus.fit.reach import FLAG as BEYOND
from cubefocus.fit.reach import falls_short, flagged_beyond
from cubefocus.fit.restored import measure_restored
from cubefocus.fit.stretch import stretch_of
from cubefocus.settings import DetectionSettings, SkySettings

log = logging.getLogger(__name__)

ASSUMED = "sources behind the restoring beam of the header, noise measured between channels and correlated as that is"
SAME_CELL = 0.01  # share of a pixel's size by which those of two files may differ
SYMMETRIC = 0.1  # of its rms, by which a dirty beam may differ from its mirror image


class Instrument(Protocol):
    """What is known of how the cubes were imaged."""

    @property
    def facts(self) -> dict[str, Any]:
        """Files and assumptions, for the provenance."""
        ...

    def beam(self, cube: Cube, path: Path) -> Beam:
        """What the cube shows of a source.

        Raises
        ------
        CubefocusError
            If it is not known, or does not belong to the cube.
        """
        ...

    def noise(self, cube: Cube, beam: Beam) -> Noise | None:
        """Noise of the cube; None if it is white and thermal, as in a dirty cube."""
        ...


@dataclass(frozen=True)
class DirtyBeam:
    """Files that say what the instrument makes of a source.

    Attributes
    ----------
    psf : Path
        Cube of dirty beams, as tclean writes it (``.psf``), of the channels of the cube or of one.
    pb : Path or None
        Primary beam (``.pb``); None for cubes in which it is 1 or has been corrected.
    """

    psf: Path
    pb: Path | None = None
    _read: dict[tuple[int, ...], Beam] = field(default_factory=dict, repr=False)

    @property
    def facts(self) -> dict[str, Any]:
        """Paths of both files."""
        return {"psf": str(self.psf)} | ({"pb": str(self.pb)} if self.pb is not None else {})

    def beam(self, cube: Cube, path: Path) -> Beam:
        """Dirty beam and primary beam for a cube.

        Raises
        ------
        CubefocusError
            If a file cannot be read, or does not belong to the cube: other pixels, other channels.
        """
        shape = cube.data.shape
        if shape not in self._read:
            dirty = _checked(self.psf, cube, path)
            _refuse_other_images(self.psf, dirty.data)
            primary = None if self.pb is None else _primary_beam(self.pb, cube, path)
            beam = Beam.of_psf(dirty.data, (shape[0], shape[1], shape[2]), primary_beam=primary)
            if falls_short(beam):
                _tell_short(self.psf, path, beam)
            self._read[shape] = beam
        return self._read[shape]

    def noise(self, cube: Cube, beam: Beam) -> Noise | None:
        """None: that of a dirty cube."""
        return None


@dataclass(frozen=True)
class RestoringBeam:
    """Cubes that CLEAN restored: sources behind the beam of the header, noise with the correlation that it has.

    Attributes
    ----------
    pb : Path or None
        Primary beam (``.pb``) of cubes that have not been divided by it; None where it is 1.
    """

    pb: Path | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What the fit assumes, and the file of the primary beam."""
        return {"restored": ASSUMED} | ({"pb": str(self.pb)} if self.pb is not None else {})

    def beam(self, cube: Cube, path: Path) -> Beam:
        """The beam of the header, or that of each channel where the file has a table of them.

        Raises
        ------
        CubefocusError
            If the cube has no beam or no size of its pixels, or the primary beam does not belong to it.
        """
        shape = cube.data.shape
        own = cube.beam
        if own is None:
            raise CubefocusError(
                f"{path}: has no restoring beam (BMAJ, BMIN, BPA) in its header; write it there, or give the dirty "
                "beam of a cube that was not cleaned with --psf"
            )
        if not math.isfinite(cube.cell_arcsec):
            raise CubefocusError(
                f"{path}: its header does not say how wide its pixels are (CDELT1, CDELT2 of axes RA, Dec); correct it"
            )
        primary = None if self.pb is None else _primary_beam(self.pb, cube, path)
        found = Beam.gaussian(beams_px(cube, own), (shape[0], shape[1], shape[2]), primary_beam=primary)
        several = f", and those of each channel in {len(found.bands)} bands" if len(found.bands) > 1 else ""
        log.info(
            "%s: is taken as restored by CLEAN with the beam of its header, %.4g x %.4g arcsec at %.3g deg%s; its "
            "noise is measured between channels", path, *own, several,
        )  # fmt: skip
        return found

    def noise(self, cube: Cube, beam: Beam) -> Noise | None:
        """Noise as it is in the cube."""
        return measure_restored(cube.data, beam)


def instrument_of(psf: Path | None, pb: Path | None, restored: bool) -> Instrument | None:
    """What the options ``--psf``, ``--pb`` and ``--restored`` say; None for no fit."""
    if psf is not None:
        return DirtyBeam(psf, pb)
    return RestoringBeam(pb) if restored else None


def beams_px(cube: Cube, own: tuple[float, float, float]) -> np.ndarray:
    """Beams of a cube on its pixels.

    Parameters
    ----------
    cube : Cube
    own : (major, minor, angle)
        The one of its header (arcsec, arcsec, deg), for a cube without a table of beams.

    Returns
    -------
    ndarray, shape (channel, 3) or (1, 3)
        FWHM of both axes in pixels, angle of the major one from the +y pixel axis towards -x in deg. A channel without
        a beam has that of the nearest one.
    """
    beams = np.array([own])
    if cube.beams is not None:
        known = np.flatnonzero(np.isfinite(cube.beams).all(axis=1))
        nearest = np.abs(known[None] - np.arange(len(cube.beams))[:, None]).argmin(axis=1)
        beams = cube.beams[known[nearest]]
    x, y = 0.5 * (cube.data.shape[2] - 1), 0.5 * (cube.data.shape[1] - 1)
    up, between = (position_angle(cube.wcs, x, y, angle) for angle in (-90.0, -135.0))  # +y, and halfway to -x
    east_is_left = (between - up) % 180.0 < 90.0
    angles = (beams[:, 2] - up) * (1.0 if east_is_left else -1.0) % 180.0
    return np.column_stack([beams[:, :2] / cube.cell_arcsec, angles])


def _refuse_other_images(file: Path, data: np.ndarray) -> None:
    """A dirty beam is real in the plane of spatial frequencies; a cube in its place would be fitted for hours."""
    filled = [plane for plane in data if np.isfinite(plane).any() and np.nanmax(plane) > 0]
    differs = asymmetry(filled[len(filled) // 2]) if filled else 0.0
    if differs > SYMMETRIC:
        raise CubefocusError(
            f"{file}: is no dirty beam: both sides of its peak differ, by {100.0 * differs:.0f} % of its rms; give the "
            "PSF (.psf of tclean) that was imaged with this cube"
        )


def _tell_short(file: Path, path: Path, beam: Beam) -> None:
    """Say what a PSF that ends too early may leave."""
    assert beam.reach is not None
    rows, columns = beam.grid.shape
    log.warning(
        "%s: ends %d pixels from its peak, and %s is %d x %d: what a source leaves farther off is not known, and may "
        "be taken for sources (flag %s); image the PSF %d x %d pixels wide",
        file, min(beam.reach), path, columns, rows, BEYOND, 2 * columns, 2 * rows,
    )  # fmt: skip


def _primary_beam(file: Path, cube: Cube, path: Path) -> np.ndarray:
    found = _checked(file, cube, path).data
    if found.shape[1:] != cube.data.shape[1:]:
        raise CubefocusError(
            f"{file}: an image of {found.shape[1:]} px for {path}, which has {cube.data.shape[1:]}; give the primary "
            "beam of this cube"
        )
    return found


def _checked(file: Path, cube: Cube, path: Path) -> Cube:
    found = read_cube(file)
    if len(found.data) not in (1, len(cube.data)):
        raise CubefocusError(
            f"{file}: has {len(found.data)} channels, {path} has {len(cube.data)}; give the file that was imaged "
            "with this cube"
        )
    ratio = found.cell_arcsec / cube.cell_arcsec
    if math.isfinite(ratio) and abs(ratio - 1.0) > SAME_CELL:
        raise CubefocusError(
            f"{file}: its pixels are {found.cell_arcsec:.4g} arcsec wide, those of {path} {cube.cell_arcsec:.4g}; "
            "give the file that was imaged with this cube"
        )
    if not np.isfinite(found.data).any():
        raise CubefocusError(f"{file}: holds no finite value; give the file that was imaged with this cube")
    return found


def fit(
    cube: Cube,
    instrument: Instrument,
    path: Path,
    starts: Table,
    settings: DetectionSettings,
    cube_id: int,
    device: str,
) -> Table:
    """Fit the sources of a user's cube, from those that the networks found.

    Parameters
    ----------
    cube : Cube
        Jy/beam.
    instrument : Instrument
    path : Path
        Of the cube, for messages.
    starts : Table
        Catalogue of the chain.
    settings : DetectionSettings
    cube_id : int
    device : str

    Returns
    -------
    Table
        Columns of `cubefocus.alma.fitted.COLUMNS`.

    Raises
    ------
    CubefocusError
        As `Instrument.beam`, or if the noise cannot be measured.
    """
    beam = instrument.beam(cube, path)
    noise = instrument.noise(cube, beam)
    found = fit_cube(
        cube,
        beam,
        starts,
        settings.fit,
        box_level=SkySettings().box_level,
        cube_id=cube_id,
        rest_frequency_ghz=settings.rest_frequency_ghz,
        device=device,
        noise=noise,
    )
    if noise is None:  # behind a Gaussian beam its width cannot be told from those of the sources
        stretch = stretch_of(found.fitted.scene, found.fitted.solution)
        if stretch.differs:
            log.warning("%s: %s", path, stretch.sentence)
            found.catalogue["flags"] = [stretch.flagged(str(flags)) for flags in found.catalogue["flags"]]
        if len(found.catalogue):  # an empty list would make the column one of numbers
            found.catalogue["flags"] = flagged_beyond(beam, list(found.catalogue))
    return found.catalogue
