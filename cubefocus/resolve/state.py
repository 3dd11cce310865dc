"""What an inference goes on from after it was stopped: saved whole after every round."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path, make_folder, remove_leftovers

FILE = "state.npz"


@dataclass(frozen=True)
class State:
    """Where an inference is.

    Attributes
    ----------
    round : int
        Rounds that are done.
    mean : mapping of str to ndarray
        Parameters of the model about which samples lie.
    residuals : mapping of str to ndarray, shape (sample, ...)
        Samples less the mean.
    keys : ndarray
        Of the random numbers of the samples.
    factors : ndarray, shape (bin,)
        Of the noise, for each bin of baseline length.
    image : ndarray, shape (2, y, x)
        Mean and deviation of the sky, Jy/arcsec^2.
    rows : list of mapping
        A row of `cubefocus.resolve.posterior.Posterior.rounds` for each round.
    times : list of mapping
        ``round``, ``seconds`` and ``cpu_seconds`` of each.
    """

    round: int
    mean: Mapping[str, np.ndarray]
    residuals: Mapping[str, np.ndarray]
    keys: np.ndarray
    factors: np.ndarray
    image: np.ndarray
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    times: list[Mapping[str, Any]] = field(default_factory=list)

    def save(self, folder: Path, asked: str) -> None:
        """Write it, with the digest of what was asked for."""
        arrays = {"keys": self.keys, "factors": self.factors, "image": self.image}
        arrays |= {f"mean/{name}": value for name, value in self.mean.items()}
        arrays |= {f"residuals/{name}": value for name, value in self.residuals.items()}
        told = {"asked": asked, "round": self.round, "rows": self.rows, "times": self.times}
        with atomic_path(folder / FILE) as partial, open(partial, "wb") as file:
            np.savez(file, told=np.array(json.dumps(told)), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path, asked: str) -> State | None:
        """The state in a folder, or None where there is none.

        Raises
        ------
        CubefocusError
            If it is of another inference, or cannot be read.
        """
        path = make_folder(folder, "name another folder") / FILE
        remove_leftovers(folder)
        if not path.is_file():
            return None
        try:
            with np.load(path) as archive:
                told = json.loads(str(archive["told"]))
                arrays = {name: archive[name] for name in archive.files if name != "told"}
        except (OSError, ValueError, KeyError) as error:
            raise CubefocusError(f"{path}: cannot be read ({error}); remove {folder} to begin anew") from error
        if told["asked"] != asked:
            raise CubefocusError(
                f"{folder}: holds an inference of other visibilities, settings or seed; give those, or remove it to "
                "begin anew"
            )
        parts: dict[str, dict[str, np.ndarray]] = {"mean": {}, "residuals": {}}
        for name, value in arrays.items():
            kind, _, rest = name.partition("/")
            if rest:
                parts[kind][rest] = value
        keys, factors, image = (arrays[name] for name in ("keys", "factors", "image"))
        return cls(told["round"], parts["mean"], parts["residuals"], keys, factors, image, told["rows"], told["times"])


def times_in(folder: str | Path) -> Table:
    """What each round of the inference in a folder took: ``round``, ``seconds``, ``cpu_seconds``.

    They are no part of the posterior, which the same inference makes with the same bytes again.
    """
    with np.load(Path(folder) / FILE) as archive:
        return Table(json.loads(str(archive["told"]))["times"])
