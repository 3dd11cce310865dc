"""All tables and figures of an experiment, from the files of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from cubefocus.report import published
from cubefocus.report.figures import comparison, images, results
from cubefocus.report.figures.fidelity import fidelity_curves
from cubefocus.report.figures.truth import truth_distributions
from cubefocus.report.figures.tuning import tuning_curves
from cubefocus.report.oracle import boxes_table, chain_extraction, oracle_boxes
from cubefocus.report.shown import Cleaned, Shown
from cubefocus.report.tables import stages
from cubefocus.report.tables.detection import ORACLE, Method, detection_table
from cubefocus.report.tables.fidelity import fidelity_table
from cubefocus.report.tables.image_snr import SNR, with_image_snr
from cubefocus.report.tables.parameters import parameter_table
from cubefocus.report.tables.rates import rates_table
from cubefocus.report.tables.similarity import similarity_table
from cubefocus.settings import SPLITS, BlobSettings, EvaluationSettings
from cubefocus.tables.columns import LINE_RANGE, cube_ids, has_columns
from cubefocus.tables.matching import Matches, match

BLOBS, PEAKS, CHAIN = "blobs_finder", "blobs_finder+deep_gru", "chain"


@dataclass(frozen=True)
class Other:
    """What another finder found.

    Attributes
    ----------
    found : Table
        In the test cubes.
    inverted : Table
        In those of the test cubes times -1 whose ids are ``cubes`` in its meta.
    scores : Table
        How it did on the validation split with each point of its grid.
    """

    found: Table
    inverted: Table
    scores: Table


@dataclass(frozen=True)
class Experiment:
    """What a run found in its test cubes, and what was there.

    Attributes
    ----------
    truth, catalogue, candidates : Table
        Of the test split only.
    inverted_catalogue, inverted_candidates : Table
        Of the test cubes times -1.
    others : dict of method to Other
        The other finders.
    dirty, sky : dict of cube id to ndarray, shape (y, x)
        Integrated images.
    maps : dict of network to dict of cube id to ndarray, shape (y, x)
        Maps of Blobs Finder, which comes first, and of the networks of other finders.
    cleaned : Cleaned or None
        None if CLEAN was not run.
    image_size : int
        Side of what the networks see, pixels.
    settings : EvaluationSettings
    blobs : BlobSettings
        How boxes are extracted from a map; the oracle uses the same.
    seed : int
        Of the bootstrap.
    """

    truth: Table
    catalogue: Table
    candidates: Table
    inverted_catalogue: Table
    inverted_candidates: Table
    others: dict[str, Other]
    dirty: dict[int, np.ndarray]
    sky: dict[int, np.ndarray]
    maps: dict[str, dict[int, np.ndarray]]
    cleaned: Cleaned | None
    image_size: int
    settings: EvaluationSettings
    blobs: BlobSettings
    seed: int

    @property
    def methods(self) -> list[Method]:
        """The methods of table 1, the oracles first; they bound what only labels a map, not what also splits by lines.

        Blobs Finder is there with each way to tell touching blobs apart, whichever of them the chain went on with.
        """
        methods = [
            *(self._oracle(one) for one in SPLITS),
            *(_other(name, other.found) for name, other in self.others.items()),
            *(Method(_split_name(BLOBS, one), self._blobs(one), oracle=_split_name(ORACLE, one)) for one in SPLITS),
            Method(PEAKS, stages.peaks(self.candidates), with_line=True, oracle=None),
            Method(CHAIN, self.catalogue, with_line=True, oracle=None),
        ]
        return [replace(one, predictions=with_image_snr(one.predictions, self.dirty)) for one in methods]

    @property
    def methods_by_distance(self) -> list[Method]:
        """The same, where neither boxes nor lines need to agree."""
        return [replace(method, with_box=False, with_line=False) for method in self.methods]

    @property
    def shown(self) -> list[Method]:
        """The methods that the figures compare: other finders that were run, and what the run itself went through."""
        ran = (name for name, other in self.others.items() if other.inverted.meta["cubes"])
        names = (*ran, _split_name(BLOBS, self.blobs.split), PEAKS, CHAIN)
        return [method for method in self.methods if method.name in names]

    def _extract(self, split: str) -> Callable[[np.ndarray], np.ndarray]:
        return chain_extraction(replace(self.blobs, split=split))

    def _oracle(self, split: str) -> Method:
        return Method(_split_name(ORACLE, split), oracle_boxes(self.sky.items(), self._extract(split)), oracle=None)

    def _blobs(self, split: str) -> Table:
        if split == self.blobs.split:
            return stages.blobs(self.candidates)
        return boxes_table(self.maps[BLOBS].items(), self._extract(split))

    @property
    def matches(self) -> Matches:
        """Pairs of the chain's catalogue and the truth."""
        return match(self.catalogue, self.truth, **self.settings.criterion(with_line=True))

    @property
    def found_in_maps(self) -> dict[str, Table]:
        """What is found in each network's maps, by network."""
        return {name: stages.blobs(self.candidates) if name == BLOBS else self.others[name].found for name in self.maps}

    @property
    def inverted(self) -> dict[str, tuple[Table, Table]]:
        """Detections in the test cubes, and in the same times -1, of each method that was run."""
        pairs = {
            name: (other.found[np.isin(cube_ids(other.found), other.inverted.meta["cubes"])], other.inverted)
            for name, other in self.others.items()
            if other.inverted.meta["cubes"]
        }
        pairs[BLOBS] = stages.blobs(self.candidates), stages.blobs(self.inverted_candidates)
        pairs[CHAIN] = self.catalogue, self.inverted_catalogue
        negative = {cube: -image for cube, image in self.dirty.items()}
        return {
            name: (with_image_snr(found, self.dirty), with_image_snr(false, negative))
            for name, (found, false) in pairs.items()
        }

    def tables(self) -> dict[str, Table]:
        """Tables 1 to 3 and 6, and the similarity of the maps, by name."""
        common = (self.truth, self.dirty, self.settings, self.seed)
        return {
            "detection": detection_table(self.methods, *common),
            "detection_by_distance": detection_table(self.methods_by_distance, *common, published.BY_DISTANCE),
            "parameters": parameter_table(self.catalogue, self.truth, self.matches, self.settings, self.seed),
            "stages": stages.stages_table(self.candidates, self.truth, self.settings),
            "fidelity": fidelity_table(self.inverted, self.settings.interval, SNR),
            "similarity": similarity_table(self.maps, self.sky, self.settings, self.seed, self.image_size),
        }

    def figures(self, products: Iterable[str | Path]) -> Iterator[tuple[str, Figure]]:
        """Figures of the results, by name.

        Parameters
        ----------
        products : paths
            Detection products of all batches of the test split.
        """
        matches = self.matches
        shown = Shown.read(products, self)
        found = {method.name: self._found(method) for method in self.shown}
        yield "distributions", truth_distributions(self.truth)
        yield "images", images.image_panels(shown.image_panels())
        yield "spectra", images.spectra(shown.spectrum_panels())
        yield "focused", shown.focused()
        yield "detected", results.detected_histograms(self.truth, found)
        yield "residuals", results.parameter_residuals(self.catalogue, self.truth, matches)
        yield "flux_error", results.flux_error(self.catalogue, self.truth, matches)
        yield "pa_error", results.pa_error(self.catalogue, self.truth, matches)
        yield "completeness", results.completeness_purity(rates_table(self.shown, self.truth, self.settings, SNR))
        yield "fidelity", fidelity_curves(fidelity_table(self.inverted, self.settings.interval, SNR))
        yield "maps", comparison.map_panels(shown.map_panels())
        if self.cleaned is not None:
            yield "residual_maps", comparison.residual_panels(shown.residual_panels(self.cleaned))
        yield "tuning", tuning_curves({name: other.scores for name, other in self.others.items()})

    def _found(self, method: Method) -> np.ndarray:
        criterion = self.settings.criterion(method.with_line, method.with_box)
        return match(method.predictions, self.truth, **criterion).matched_true


def _other(name: str, found: Table) -> Method:
    """One of the other finders, with its parameters, or the reason why it was not run, as a note."""
    chosen = ", ".join(f"{key} {value}" for key, value in found.meta.get("parameters", {}).items())
    with_line = has_columns(found, LINE_RANGE)
    return Method(name, found, with_line=with_line, oracle=None, note=found.meta.get("note", chosen))


def _split_name(method: str, split: str) -> str:
    return method if split == "none" else f"{method} ({split})"
