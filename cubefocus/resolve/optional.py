"""Packages that only the Bayesian imaging needs."""

from __future__ import annotations

import importlib.util
from typing import Any

from cubefocus import optional
from cubefocus.errors import CubefocusError

EXTRA = "resolve"
NEEDED_FOR = {"ducc0.wgridder": "visibilities of an image need ducc0, which is under the GPL"}
INFERENCE = ("ducc0", "jax", "jaxbind", "nifty")
"""What an inference imports."""


def load(module: str) -> Any:
    """Import a module of `NEEDED_FOR`.

    Raises
    ------
    CubefocusError
        If its package is not installed; the message says how to get it.
    """
    return optional.load(module, NEEDED_FOR[module], EXTRA)


def refuse_without_inference() -> None:
    """Refuse to begin where a package of `INFERENCE` is not installed; none of them is imported.

    Raises
    ------
    CubefocusError
        That names those which are missing, and says how to get them.
    """
    missing = [name for name in INFERENCE if importlib.util.find_spec(name) is None]
    if missing:
        raise CubefocusError(
            f"Bayesian imaging needs {', '.join(missing)}, not installed here: pip install 'cubefocus[{EXTRA}]'"
        )
