"""The cubes that the figures of an experiment show, with what each method made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.alma.training_products import boxes_of, ranges_of
from cubefocus.errors import CubefocusError
from cubefocus.report.figures import comparison, images
from cubefocus.tables.matching import match

if TYPE_CHECKING:
    from cubefocus.report.experiment import Experiment

SHOWN_CUBES = 4
RESIDUAL_CUBES = 2  # two fill a page
SHOWN_SPECTRA = 6


@dataclass(frozen=True)
class Shown:
    """The cubes that the figures show: those with the most sources in the catalogue."""

    experiment: Experiment
    cubes: list[int]
    products: Mapping[int, Mapping[str, np.ndarray]]

    @classmethod
    def read(cls, paths: Iterable[str | Path], experiment: Experiment) -> Shown:
        ids, counts = np.unique(np.asarray(experiment.catalogue["cube_id"], dtype=int), return_counts=True)
        chosen = ids[np.argsort(-counts, kind="stable")][:SHOWN_CUBES].tolist() or list(experiment.dirty)[:SHOWN_CUBES]
        products: dict[int, dict[str, np.ndarray]] = {}
        for path in paths:
            try:
                with h5py.File(path) as file:
                    for cube in chosen:
                        if f"{cube:06d}" in file:
                            products[cube] = _arrays(file[f"{cube:06d}"])
            except OSError as error:
                raise CubefocusError(f"{path}: truncated or damaged HDF5 ({error}); delete it and run again") from error
        return cls(experiment, chosen, products)

    def rows(self, table: Table, cube: int) -> Table:
        return table[np.asarray(table["cube_id"]) == cube]

    def image_panels(self) -> list[images.ImagePanel]:
        panels = []
        for cube in self.cubes:
            true, found = (self.rows(table, cube) for table in (self.experiment.truth, self.experiment.catalogue))
            panels.append(
                images.ImagePanel(
                    f"cube {cube}",
                    self.products[cube]["integrated"],
                    self.experiment.sky[cube],
                    self.products[cube]["probability"],
                    boxes_of(true),
                    boxes_of(found),
                )
            )
        return panels

    def spectrum_panels(self) -> list[images.SpectrumPanel]:
        panels = []
        for cube in self.cubes:
            true, found = (self.rows(table, cube) for table in (self.experiment.truth, self.experiment.catalogue))
            pairs = match(found, true, **self.experiment.settings.criterion(with_line=False))
            for number, (row, limits) in enumerate(zip(found, ranges_of(found), strict=True)):
                own = ranges_of(true)[pairs.true[pairs.pred == number]]
                source = int(row["source_id"])
                dirty, clean = (self.products[cube][f"spectra/{kind}"][source] for kind in ("dirty", "clean"))
                panels.append(images.SpectrumPanel(f"cube {cube}, source {source}", dirty, clean, own, limits[None]))
        return panels[:SHOWN_SPECTRA] or [images.SpectrumPanel("no source was found", np.zeros(2), np.zeros(2))]

    def focused(self) -> Figure:
        cube = self.cubes[0]
        found = self.rows(self.experiment.catalogue, cube)
        return images.focused_images(
            self.products[cube]["integrated"],
            boxes_of(found),
            np.asarray(found["snr_integrated"]).tolist(),
            list(self.products[cube].get("focused", np.empty((0, 1, 1)))),
            np.asarray(found["snr_focused"]).tolist(),
        )

    def map_panels(self) -> list[comparison.MapPanel]:
        """The maps of all networks."""
        panels = []
        for cube in self.cubes:
            found = {name: boxes_of(self.rows(table, cube)) for name, table in self.experiment.found_in_maps.items()}
            maps = {name: own[cube] for name, own in self.experiment.maps.items()}
            sky, true = self.experiment.sky[cube], boxes_of(self.rows(self.experiment.truth, cube))
            panels.append(comparison.MapPanel(f"cube {cube}", sky, maps, true, found))
        return panels

    def residual_panels(self, cleaned: Cleaned) -> list[comparison.ResidualPanel]:
        """Blobs Finder's map beside what CLEAN makes of the cube; none if no cube that is shown holds a source."""
        return [
            comparison.ResidualPanel(
                f"cube {cube}",
                self.products[cube]["integrated"],
                self.experiment.sky[cube],
                self.products[cube]["probability"],
                cleaned.images[cube],
                cleaned.beams[cube],
                cleaned.primary_beam(cube),
            )
            for cube in [cube for cube in self.cubes if len(self.rows(self.experiment.truth, cube))][:RESIDUAL_CUBES]
        ]


def _arrays(group: h5py.Group) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays


@dataclass(frozen=True)
class Cleaned:
    """What CLEAN makes of the test cubes.

    Attributes
    ----------
    images : dict of cube id to ndarray, shape (y, x)
        Cleaned cubes, summed over their channels.
    beams : dict of cube id to (major, minor, pa)
        Of the clean beam: FWHMs in pixels, degrees.
    primary_beam : callable
        Gives that of a cube by its id, averaged over its channels, shape (y, x).
    """

    images: dict[int, np.ndarray]
    beams: dict[int, tuple[float, float, float]]
    primary_beam: Callable[[int], np.ndarray]
