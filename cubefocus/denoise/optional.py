"""Packages that only the observations of LOFAR need."""

from __future__ import annotations

from typing import Any

from cubefocus import optional

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
    return optional.load(module, NEEDED_FOR[module], "lofar")
