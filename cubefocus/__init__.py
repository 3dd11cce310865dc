"""cubefocus: find and characterise sources in dirty interferometric cubes with deep networks.

    >>> from cubefocus import Bundle, Cube, Observation, detect, evaluate, simulate

Nothing is imported before it is used.
"""

from typing import Any

__version__ = "0.1.0"

# Where each name is; text and no import, which would make every part of the package depend on all others.
_PUBLIC = {
    "Bundle": "cubefocus.learn.bundle",
    "Cube": "cubefocus.cube.cube",
    "Observation": "cubefocus.instrument.observation",
    "detect": "cubefocus.search.api",
    "evaluate": "cubefocus.report.score",
    "simulate": "cubefocus.engines.simulate",
}

__all__ = ["Bundle", "Cube", "Observation", "__version__", "detect", "evaluate", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
