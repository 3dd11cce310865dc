"""All tables and figures of an experiment, from the files of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.data.products import boxes_of, ranges_of
from cubefocus.detect.settings import SPLITS, BlobSettings
from cubefocus.errors import CubefocusError
from cubefocus.evaluate import stages
from cubefocus.evaluate.columns import LINE_RANGE, has_columns
from cubefocus.evaluate.detection import ORACLE, Method, detection_table
from cubefocus.evaluate.figures import images, results
from cubefocus.evaluate.figures.truth import truth_distributions
from cubefocus.evaluate.figures.tuning import tuning_curves
from cubefocus.evaluate.matching import Matches, match
from cubefocus.evaluate.oracle import boxes_table, chain_extraction, oracle_boxes
from cubefocus.evaluate.parameters import parameter_table
from cubefocus.evaluate.rates import rates_table
from cubefocus.evaluate.settings import EvaluationSettings

BLOBS, PEAKS, CHAIN = "blobs_finder", "blobs_finder+deep_gru", "chain"
SHOWN_CUBES = 4
SHOWN_SPECTRA = 6


@dataclass(frozen=True)
class Experiment:
    """What a run found in its test cubes, and what was there.

    Attributes
    ----------
    truth, catalogue, candidates : Table
        Of the test split only.
    found, scores : dict of method to Table
        What the other finders found, and how they did on the validation split with each point of their grids.
    dirty, sky : dict of cube id to ndarray, shape (y, x)
        Integrated images.
    probability : dict of cube id to ndarray, shape (y, x)
        Maps of Blobs Finder.
    settings : EvaluationSettings
    blobs : BlobSettings
        How boxes are extracted from a map; the oracle uses the same.
    seed : int
        Of the bootstrap.
    """

    truth: Table
    catalogue: Table
    candidates: Table
    found: dict[str, Table]
    scores: dict[str, Table]
    dirty: dict[int, np.ndarray]
    sky: dict[int, np.ndarray]
    probability: dict[int, np.ndarray]
    settings: EvaluationSettings
    blobs: BlobSettings
    seed: int

    @property
    def methods(self) -> list[Method]:
        """The methods of table 1, the oracles first; they bound what only labels a map, not what also splits by lines.

        Blobs Finder is there with each way to tell touching blobs apart, whichever of them the chain went on with.
        """
        return [
            *(self._oracle(one) for one in SPLITS),
            *(_other(name, found) for name, found in self.found.items()),
            *(Method(_split_name(BLOBS, one), self._blobs(one), oracle=_split_name(ORACLE, one)) for one in SPLITS),
            Method(PEAKS, stages.peaks(self.candidates), with_line=True, oracle=None),
            Method(CHAIN, self.catalogue, with_line=True, oracle=None),
        ]

    @property
    def shown(self) -> list[Method]:
        """The methods that the figures compare: what the run itself went through."""
        names = (*self.found, _split_name(BLOBS, self.blobs.split), PEAKS, CHAIN)
        return [method for method in self.methods if method.name in names]

    def _extract(self, split: str) -> Callable[[np.ndarray], np.ndarray]:
        return chain_extraction(replace(self.blobs, split=split))

    def _oracle(self, split: str) -> Method:
        return Method(_split_name(ORACLE, split), oracle_boxes(self.sky.items(), self._extract(split)), oracle=None)

    def _blobs(self, split: str) -> Table:
        if split == self.blobs.split:
            return stages.blobs(self.candidates)
        return boxes_table(self.probability.items(), self._extract(split))

    @property
    def matches(self) -> Matches:
        """Pairs of the chain's catalogue and the truth."""
        return match(self.catalogue, self.truth, **self.settings.criterion(with_line=True))

    def tables(self) -> dict[str, Table]:
        """Tables 1 to 3, by name."""
        return {
            "detection": detection_table(self.methods, self.truth, self.dirty, self.settings, self.seed),
            "parameters": parameter_table(self.catalogue, self.truth, self.matches, self.settings, self.seed),
            "stages": stages.stages_table(self.candidates, self.truth, self.settings),
        }

    def figures(self, products: Iterable[str | Path]) -> Iterator[tuple[str, Figure]]:
        """Figures of the results, by name.

        Parameters
        ----------
        products : paths
            Detection products of all batches of the test split.
        """
        matches = self.matches
        shown = _Shown.read(products, self)
        found = {method.name: self._found(method) for method in self.shown}
        yield "distributions", truth_distributions(self.truth)
        yield "images", images.image_panels(shown.image_panels())
        yield "spectra", images.spectra(shown.spectrum_panels())
        yield "focused", shown.focused()
        yield "detected", results.detected_histograms(self.truth, found)
        yield "residuals", results.parameter_residuals(self.catalogue, self.truth, matches)
        yield "flux_error", results.flux_error(self.catalogue, self.truth, matches)
        yield "pa_error", results.pa_error(self.catalogue, self.truth, matches)
        yield "completeness", results.completeness_purity(rates_table(self.shown, self.truth, self.settings))
        yield "tuning", tuning_curves(self.scores)

    def _found(self, method: Method) -> np.ndarray:
        criterion = self.settings.criterion(method.with_line, method.with_box)
        return match(method.predictions, self.truth, **criterion).matched_true


@dataclass(frozen=True)
class _Shown:
    """The cubes that the figures show: those with the most sources in the catalogue."""

    experiment: Experiment
    cubes: list[int]
    products: Mapping[int, Mapping[str, np.ndarray]]

    @classmethod
    def read(cls, paths: Iterable[str | Path], experiment: Experiment) -> _Shown:
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


def _other(name: str, found: Table) -> Method:
    """One of the other finders, with its parameters, or the reason why it was not run, as a note."""
    chosen = ", ".join(f"{key} {value}" for key, value in found.meta.get("parameters", {}).items())
    with_line = has_columns(found, LINE_RANGE)
    return Method(name, found, with_line=with_line, oracle=None, note=found.meta.get("note", chosen))


def _split_name(method: str, split: str) -> str:
    return method if split == "none" else f"{method} ({split})"


def _arrays(group: h5py.Group) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays
