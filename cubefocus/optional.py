"""Packages that only a part of the users need: imported where they are used, and asked for in one sentence."""

from __future__ import annotations

import importlib
from typing import Any

from cubefocus.errors import CubefocusError


def load(module: str, needed_for: str, extra: str) -> Any:
    """Import a module.

    Parameters
    ----------
    module : str
    needed_for : str
        A clause that says what needs its package.
    extra : str
        Group of optional dependencies of cubefocus that has it.

    Raises
    ------
    CubefocusError
        If its package is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CubefocusError(
            f"{needed_for}, and it cannot be imported ({error}): pip install 'cubefocus[{extra}]'"
        ) from error
