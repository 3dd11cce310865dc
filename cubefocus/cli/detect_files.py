"""The work of ``cubefocus detect`` with a bundle: cubes on disk, one after the other, to one folder of products."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from cubefocus.alma.chain import Chain
from cubefocus.alma.detection_products import source_products, write_detection_products
from cubefocus.alma.inputs import check_possible, load_dirty
from cubefocus.alma.search import load_chain
from cubefocus.alma.searched import Searched
from cubefocus.cli.folder import (
    Found,
    Input,
    attempts,
    facts_of,
    list_inputs,
    origin_of,
    prepare_output,
    summary,
    write_tables,
)
from cubefocus.errors import CubefocusError
from cubefocus.files import read_yaml
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.ranges import Range, measured, outside
from cubefocus.learn.shipped import place_of, refuse_other_study
from cubefocus.provenance import digest, provenance
from cubefocus.report.pictures import field_figure, save_figure, spectra_figure
from cubefocus.search.instruments import Instrument, fit
from cubefocus.settings import DetectionSettings
from cubefocus.stats.noise import background
from cubefocus.tables.published import write_catalogue
from cubefocus.tables.regions import write_regions

log = logging.getLogger(__name__)


def read_settings(path: Path | None) -> dict[str, Any]:
    """Section ``detection`` of a YAML file, or the whole file if it has no such section.

    Raises
    ------
    CubefocusError
        If the file is absent, is no YAML mapping, or holds a setting that the chain cannot use.
    """
    if path is None:
        return {}
    if not path.is_file():
        raise CubefocusError(f"{path}: no such settings file; check the path")
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise CubefocusError(f"{path}: holds no mapping; see the section detection of config.yaml")
    section = content.get("detection", content) or {}
    if not isinstance(section, dict):
        raise CubefocusError(f"{path}: detection is {section!r}; it must be a mapping, as in config.yaml")
    try:
        DetectionSettings.from_mapping(section)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    return dict(section)


def load_bundle(folder: Path, overrides: Mapping[str, Any]) -> Bundle:
    """Read a bundle, of a folder or by its name, and replace some of its detection settings, which is said.

    Raises
    ------
    CubefocusError
        As `Bundle.load`, or if its networks are not those of the chain.
    """
    bundle = Bundle.load(place_of(folder))
    refuse_other_study(folder, bundle.networks, bundle.study)
    bundle = bundle.with_settings(overrides)
    for key, value in _leaves(bundle.overrides):
        log.info("%s: detection.%s is replaced by %s", folder, key, value)
    return bundle


def _leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def search(
    bundle: Bundle,
    paths: Sequence[Path],
    output: Path,
    device: str,
    overwrite: bool = False,
    instrument: Instrument | None = None,
) -> Found:
    """Search cubes with a bundle; as `detect_files`, with all that the bundle says."""
    chain = load_chain(bundle, device=device)
    networks = {name: origin_of(one.provenance) for name, one in bundle.networks.items()}
    facts = {"models": bundle.source, "bundle": bundle.digest, "settings": digest(bundle.detection)}
    facts |= {"networks": networks} | ({"replaced": dict(bundle.overrides)} if bundle.overrides else {})
    facts |= instrument.facts if instrument is not None else {}
    made = provenance(chain.device, **facts)
    return detect_files(chain, paths, output, made, bundle.ranges, overwrite, instrument)


def detect_files(
    chain: Chain,
    paths: Sequence[Path],
    output: Path,
    facts: Mapping[str, Any],
    ranges: Mapping[str, Range] | None = None,
    overwrite: bool = False,
    instrument: Instrument | None = None,
) -> Found:
    """Search cubes on disk, one in memory at a time, and write all products to a folder.

    Parameters
    ----------
    chain : Chain
    paths : sequence of Path
        FITS cubes in Jy/beam, mJy/beam, ...; cube_id in the tables is that of the header, or else the place in this
        list.
    output : Path
        Gets the catalogue in all `FORMATS`, candidates.ecsv, products.h5, and per cube <name>.reg, <name>.crtf,
        <name>.field.png, <name>.spectra.png.
    facts : mapping
        Provenance.
    ranges : mapping, optional
        What the networks were trained on; a cube that lies outside is told.
    overwrite : bool
        Whether products of an earlier search are removed first.
    instrument : Instrument, optional
        Beam and primary beam of the cubes: all sources of a cube are then fitted together, which the tables fitted
        hold, and the regions show.

    Raises
    ------
    CubefocusError
        If the folder cannot be written or holds results, two cubes have one id, or a cube cannot be read or searched:
        then the others have been searched and written, and the message names those that are missing.
    """
    inputs = list_inputs(paths)
    is_new = prepare_output(output, overwrite)
    facts = dict(facts) | facts_of(paths, inputs)
    work = _Work(chain, output, facts, ranges or {}, alone=len(inputs) == 1, instrument=instrument)
    try:
        write_detection_products(output / "products.h5", work.products(inputs), facts)
        if not work.tables:
            raise CubefocusError(summary(work.found, paths))
    except CubefocusError:
        (output / "products.h5").unlink(missing_ok=True)
        if is_new and not any(output.iterdir()):
            output.rmdir()
        raise
    found = work.found
    facts = write_tables(output, found, work.tables, facts)
    if work.fitted:
        found.fitted = vstack(work.fitted, metadata_conflicts="silent")
        write_catalogue(output / "fitted", found.fitted, facts)
    if found.failed:
        raise CubefocusError(summary(found, paths, output))
    return found


@dataclass
class _Work:
    """Search cubes one after the other and write what belongs to each alone."""

    chain: Chain
    output: Path
    facts: Mapping[str, Any]
    ranges: Mapping[str, Range]
    alone: bool
    instrument: Instrument | None = None
    fitted: list[Table] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    tables: list[tuple[Table, Table]] = field(default_factory=list)

    def products(self, inputs: Iterable[Input]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Id and arrays of each cube that could be searched; the others go into ``found.failed``."""
        for one, searched in attempts(inputs, self.search, self.found, self.alone):
            yield one.cube_id, source_products(searched)

    def search(self, one: Input) -> Searched:
        """Search one cube, and write its regions and pictures."""
        cube = load_dirty(one.path)
        self.remark(one, outside(self.ranges, measured(cube)))
        check_possible(self.chain.settings.rest_frequency_ghz, cube, one.path)
        found = self.chain.detect([cube], [one.cube_id])
        (searched,) = found.fields
        if len(found.catalogue):
            self.remark(one, outside(self.ranges, {"snr": (brightest_snr(searched),) * 2}))
        shown = found.catalogue
        if self.instrument is not None:
            settings, device = self.chain.settings, self.chain.device
            shown = fit(cube, self.instrument, one.path, found.catalogue, settings, one.cube_id, device)
            self.fitted.append(shown)
        write_regions(self.output / one.name, shown, self.facts, cube.wcs)
        save_figure(field_figure(searched), self.output / f"{one.name}.field.png", self.facts)
        if not searched.field.is_image:
            save_figure(spectra_figure(searched), self.output / f"{one.name}.spectra.png", self.facts)
        self.tables.append((found.catalogue, found.candidates))
        log.info("%s: %d sources of %d candidates", one.path, len(found.catalogue), len(found.candidates))
        if self.instrument is not None:
            log.info("%s: %d sources after the fit", one.path, len(shown))
        return searched

    def remark(self, one: Input, sentences: Iterable[str]) -> None:
        """Say what of a cube is unlike the training."""
        for sentence in sentences:
            log.warning("%s: %s", one.path, sentence)
            self.found.remarks.setdefault(str(one.path), []).append(sentence)


def brightest_snr(searched: Searched) -> float:
    """Brightest pixel of the integrated image over its robust noise, sidelobes included; NaN without any."""
    image = searched.integrated[np.isfinite(searched.integrated)]
    level, noise = background(image)
    return float((image.max() - level) / noise) if noise > 0 else float("nan")
