"""Clean those cubes of a batch that a finder will search."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubefocus.alma.folder import close_partial, cubes_of, is_made, open_partial, read_recipe
from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.engines.clean import NITER, clean, integrated
from cubefocus.files import read_table
from cubefocus.find.cubes import SUFFIX, drawn_ids
from cubefocus.instrument.observation import Observation, draw_observation
from cubefocus.instrument.response import open_response, response_folder
from cubefocus.provenance import code_version, digest
from cubefocus.timing import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clean:
    """Cubes to clean.

    Attributes
    ----------
    cubes : str
        Folder of the batch.
    observation : mapping
        Config section.
    responses : str
        Cache of responses.
    images, time : str
        Folder and file to make.
    truth : list of str
        Truth tables of the batches that cubes are drawn from.
    drawn : int, optional
        How many of their cubes are cleaned, drawn by the seed; all of them if it is not given.
    seed : int
    workers : int
        Cubes at a time.
    code : str, optional
        Digest of the code behind the images: what other code left unfinished is not used.
    provenance : mapping
    """

    cubes: str
    observation: Mapping[str, Any]
    responses: str
    images: str
    time: str
    truth: list[str]
    drawn: int | None = None
    seed: int = 0
    workers: int = 1
    code: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: Clean) -> None:
    """Clean those cubes of a batch that a finder will search."""
    wanted = [cube["cube_id"] for path in job.truth for cube in read_table(path).meta["cubes"]]
    if job.drawn is not None:
        wanted = drawn_ids(wanted, job.drawn, job.seed)
    observations = Observation.list_from_mapping(job.observation)
    options: dict[str, Any] = {"workers": job.workers, "code": job.code, "time": job.time}
    clean_batch(job.cubes, wanted, observations, job.responses, job.images, job.provenance, **options)


def clean_batch(
    folder: str | Path,
    cubes: Iterable[int],
    observations: list[Observation],
    responses: str | Path,
    out_dir: str | Path,
    facts: Mapping[str, Any],
    *,
    niter: int = NITER,
    workers: int = 1,
    scratch: str | Path | None = None,
    code: str | None = None,
    time: str | Path | None = None,
) -> Path:
    """Clean some cubes of a batch; called again after a failure it cleans the missing ones only.

    Parameters
    ----------
    folder : path
        Finished batch of cubes.
    cubes : iterable of int
        Ids of those that are wanted; others than the batch's are left out.
    observations : list of Observation
        Set-ups that the cubes drew theirs from.
    responses : path
        Cache of responses, whose dirty beams are used.
    out_dir : path
        Receives ``<cube_id>.clean.fits``, each the cleaned cube summed over its channels.
    facts : mapping
        Provenance.
    niter, scratch
        As for `clean`.
    workers : int
        Cubes at a time.
    code : str, optional
        Digest of the code behind the images; without it, that of the whole package.
    time : path, optional
        Receives what the stage ``clean`` took, of the cubes that this call cleans; written before ``out_dir`` gets its
        name, so that nothing is lost where the disk is full.

    Returns
    -------
    Path
        ``out_dir``.

    Raises
    ------
    CubefocusError, CasaError
        As `clean`, with the cube; the others are kept.
    """
    folder, out_dir = Path(folder), Path(out_dir)
    seeds = {cube["cube_id"]: cube["noise_seed"] for cube in read_table(folder / "truth.ecsv").meta["cubes"]}
    paths = {cube: path for cube, path in cubes_of(folder).items() if cube in set(cubes)}
    made_with = {"batch": read_recipe(folder), "code": code or code_version()}
    recipe = digest({"cubes": [*paths], "niter": niter, **made_with})
    clock = Clock()
    if is_made(out_dir, recipe):
        _write(clock, time)
        return out_dir

    def make(cube: int, target: Path) -> None:
        log = target.with_name(f"{cube:06d}.casa.log")
        psf = open_response(response_folder(responses, draw_observation(observations, seeds[cube]))).psf()
        image = integrated(clean(read_cube(paths[cube]), psf, log, niter, scratch=scratch, name=f"cube {cube}"))
        write_cube(target, image.data, image.header, {**facts, "cube_id": cube, "niter": niter})
        log.unlink()
        logger.info("cube %d cleaned", cube)

    with open_partial(out_dir, recipe) as partial:
        if partial is not None:
            targets = {cube: partial / f"{cube:06d}{SUFFIX}" for cube in paths}
            missing = [(cube, target) for cube, target in targets.items() if not target.is_file()]
            note = f"{workers} at a time" if workers > 1 else ""
            with clock.stage("clean", len(missing), note), ThreadPoolExecutor(workers) as threads:
                list(threads.map(lambda each: make(*each), missing))
        _write(clock, time)
        if partial is not None:
            close_partial(partial, out_dir)
    return out_dir


def _write(clock: Clock, path: str | Path | None) -> None:
    if path is not None:
        clock.write(path)
