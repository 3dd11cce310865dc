"""The detection chain: cubes in, catalogue and products out, one batch at a time (MNRAS 4.4, Fig. 9)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table

from cubefocus.alma import blobs, catalogue, deblend, flux, morphology, spectra
from cubefocus.alma.candidate import Candidate, Field, Line, Reason, Stage
from cubefocus.alma.inputs import as_cubes
from cubefocus.cube.blanks import fill_spectra
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import box_spectra, channel_slice
from cubefocus.errors import CubefocusError
from cubefocus.settings import DetectionSettings
from cubefocus.timing import Clock

if TYPE_CHECKING:
    from cubefocus.learn.bundle import Bundle

log = logging.getLogger(__name__)


@dataclass
class Detections:
    """What the chain makes of a batch of cubes: two tables, the fields with their images and spectra, and its costs."""

    catalogue: Table
    candidates: Table
    fields: list[Field]
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
            fields = self.find_blobs(cubes, ids)
        with clock.stage("deep_gru", number):
            self.find_lines(fields)
        with clock.stage("focus", number):
            self.focus(fields)
        with clock.stage("morphology", number):
            self.measure_shapes(fields)
        with clock.stage("flux", number):
            self.measure_fluxes(fields)
        with clock.stage("catalogue", number):
            table = catalogue.catalogue_table(fields, self.settings.rest_frequency_ghz)
            candidates = catalogue.candidates_table(fields)
        return Detections(table, candidates, fields, clock)

    def find_blobs(self, cubes: Sequence[Cube], ids: Sequence[int] | None = None) -> list[Field]:
        """Steps 1-2: one field a cube, with the candidates' boxes."""
        numbers = range(len(cubes)) if ids is None else ids
        fields = [Field.of(cube, int(number)) for cube, number in zip(cubes, numbers, strict=True)]
        maps = blobs.probability_maps(
            [one.integrated for one in fields], self.predict_maps, self.image_size, self.settings.blobs
        )
        for one, probability in zip(fields, maps, strict=True):
            # Where there is no data a network may still see something; nothing could be measured there.
            one.probability = np.where(np.isnan(one.integrated), 0.0, probability).astype(np.float32)
            one.candidates = blobs.find_blobs(one.probability, self.settings.blobs)
            log.debug("cube %d: %d blobs", one.cube_id, len(one.candidates))
        return fields

    def find_lines(self, fields: Sequence[Field]) -> None:
        """Step 3: spectra, lines; a candidate without a peak is dropped."""
        for one in fields:
            _take_spectra(one, one.alive)
        for length, group in groupby(sorted(fields, key=_length), key=_length):
            chosen = [candidate for one in group for candidate in one.alive]
            dirty = np.array([candidate.spectrum for candidate in chosen]).reshape(-1, length)
            for candidate, clean, lines in zip(chosen, *self._clean_and_search(dirty), strict=True):
                self._note_lines(candidate, clean, lines)

    def _clean_and_search(self, dirty: np.ndarray) -> tuple[np.ndarray, list[list[Line]]]:
        """Cleaned spectra and their lines; where channels are blank, with the level between the lines in their place.

        That level is not known before the lines are: the median serves first, which a line pulls up if few channels
        hold data.
        """
        predict, settings = self.predict_spectra, self.settings.spectra
        filled = fill_spectra(dirty)
        clean = spectra.clean_spectra(filled, predict, self.n_channels)
        lines = [spectra.find_lines(one, settings) for one in clean]
        again = np.flatnonzero(~np.isfinite(dirty).all(axis=1))
        if len(again):
            levels = [spectra.line_free_level(dirty[row], lines[row]) for row in again]
            clean[again] = spectra.clean_spectra(fill_spectra(dirty[again], np.array(levels)), predict, self.n_channels)
            for row in again:
                lines[row] = spectra.find_lines(clean[row], settings)
        return clean, lines

    def _note_lines(self, candidate: Candidate, clean: np.ndarray, lines: list[Line]) -> None:
        candidate.stage = Stage.SPECTRA
        candidate.clean = clean
        candidate.lines = lines
        if not candidate.lines:
            candidate.drop(Reason.NO_PEAK)
            return
        candidate.line = candidate.lines[0]
        if self.n_channels not in (None, len(clean)):
            candidate.flags.add("resampled_spectrum")

    def focus(self, fields: Iterable[Field]) -> None:
        """Steps 4-5: false detections, deblending, focused images around the box centres."""
        for one in fields:
            deblend.focus_field(one, self.settings.focus)
            _take_spectra(one, one.alive)  # deblending gave some of them another box
            morphology.focus_candidates(one, self.settings.focus.size)

    def measure_shapes(self, fields: Iterable[Field]) -> None:
        """Step 6: sigma_x, sigma_y, pa, x, y."""
        chosen = [candidate for one in fields for candidate in one.alive]
        images = np.array([candidate.focused for candidate in chosen], dtype=np.float32)
        morphology.measure_shapes(chosen, images, self.predict_parameters)

    def measure_fluxes(self, fields: Iterable[Field]) -> None:
        """Steps 7-8: line images, fluxes, continuum; what is still there goes into the catalogue."""
        fields = list(fields)
        parts = [flux.cut_line_images(one, self.settings.flux.dilation, self.settings.focus.size) for one in fields]
        chosen = [candidate for one in fields for candidate in one.alive]
        flux.measure_fluxes(chosen, np.concatenate(parts) if parts else np.empty(0), self.predict_parameters)
        for one in fields:
            for candidate in one.alive:
                morphology.position_errors(candidate, one)
                flux.measure_continuum(one, candidate)
                _note_flags(one, candidate)
                candidate.reason = Reason.KEPT
            one.forget()


def _length(one: Field) -> int:
    return one.n_channels


def _take_spectra(one: Field, chosen: Sequence[Candidate]) -> None:
    """Dirty spectra of candidates, all boxes of a cube at once."""
    boxes = np.array([candidate.box for candidate in chosen], dtype=int).reshape(-1, 4)
    for candidate, spectrum in zip(chosen, box_spectra(one.cube.data, boxes), strict=True):
        candidate.spectrum = spectrum


def _note_flags(one: Field, candidate: Candidate) -> None:
    assert candidate.line is not None
    x0, y0, x1, y1 = candidate.box
    height, width = one.integrated.shape
    around = one.integrated[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
    if x0 == 0 or y0 == 0 or x1 == width or y1 == height or np.isnan(around).any():
        candidate.flags.add("at_image_edge")
    channels = channel_slice(*candidate.line.range, one.n_channels)
    if one.blanks.partial and np.isnan(one.cube.data[channels, y0:y1, x0:x1][:, one.blanks.pixels[y0:y1, x0:x1]]).any():
        candidate.flags.add("blank_in_line")
    if candidate.line.range[0] < 0 or candidate.line.range[1] > one.n_channels - 1:
        candidate.flags.add("at_band_edge")
    if not candidate.line.fitted and "extended_range" not in candidate.flags:
        candidate.flags.add("line_not_fitted")
