"""The names of networks and finders, `cubefocus.specs`, by its path: on login nodes the package is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_specs(root: Path) -> ModuleType:
    """Module ``cubefocus/specs.py`` below a folder; it uses the standard library only."""
    spec = importlib.util.spec_from_file_location("specs", root / "cubefocus" / "specs.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} has no cubefocus/specs.py")
    module = sys.modules["specs"] = importlib.util.module_from_spec(spec)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
