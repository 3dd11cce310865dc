"""The work of ``cubefocus inject``."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from cubefocus.alma.inputs import load_dirty
from cubefocus.cli.folder import prepare_folder
from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.provenance import provenance
from cubefocus.report.pictures import save_figure
from cubefocus.search.inject import AT_ONCE, inject
from cubefocus.search.methods import method_of
from cubefocus.tables.columns import column
from cubefocus.tables.published import FORMATS, write_catalogue

log = logging.getLogger(__name__)

PRODUCTS = (*(f"injected.{kind}" for kind in FORMATS), "completeness.ecsv", "completeness.png")


def inject_file(
    path: Path,
    output: Path,
    *,
    psf: Path | None,
    pb: Path | None,
    purity: float | None,
    rest_frequency_ghz: float | None,
    number: int,
    seed: int,
    device: str,
    overwrite: bool,
) -> None:
    """Put sources into a cube on disk, search for them, and write what came of it.

    Parameters
    ----------
    path : Path
    output : Path
        Gets `PRODUCTS`.
    psf, pb, purity, rest_frequency_ghz, device
        As for `cubefocus.search.methods.method_of`.
    number, seed : int
        As for `cubefocus.search.inject.inject`.
    overwrite : bool

    Raises
    ------
    CubefocusError
        If the cube or the folder cannot be used.
    """
    method = method_of(psf, pb, purity, rest_frequency_ghz, device)
    cube = load_dirty(path)
    beam = method.beam.beam(cube, path)
    earlier = [output / name for name in PRODUCTS if (output / name).exists()]
    is_new = prepare_folder(output, earlier, overwrite)
    rounds = math.ceil(number / AT_ONCE)
    log.info("%s: %d sources in some %d searches", path, number, rounds)
    try:
        found = inject(cube, beam, lambda one, count: method.search(one, path, count).catalogue, number, seed)
    except CubefocusError as error:
        if is_new:
            output.rmdir()
        raise CubefocusError(f"{path}: {error}") from error
    facts = provenance(method.device, **method.facts, cubes=[str(path)], seed=seed, number=number)
    write_catalogue(output / "injected", found.sources, facts)
    write_table(output / "completeness.ecsv", found.completeness, facts)
    save_figure(found.plot(), output / "completeness.png", facts)
    n_found = int(column(found.sources, "is_found").sum())
    limits = " and ".join(
        f"{share} at a signal-to-noise of {value:.3g}"
        for share, value in (("half", found.half), ("nine tenths", found.most))
        if math.isfinite(value)
    )
    log.info("%s: %d of %d found%s", path, n_found, len(found.sources), f"; {limits}" if limits else "")
