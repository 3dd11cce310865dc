"""A trained network of the denoising study, as it is used: tiles in Jy/arcsec^2 in, denoised ones out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cubefocus.denoise.known import Known, held_kinds, name_of
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.task import LIMITS, OBSERVED, DenoisingTask
from cubefocus.denoise.tiles import Tiling
from cubefocus.errors import CubefocusError
from cubefocus.learn import checkpoint
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.distributed import deterministic, pick_device
from cubefocus.learn.shipped import place_of
from cubefocus.networks import Autoencoder, Residual
from cubefocus.specs import DENOISERS

logger = logging.getLogger(__name__)

RESIDUAL_KEEP, RESIDUAL_MARGIN = 512, 128  # px; the maps of larger tiles fall out of the caches of a core
GROUP_PIXELS = 2**18  # of the tiles that a network sees at a time: one large one, 16 of 128 px
MORE_ON_GPU = 16  # times as many there
BEST_FIRST = ("residual", "autoencoder")  # of `cubefocus.specs.DENOISERS`, where a bundle holds several
DEFAULT_KIND = "clean"  # what most images of users are


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A network with its weights, ready to denoise.

    Attributes
    ----------
    model : nn.Module
        In evaluation mode, on the device where it computes.
    task : DenoisingTask
    normalisation, provenance : mapping
        What its training fixed, and how it was trained.
    source : str
        File or folder that it was read from; empty for one that is in memory only.
    digest : str
        Of that file or bundle.
    kind : str
        Of `cubefocus.specs.KINDS`, the images that it is for; empty if that is not said.
    known : Known, optional
        What those images are like; of a bundle that says it.
    """

    model: nn.Module
    task: DenoisingTask
    normalisation: Mapping[str, Any]
    provenance: Mapping[str, Any]
    source: str = ""
    digest: str = ""
    kind: str = ""
    known: Known | None = None

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", kind: str | None = None) -> Denoiser:
        """From a checkpoint, or from a bundle (of those that hold both networks, the residual one is taken).

        Parameters
        ----------
        path : str or Path
            File, folder, or name of a bundle that comes with the package.
        device : str
            ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
        kind : str, optional
            Of a bundle with a network for each kind of images, which to take. If not given, that for clean images, or
            else the first that the bundle has in the order of `cubefocus.specs.KINDS`; the log says which.

        Raises
        ------
        CubefocusError
            If it cannot be read, holds no network of this study, or none for such images.
        """
        where = pick_device(device)
        if not Path(path).is_file():
            return cls._of_bundle(Bundle.load(place_of(path)), str(path), where, kind)
        if kind:
            raise CubefocusError(
                f"{path}: is a checkpoint, which has one network for all images; leave out the kind (--kind)"
            )
        model, meta = checkpoint.load_model(path, where)
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
        return cls(model, _task_of(meta, path), meta["normalisation"], meta["provenance"], str(path), digest)

    @classmethod
    def _of_bundle(cls, bundle: Bundle, path: str, where: torch.device, kind: str | None) -> Denoiser:
        network = next((one for one in BEST_FIRST if one in bundle.networks or held_kinds(bundle.networks, one)), None)
        if network is None:
            held = ", ".join(bundle.networks) or "nothing"
            raise CubefocusError(f"{path}: holds {held}, which does not denoise; give one of {', '.join(DENOISERS)}")
        kinds = held_kinds(bundle.networks, network)
        if kind and kind not in kinds:
            has = (
                f"it has those for {', '.join(kinds)}"
                if kinds
                else "it has one for all images, so leave out the kind (--kind)"
            )
            raise CubefocusError(f"{path}: has no network for images of the kind '{kind}'; {has}")
        chosen = kind or (DEFAULT_KIND if DEFAULT_KIND in kinds else next(iter(kinds), ""))
        if chosen and not kind:
            logger.info("%s: the network for '%s' images, of those for %s", path, chosen, ", ".join(kinds))
        name = name_of(network, chosen) if chosen else network
        weights = bundle.networks[name]
        task = _task_of(weights.description | {"task": network}, path)
        known = Known.of(bundle.ranges, bundle.detection.get(name, {}))
        return cls(
            weights.model(where), task, weights.normalisation, weights.provenance, path, bundle.digest, chosen, known
        )

    @property
    def name(self) -> str:
        """Of the network, with the kind of the images that it is for where that is said."""
        return name_of(self.task.name, self.kind) if self.kind else self.task.name

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.model.parameters()).device

    @property
    def tiling(self) -> Tiling:
        """Tiles of which the middle is kept: of the autoencoder's the central half, as in GV22 section 6.

        The margin of the residual network is more than its reach, and all tiles begin at a multiple of its step: what
        it says of a pixel is the same in every tile that keeps it, and there are no seams.
        """
        if isinstance(self.model, Autoencoder):
            return Tiling(self.model.tile, self.model.tile // 4)
        assert isinstance(self.model, Residual)
        step = self.model.step
        keep, margin = (-(-size // step) * step for size in (RESIDUAL_KEEP, max(RESIDUAL_MARGIN, self.model.reach)))
        return Tiling(keep + 2 * margin, margin)

    def group(self, tile: int) -> int:
        """Tiles that the network sees at a time, always as many."""
        return max(1, GROUP_PIXELS // tile**2) * (MORE_ON_GPU if self.device.type == "cuda" else 1)

    def says(self, tiles: np.ndarray, scale: LogScale) -> dict[str, np.ndarray]:
        """What the network makes of tiles.

        The last bits of a convolution or a matrix product hang on the shape of the batch and the number of threads. So
        the network sees groups of always the same number of tiles, the last one filled up with empty ones, and
        `one_thread` has each group computed by one thread.

        Parameters
        ----------
        tiles : ndarray, shape (n, y, x)
            Jy/arcsec^2; NaN where there are no data.
        scale : LogScale
            Of the image that they are of; only the autoencoder looks at it.

        Returns
        -------
        dict of ndarray of float32, shape (n, y, x)
            ``denoised`` in Jy/arcsec^2 and, of the residual network, ``probability`` of diffuse emission; NaN where
            the tiles have it, and only there: the network sees no flux there.

        Raises
        ------
        CubefocusError
            If the network cannot take tiles of this size.
        """
        blank = ~np.isfinite(tiles)
        filled = np.where(blank, np.float32(0.0), tiles).astype(np.float32)
        size = self.group(tiles.shape[-1])
        limits = torch.tensor([scale.limits] * size, dtype=torch.float32, device=self.device)
        made: list[dict[str, np.ndarray]] = []
        with torch.inference_mode(), deterministic(self.device):
            for start in range(0, len(filled), size):
                part = filled[start : start + size]
                group = np.zeros((size, *part.shape[1:]), dtype=np.float32)
                group[: len(part)] = part
                batch = {OBSERVED: torch.from_numpy(group).to(self.device), LIMITS: limits}
                inputs = self.task.prepare(batch).contiguous(memory_format=torch.channels_last)
                outputs = self.model(inputs)
                decoded = self.task.decode(
                    outputs if isinstance(outputs, tuple) else (outputs,), batch, self.normalisation
                )
                made.append({name: value[: len(part)].cpu().numpy() for name, value in decoded.items()})
        joined = {name: np.concatenate([one[name] for one in made]) for name in made[0]}
        return {name: np.where(blank, np.float32(np.nan), value) for name, value in joined.items()}


def _task_of(meta: Mapping[str, Any], path: str | Path) -> DenoisingTask:
    try:
        return DenoisingTask.described(meta)
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch compute with one thread inside, in this thread and in those that begin there; gives how many it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)
