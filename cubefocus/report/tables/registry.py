"""The tables of a run by name, each a function of what the run left.

Importing this needs the standard library alone, as the workflow takes the names from here on login nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import Table

    from cubefocus.report.run import Run


def detection(run: Run, seed: int, image_size: int) -> Table:
    """Table 1."""
    from cubefocus.report.tables.detection import detection_table

    return detection_table(run.methods, run.truth, run.dirty, run.settings, seed)


def detection_by_distance(run: Run, seed: int, image_size: int) -> Table:
    """Table 1 where neither boxes nor lines need to agree."""
    from cubefocus.report.published import BY_DISTANCE
    from cubefocus.report.tables.detection import by_distance, detection_table

    return detection_table(by_distance(run.methods), run.truth, run.dirty, run.settings, seed, BY_DISTANCE)


def parameters(run: Run, seed: int, image_size: int) -> Table:
    """Table 2."""
    from cubefocus.report.tables.parameters import parameter_table

    return parameter_table(run.measured, run.truth, run.settings, seed, bound=run.bound)


def classes(run: Run, seed: int, image_size: int) -> Table:
    """Scores by class of source."""
    from cubefocus.report.tables.classes import classes_table

    return classes_table(run.measured, run.truth, run.settings, seed, run.bound)


def stages(run: Run, seed: int, image_size: int) -> Table:
    """Table 3."""
    from cubefocus.report.tables.stages import stages_table

    return stages_table(run.candidates, run.truth, run.settings)


def fidelity(run: Run, seed: int, image_size: int) -> Table:
    """Table 6."""
    from cubefocus.report.image_snr import SNR
    from cubefocus.report.tables.fidelity import fidelity_table

    return fidelity_table(run.with_inverted, run.settings.interval, SNR)


def similarity(run: Run, seed: int, image_size: int) -> Table:
    """How alike the networks' maps and the sky are."""
    from cubefocus.report.tables.similarity import similarity_table

    return similarity_table(run.maps, run.sky, run.settings, seed, image_size)


TABLES: dict[str, Callable[[Run, int, int], Table]] = {
    table.__name__: table
    for table in (detection, detection_by_distance, parameters, classes, stages, fidelity, similarity)
}
"""Functions of the run, the seed of the bootstrap, and the side of what the networks see (pixels)."""
