"""The dirty beam of a user's cube, for the fit of ``cubefocus detect --psf``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from cubefocus.alma.fitted import fit_cube
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.fit.beam import Beam
from cubefocus.settings import DetectionSettings, SkySettings

SAME_CELL = 0.01  # share of a pixel's size by which those of two files may differ


@dataclass(frozen=True)
class Instrument:
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

    def beam(self, cube: Cube, path: Path) -> Beam:
        """Dirty beam and primary beam for a cube.

        Raises
        ------
        CubefocusError
            If a file cannot be read, or does not belong to the cube: other pixels, other channels.
        """
        shape = cube.data.shape
        if shape not in self._read:
            dirty = self._checked(self.psf, cube, path)
            primary = None if self.pb is None else self._checked(self.pb, cube, path)
            if primary is not None and primary.data.shape[1:] != shape[1:]:
                raise CubefocusError(
                    f"{self.pb}: an image of {primary.data.shape[1:]} px for {path}, which has {shape[1:]}; give the "
                    "primary beam of this cube"
                )
            data = None if primary is None else primary.data
            self._read[shape] = Beam.of_psf(dirty.data, (shape[0], shape[1], shape[2]), primary_beam=data)
        return self._read[shape]

    @staticmethod
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
        As `Instrument.beam`.
    """
    found = fit_cube(
        cube,
        instrument.beam(cube, path),
        starts,
        settings.fit,
        box_level=SkySettings().box_level,
        cube_id=cube_id,
        rest_frequency_ghz=settings.rest_frequency_ghz,
        device=device,
    )
    return found.catalogue
