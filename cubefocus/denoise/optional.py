"""Packages that only the observations of LOFAR need: imported where they are used, and asked for in one sentence."""

from __future__ import annotations

import importlib
from typing import Any

from cubefocus.errors import CubefocusError

NEEDED_FOR = {
    "ducc0.wgridder": "visibilities and dirty images of LOFAR need ducc0, which is under the GPL",
    "lofarantpos.db": "the positions of LOFAR's stations need lofarantpos",
}


def load(module: str) -> Any:
    """Import a module of `NEEDED_FOR`.

    Raises
    ------
    CubefocusError
        If its package is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CubefocusError(
            f"{NEEDED_FOR[module]}, and it cannot be imported ({error}): pip install 'cubefocus[lofar]'"
        ) from error
