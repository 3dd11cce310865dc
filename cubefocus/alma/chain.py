"""The detection chain: cubes in, catalogue and products out, one batch at a time (MNRAS 4.4, Fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table

from cubefocus.alma import blobs, catalogue, deblend, flux, lines, morphology, spectra
from cubefocus.alma.field import Field
from cubefocus.alma.inputs import as_cubes
from cubefocus.alma.searched import Searched
from cubefocus.cube.cube import Cube
from cubefocus.errors import CubefocusError
from cubefocus.settings import DetectionSettings
from cubefocus.timing import Clock

if TYPE_CHECKING:
    from cubefocus.learn.bundle import Bundle


@dataclass
class Detections:
    """What the chain makes of a batch of cubes: two tables, the cubes with the tables of all steps, and its costs."""

    catalogue: Table
    candidates: Table
    fields: list[Searched]
    clock: Clock


@dataclass(frozen=True)
class Chain:
    """The chain with its networks as plain functions, so that any of them can be replaced.

    Attributes
    ----------
    predict_maps : callable
        Integrated images (n, y, x) in [0, 1] to probability maps of the same shape.
    predict_spectra : callable
        Standardised spectra (n, channel) to cleaned ones in [0, 1].
    predict_parameters : callable
        A name (sigma_x, sigma_y, pa, flux) and images (n, size, size) in the unit of the cube times channels to values
        (n,): px, px, deg from focused images, Jy/beam summed over box and line from line images.
    settings : DetectionSettings
    image_size, n_channels : int or None
        What the first two take; None for anything.
    device : str
        Where the networks compute.
    origins : mapping
        Provenance of each network, by name.
    """

    predict_maps: blobs.PredictMaps
    predict_spectra: spectra.PredictSpectra
    predict_parameters: morphology.PredictParameter
    settings: DetectionSettings = field(default_factory=DetectionSettings)
    image_size: int | None = None
    n_channels: int | None = None
    device: str = "cpu"
    origins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, bundle: Bundle, device: str = "cpu") -> Chain:
        """The chain of a bundle: its networks, with its settings.

        Parameters
        ----------
        bundle : cubefocus.learn.bundle.Bundle
        device : str
            ``auto``, ``cpu``, ``cuda``, ...

        Raises
        ------
        CubefocusError
            If the settings or the device cannot be used, or weights do not fit their network. A network that the
            bundle lacks is told when its step is reached, so that the first steps serve before the last networks are
            trained.
        """
        from cubefocus.alma.networks import load_networks  # torch takes seconds to import

        try:
            settings = DetectionSettings.from_mapping(bundle.detection)
        except CubefocusError as error:
            raise CubefocusError(f"{bundle.source}: {error}") from error
        return cls(settings=settings, **load_networks(bundle, device))

    def detect(self, cubes: Sequence[Cube], ids: Sequence[int] | None = None) -> Detections:
        """Run all steps on a batch of cubes.

        Parameters
        ----------
        cubes : sequence of Cube
            Dirty cubes, Jy/beam, of any sizes; as `cubefocus.alma.inputs.as_cubes` takes them.
        ids : sequence of int, optional
            Cube ids; 0, 1, ... if left out.

        Returns
        -------
        Detections

        Raises
        ------
        CubefocusError
            If a cube is none, or holds nothing that can be searched.
        """
        cubes = as_cubes(cubes)
        clock, number = Clock(), len(cubes)
        with clock.stage("blobs_finder", number):
            found = self.find_blobs(cubes, ids)
        with clock.stage("deep_gru", number):
            found = self.find_lines(found)
        with clock.stage("focus", number):
            found = self.focus(found)
        with clock.stage("morphology", number):
            found = self.measure_shapes(found)
        with clock.stage("flux", number):
            found = self.measure_fluxes(found)
        with clock.stage("catalogue", number):
            table = catalogue.catalogue_table(found, self.settings.rest_frequency_ghz)
            candidates = catalogue.candidates_table(found)
        return Detections(table, candidates, found, clock)

    def find_blobs(self, cubes: Sequence[Cube], ids: Sequence[int] | None = None) -> list[Searched]:
        """Steps 1-2: what each cube holds, its map and its blobs."""
        numbers = range(len(cubes)) if ids is None else ids
        fields = [Field.of(cube, int(number)) for cube, number in zip(cubes, numbers, strict=True)]
        found = blobs.search(fields, self.predict_maps, self.image_size, self.settings.blobs)
        return [Searched(field, *tables) for field, tables in zip(fields, found, strict=True)]

    def find_lines(self, found: Sequence[Searched]) -> list[Searched]:
        """Step 3: spectra and their lines; a blob without a peak goes no further."""
        tables = lines.find_peaks(
            [one.field for one in found],
            [one.blobs for one in found],
            self.predict_spectra,
            self.n_channels,
            self.settings.spectra,
        )
        return [replace(one, peaks=peaks) for one, peaks in zip(found, tables, strict=True)]

    def focus(self, found: Sequence[Searched]) -> list[Searched]:
        """Steps 4-5: false detections, deblending, and what is cut out for the parts that are still there."""
        settings = self.settings.focus
        parts = [deblend.focus_field(one.field, one.peaks, settings) for one in found]
        cuts = [morphology.cut(one.field, its, settings.size) for one, its in zip(found, parts, strict=True)]
        return [replace(one, parts=its, cuts=cut) for one, its, cut in zip(found, parts, cuts, strict=True)]

    def measure_shapes(self, found: Sequence[Searched]) -> list[Searched]:
        """Step 6: sigma_x, sigma_y, pa, x, y."""
        tables = morphology.measure_shapes([one.cuts for one in found], self.predict_parameters)
        return [replace(one, shapes=shapes) for one, shapes in zip(found, tables, strict=True)]

    def line_images(self, found: Sequence[Searched]) -> list[np.ndarray]:
        """Step 7: the line images of each cube, shape (n, size, size), in the order of its shapes."""
        dilation, size = self.settings.flux.dilation, self.settings.focus.size
        return [flux.line_images(one.field, one.shapes, dilation, size) for one in found]

    def measure_fluxes(self, found: Sequence[Searched]) -> list[Searched]:
        """Steps 7-8: line images, fluxes, continuum; what is still there goes into the catalogue."""
        fields, shapes = [one.field for one in found], [one.shapes for one in found]
        tables = flux.measure_sources(fields, shapes, self.line_images(found), self.predict_parameters)
        for one in found:
            one.field.forget()
        return [replace(one, sources=sources) for one, sources in zip(found, tables, strict=True)]
