"""What a run found in its test cubes, what was there, and the methods that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.alma.detection_products import read_probability
from cubefocus.alma.training_products import integrated_images
from cubefocus.files import read_table
from cubefocus.report.candidates import blobs, peaks
from cubefocus.report.image_snr import with_image_snr
from cubefocus.report.methods import BLOBS, CHAIN, FITTED, MATCHED_FILTER, ORACLE, PEAKS, Method, split_name
from cubefocus.report.oracle import boxes_table, chain_extraction, oracle_boxes
from cubefocus.settings import SPLITS, BlobSettings, EvaluationSettings
from cubefocus.tables.columns import LINE_RANGE, cube_ids, has_columns
from cubefocus.tables.matching import Matches, match

PathLike = str | Path


@dataclass(frozen=True)
class RunFiles:
    """Files that a run leaves for its evaluation.

    Attributes
    ----------
    truth : path
        Of all splits.
    catalogue, candidates : path
        Of the chain, of the test cubes.
    fitted : path
        Catalogue after the fit, of the test cubes.
    bound : path
        Smallest standard errors that the noise allows for the true sources of the test split.
    inverted_catalogue, inverted_candidates, inverted_fitted : path
        Of the test cubes times -1.
    found, inverted : dict of finder to path
        What the other finders found in the test cubes and in those times -1.
    images : sequence of path
        Training products of the test split, which hold the integrated images.
    products : sequence of path
        Detection products of the test split.
    maps : dict of network to sequence of path
        Maps of the networks of other finders.
    """

    truth: PathLike
    catalogue: PathLike
    candidates: PathLike
    fitted: PathLike
    bound: PathLike
    inverted_catalogue: PathLike
    inverted_candidates: PathLike
    inverted_fitted: PathLike
    found: Mapping[str, PathLike]
    inverted: Mapping[str, PathLike]
    images: Sequence[PathLike]
    products: Sequence[PathLike]
    maps: Mapping[str, Sequence[PathLike]]

    @classmethod
    def of_rule(cls, inputs: Any, finders: Sequence[str], map_finders: Sequence[str]) -> RunFiles:
        """Take them from the named inputs of a rule, where ``found`` and ``inverted`` are in the order of finders."""
        alone = [one.name for one in fields(cls) if one.name not in ("found", "inverted", "images", "products", "maps")]
        return cls(
            **{name: inputs[name] for name in alone},
            found=dict(zip(finders, inputs["found"], strict=True)),
            inverted=dict(zip(finders, inputs["inverted"], strict=True)),
            images=[*inputs["images"]],
            products=[*inputs["products"]],
            maps={name: [*inputs[name]] for name in map_finders},
        )


@dataclass(frozen=True)
class Other:
    """What another finder found.

    Attributes
    ----------
    found : Table
        In the test cubes.
    inverted : Table
        In those of the test cubes times -1 whose ids are ``cubes`` in its meta.
    """

    found: Table
    inverted: Table


@dataclass(frozen=True)
class Run:
    """What a run found in its test cubes, and what was there.

    Attributes
    ----------
    truth, catalogue, candidates : Table
        Of the test split only.
    fitted : Table
        Catalogue after the fit.
    bound : Table
        Smallest standard errors that the noise allows for the true sources: cube_id, source_id, ``<name>_err``.
    inverted_catalogue, inverted_candidates, inverted_fitted : Table
        Of the test cubes times -1.
    others : dict of method to Other
        The other finders.
    dirty, sky : dict of cube id to ndarray, shape (y, x)
        Integrated images.
    maps : dict of network to dict of cube id to ndarray, shape (y, x)
        Maps of Blobs Finder, which comes first, and of the networks of other finders.
    settings : EvaluationSettings
    blobs : BlobSettings
        How boxes are extracted from a map; the oracle uses the same.
    """

    truth: Table
    catalogue: Table
    candidates: Table
    fitted: Table
    bound: Table
    inverted_catalogue: Table
    inverted_candidates: Table
    inverted_fitted: Table
    others: dict[str, Other]
    dirty: dict[int, np.ndarray]
    sky: dict[int, np.ndarray]
    maps: dict[str, dict[int, np.ndarray]]
    settings: EvaluationSettings
    blobs: BlobSettings

    @classmethod
    def read(cls, files: RunFiles, settings: EvaluationSettings, blobs: BlobSettings) -> Run:
        """Read what a run left.

        Raises
        ------
        CubefocusError
            If a file cannot be read.
        """
        truth = read_table(files.truth)
        finders = ({name: read_table(path) for name, path in paths.items()} for paths in (files.found, files.inverted))
        found, inverted = finders
        maps = {name: integrated_images(paths, "map") for name, paths in files.maps.items()}
        return cls(
            truth=truth[truth["split"] == "test"],
            catalogue=read_table(files.catalogue),
            candidates=read_table(files.candidates),
            fitted=read_table(files.fitted),
            bound=read_table(files.bound),
            inverted_catalogue=read_table(files.inverted_catalogue),
            inverted_candidates=read_table(files.inverted_candidates),
            inverted_fitted=read_table(files.inverted_fitted),
            others={name: Other(found[name], inverted[name]) for name in found},
            dirty=integrated_images(files.images, "dirty"),
            sky=integrated_images(files.images, "sky"),
            maps={BLOBS: read_probability(files.products), **maps},
            settings=settings,
            blobs=blobs,
        )

    @cached_property
    def methods(self) -> list[Method]:
        """The methods of table 1, the oracles first; they bound what only labels a map, not what also splits by lines.

        Blobs Finder is there with each way to tell touching blobs apart, whichever of them the chain went on with.
        """
        return self._with_snr(
            [
                *(self._oracle(one) for one in SPLITS),
                *(_other(name, other.found) for name, other in self.others.items()),
                *(self._blobs(one) for one in SPLITS),
                *self._chain(),
            ]
        )

    @cached_property
    def compared(self) -> list[Method]:
        """The methods that the figures compare: other finders that were run, and what the run itself went through."""
        ran = (_other(name, other.found) for name, other in self.others.items() if other.inverted.meta["cubes"])
        return self._with_snr([*ran, self._blobs(self.blobs.split), *self._chain()])

    @cached_property
    def measured(self) -> list[Method]:
        """The methods that measure parameters, with what they found: the chain, the fit, and the matched filter."""
        compared = {one.name: one for one in self.compared}
        return [compared[name] for name in (CHAIN, FITTED, MATCHED_FILTER) if name in compared]

    def _with_snr(self, methods: Iterable[Method]) -> list[Method]:
        return [replace(one, predictions=with_image_snr(one.predictions, self.dirty)) for one in methods]

    def _extract(self, split: str) -> Callable[[np.ndarray], np.ndarray]:
        return chain_extraction(replace(self.blobs, split=split))

    def _oracle(self, split: str) -> Method:
        return Method(split_name(ORACLE, split), oracle_boxes(self.sky.items(), self._extract(split)), oracle=None)

    def _blobs(self, split: str) -> Method:
        if split == self.blobs.split:
            found = blobs(self.candidates)
        else:
            found = boxes_table(self.maps[BLOBS].items(), self._extract(split))
        return Method(split_name(BLOBS, split), found, oracle=split_name(ORACLE, split))

    def _chain(self) -> list[Method]:
        return [
            Method(PEAKS, peaks(self.candidates), with_line=True, oracle=None),
            Method(CHAIN, self.catalogue, with_line=True, oracle=None),
            self.fit,
        ]

    @property
    def fit(self) -> Method:
        """The catalogue after the fit."""
        return Method(FITTED, self.fitted, with_line=True, oracle=None)

    def matches_of(self, method: Method) -> Matches:
        """Pairs of what a method found and the truth."""
        return method.matches(self.truth, self.settings)

    @cached_property
    def matches(self) -> Matches:
        """Pairs of the chain's catalogue and the truth."""
        return match(self.catalogue, self.truth, **self.settings.criterion(with_line=True))

    @property
    def found_in_maps(self) -> dict[str, Table]:
        """What is found in each network's maps, by network."""
        return {name: blobs(self.candidates) if name == BLOBS else self.others[name].found for name in self.maps}

    @cached_property
    def with_inverted(self) -> dict[str, tuple[Table, Table]]:
        """Detections in the test cubes, and in the same times -1, of each method that was run."""
        pairs = {name: (other.found, other.inverted) for name, other in self.others.items()}
        pairs = {name: _of_inverted(*pair) for name, pair in pairs.items() if pair[1].meta["cubes"]}
        pairs[BLOBS] = blobs(self.candidates), blobs(self.inverted_candidates)
        pairs[CHAIN] = self.catalogue, self.inverted_catalogue
        pairs[FITTED] = _of_inverted(self.fitted, self.inverted_fitted)
        negative = {cube: -image for cube, image in self.dirty.items()}
        return {
            name: (with_image_snr(found, self.dirty), with_image_snr(false, negative))
            for name, (found, false) in pairs.items()
        }


def _of_inverted(found: Table, false: Table) -> tuple[Table, Table]:
    """What a method found in the cubes that it searched times -1 as well, and what it found there."""
    return found[np.isin(cube_ids(found), false.meta["cubes"])], false


def _other(name: str, found: Table) -> Method:
    """One of the other finders, with its parameters, or the reason why it was not run, as a note."""
    chosen = ", ".join(f"{key} {value}" for key, value in found.meta.get("parameters", {}).items())
    with_line = has_columns(found, LINE_RANGE)
    return Method(name, found, with_line=with_line, oracle=None, note=found.meta.get("note", chosen))
