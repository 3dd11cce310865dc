"""The emission of a box as an HDF5 file: a box is run once, and skies are drawn from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cubefocus.denoise.emission import Emission
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.provenance import provenance

ARRAYS = ("displacements", "log_power", "sizes")


def write_emission(path: str | Path, emission: Emission, facts: Mapping[str, Any]) -> None:
    """Write the emission of a box, whole or not at all, with how it was made.

    Parameters
    ----------
    path : path
        With the suffix .h5, by which `cubefocus provenance` knows it.
    emission : Emission
    facts : mapping
        What only the maker knows, such as the settings of the box: see `cubefocus.provenance.provenance`.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["provenance"] = json.dumps(provenance(**facts), sort_keys=True)
        file.attrs["side_mpc"] = emission.side
        for name in ARRAYS:
            file.create_dataset(name, data=getattr(emission, name))


def read_emission(path: str | Path) -> Emission:
    """Read what `write_emission` wrote.

    Raises
    ------
    CubefocusError
        If the file is absent, damaged or holds no emission.
    """
    path = Path(path)
    if not path.is_file():
        raise CubefocusError(f"{path}: no such box; run the rule that makes it")
    try:
        with h5py.File(path) as file:
            values = {name: np.asarray(file[name], dtype=np.float32) for name in ARRAYS}
            return Emission(**values, side=float(file.attrs["side_mpc"]))
    except KeyError as error:
        raise CubefocusError(f"{path}: holds no emission of a box ({error}); make it again") from error
    except OSError as error:
        raise CubefocusError(f"{path}: truncated or damaged HDF5 ({error}); delete it and make it again") from error
