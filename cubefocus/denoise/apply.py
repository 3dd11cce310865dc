"""Denoise images of any size from file to file, over threads and MPI ranks, always with the same bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from cubefocus.cube.writing import cube_on_disk
from cubefocus.denoise.blocks import denoise_blocks
from cubefocus.denoise.image import ImageFile, open_image, write_part
from cubefocus.denoise.known import warn_unlike
from cubefocus.denoise.network import Denoiser
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.task import DENOISED, PROBABILITY
from cubefocus.denoise.tiles import Block, Tiling
from cubefocus.errors import CubefocusError
from cubefocus.files import make_folder, refuse_full, remove_leftovers
from cubefocus.provenance import provenance
from cubefocus.ranks import at_work, launch

logger = logging.getLogger(__name__)

LAUNCHER = "mpiexec"
Rows = tuple[int, int]


class Written(NamedTuple):
    """A file that is filled part by part: where its values begin, and the factor from its unit to the network's."""

    path: str
    offset: int
    factor: float


@dataclass(frozen=True)
class DenoiseFile:
    """An image to denoise: what each process must know to take part in it.

    Attributes
    ----------
    model, kind : str
        Checkpoint or bundle, and which of its networks; as for `Denoiser.load`.
    source : str
        FITS image.
    targets : mapping of str to str
        FITS image of each product that is wanted.
    device : str
    tile, margin : int
        Of the `Tiling`.
    batch : int
        Tiles that are read together.
    files : mapping of str to Written
        What to fill, by the names of the products; the process that denoises, or starts the others, makes and renames
        them.
    limits : tuple of float
        Of the scale of the image, as of `LogScale.limits`.
    """

    model: str
    kind: str
    source: str
    targets: Mapping[str, str]
    device: str
    tile: int
    margin: int
    batch: int
    files: Mapping[str, Written] = field(default_factory=dict)
    limits: tuple[float, float] = (0.0, 0.0)

    @property
    def tiling(self) -> Tiling:
        """Of which the tiles are."""
        return Tiling(self.tile, self.margin)


def denoise_image(
    denoiser: Denoiser,
    source: str | Path,
    target: str | Path,
    *,
    probability: str | Path | None = None,
    ranks: int = 1,
    launcher: str = LAUNCHER,
    tiling: Tiling | None = None,
    batch: int | None = None,
    force: bool = False,
) -> None:
    """Denoise an image on disk, part by part: the memory it takes does not grow with the image.

    Parameters
    ----------
    denoiser : Denoiser
    source : str or Path
        FITS image in Jy/arcsec^2 or Jy/beam, or multiples of them.
    target : str or Path
        FITS image to write, float32 with the unit and the header of the source.
    probability : str or Path, optional
        FITS image of the probability of diffuse emission to write; the autoencoder has none.
    ranks : int
        MPI ranks. With 1, this process does all; of several, the first hands out the rows of tiles.
    launcher : str
        As for `cubefocus.ranks.launch`.
    tiling : Tiling, optional
        That of the network if not given.
    batch : int, optional
        Tiles that are read together; as many as the network sees at a time if not given.
    force : bool
        Replace files that exist.

    Raises
    ------
    CubefocusError
        If the image cannot be read (see `cubefocus.denoise.image.open_image`), a result exists or would replace the
        image, the network has no probability, or a rank fails.

    Notes
    -----
    An image that is unlike those that a network of a bundle has learnt from is denoised with a warning, which says in
    what it differs. On a CPU the bytes do not depend on ranks, threads, order and number of tiles at a time. A result
    is there when it is whole; what a killed run was writing is removed by the next.
    """
    targets = {DENOISED: str(target)} | ({} if probability is None else {PROBABILITY: str(probability)})
    image, tiling = open_image(source), tiling or denoiser.tiling
    check_outputs(Path(source), [Path(one) for one in targets.values()], force)
    if PROBABILITY in targets and PROBABILITY not in denoiser.task.products:
        raise CubefocusError(
            f"{probability}: the network '{denoiser.task.name}' tells no probability; leave it out, or give a residual "
            "network"
        )
    if ranks > 1 and not denoiser.source:
        raise CubefocusError("a network that is in memory only cannot be given to other ranks; save it first")
    for output in map(Path, targets.values()):
        remove_leftovers(make_folder(output.absolute().parent, "name another output"), output.name)
    device = denoiser.device.type if ranks > 1 else str(denoiser.device)  # ranks of a node take its GPUs in turn
    at_once = batch or denoiser.group(tiling.tile)
    job = DenoiseFile(denoiser.source, denoiser.kind, str(source), targets, device, tiling.tile, tiling.margin, at_once)
    if denoiser.known is not None:
        warn_unlike(denoiser.known, image, denoiser.name)
    with _results(job, denoiser, image) as (files, scale):
        if ranks > 1:
            filled = replace(job, files=files, limits=scale.limits)
            launch(run, filled, ranks, launcher, Path(target).absolute())
        else:
            _fill(job, denoiser, image, files, scale, tiling.rows(image.shape))


def check_outputs(source: Path, outputs: Sequence[Path], force: bool) -> None:
    """Refuse results that exist, or that would replace the image or each other.

    Raises
    ------
    CubefocusError
    """
    for output in outputs:
        if not output.name.endswith(".fits"):
            raise CubefocusError(f"{output}: name the output something.fits")
        if output.is_dir():
            raise CubefocusError(f"{output}: is a folder; name a file in it")
        if output.exists() and source.exists() and output.samefile(source):
            raise CubefocusError(f"{output}: is the image itself; name another output")
        if output.exists() and not force:
            raise CubefocusError(f"{output}: exists already; name another file or add --force")
    if len({output.absolute() for output in outputs}) < len(outputs):
        raise CubefocusError(f"{outputs[0]}: is named for the image and for its probability; name two files")


def run(job: DenoiseFile, executor: Any) -> None:
    """Fill the files of an image over ranks: each row of tiles is written by the rank that has it.

    Raises
    ------
    CubefocusError
        As `denoise_image`.
    """
    rows = job.tiling.rows(open_image(job.source).shape)
    try:
        for number, _ in enumerate(executor.map(_part, [(job, one) for one in rows]), 1):
            if number * 10 // len(rows) > (number - 1) * 10 // len(rows):
                logger.info("%s: %d of %d rows of tiles", job.source, number, len(rows))
    except CubefocusError:
        for path, *_ in job.files.values():
            Path(path).unlink(missing_ok=True)  # so that the others end too, and on a full disk the message has room
        raise


def _part(part: tuple[DenoiseFile, Rows]) -> None:
    """One row of tiles, on the rank that it was handed to."""
    job, rows = part
    files = {name: Written(*one) for name, one in job.files.items()}
    with at_work(f"rows {rows[0]} to {rows[1]}"):
        denoiser, scale = _loaded(job.model, job.kind, job.device), LogScale(*job.limits)
        _fill(job, denoiser, open_image(job.source), files, scale, [rows])


@lru_cache(maxsize=1)
def _loaded(model: str, kind: str, device: str) -> Denoiser:
    return Denoiser.load(model, device, kind)


@contextmanager
def _results(job: DenoiseFile, denoiser: Denoiser, image: ImageFile) -> Iterator[tuple[dict[str, Written], LogScale]]:
    """The files to fill, which get their names when all are whole, and the scale of the image."""
    least, most = image.limits() if denoiser.task.whole_image else (0.0, 0.0)
    facts = provenance(
        denoiser.device,
        network=denoiser.name,
        model=denoiser.digest,
        trained_by=denoiser.provenance.get("code", "unknown"),
        image=Path(job.source).name,
        tile=job.tile,
        margin=job.margin,
    )
    with ExitStack() as stack:
        files = {}
        for name, target in job.targets.items():
            header = image.header if name == DENOISED else _of_probability(image.header)
            made = stack.enter_context(cube_on_disk(target, image.stored.shape, header, facts))
            files[name] = Written(str(made.path), made.offset, image.factor if name == DENOISED else 1.0)
        yield files, LogScale.between(least, most)


def _of_probability(header: fits.Header) -> fits.Header:
    header = header.copy()
    header.remove("BUNIT", ignore_missing=True)
    header["BTYPE"] = ("probability", "of emission above 1e-7 Jy/arcsec2")
    return header


def _fill(
    job: DenoiseFile,
    denoiser: Denoiser,
    image: ImageFile,
    files: Mapping[str, Written],
    scale: LogScale,
    rows: Sequence[Rows],
) -> None:
    """Denoise some rows of tiles, and write each block where it belongs."""

    def keep(name: str, block: Block, values: np.ndarray) -> None:
        if (file := files.get(name)) is not None:
            in_unit = values if file.factor == 1.0 else values / np.float32(file.factor)
            with refuse_full(job.targets[name]):
                write_part(Path(file.path), file.offset, image.shape[1], block.y[0], block.x[0], in_unit)

    denoise_blocks(denoiser, image, job.tiling, job.tiling.blocks(image.shape, job.batch, rows), scale, keep)
