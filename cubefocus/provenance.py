"""Who made a product: code version, package versions and the facts that the maker adds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from cubefocus import __version__

PACKAGES = ("numpy", "scipy", "astropy", "scikit-image", "torch", "casatasks", "casatools", "casadata")


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide a product's numbers, those that are installed, by name."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def digest(value: Mapping[str, Any]) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a nested mapping of plain values, whatever its key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def provenance(**facts: Any) -> dict[str, Any]:
    """Describe how a product is made.

    Parameters
    ----------
    **facts
        What only the maker knows: seed, config digest, engine, ... (plain values).

    Returns
    -------
    dict
        ``code`` (cubefocus version), ``packages`` (name to version) and the facts. There is no time stamp in
        it: the same run made twice gives the same bytes.
    """
    return {"code": f"cubefocus {__version__}", "packages": package_versions(), **facts}
