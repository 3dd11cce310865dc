"""Who made a product: code, package versions, hardware, and the facts that the maker adds."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cubefocus import __version__
from cubefocus.errors import CubefocusError

PACKAGES = ("numpy", "scipy", "astropy", "h5py", "matplotlib", "scikit-image", "torch", "casatasks", "casatools",
            "casadata", "ducc0", "jax", "nifty")  # fmt: skip


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a product's numbers, those that are installed, by name."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


@functools.cache
def code_version() -> str:
    """Version of cubefocus with a digest of its source files: the same wherever the same code is installed."""
    folder, code = Path(__file__).parent, hashlib.sha256()
    for source in sorted(folder.glob("**/*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        name, text = source.relative_to(folder).as_posix(), source.read_bytes().replace(b"\r\n", b"\n")
        code.update(f"{name} {len(text)}\n".encode() + text)
    return f"cubefocus {__version__}, sources {code.hexdigest()[:12]}"


@functools.cache
def processor() -> str:
    """Model of this machine's processor."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def hardware(device: Any = "cpu") -> dict[str, Any]:
    """Describe the machine without its name and without anything that changes with its load.

    Parameters
    ----------
    device : str or torch.device
        Where torch computes; a GPU is named if it is one.
    """
    facts: dict[str, Any] = {"processor": processor(), "cores": os.cpu_count()}
    if str(device).startswith("cuda"):
        import torch  # which is loaded already where there is such a device

        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def digest(value: Mapping[str, Any]) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a nested mapping of plain values, whatever its key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def provenance(device: Any = "cpu", **facts: Any) -> dict[str, Any]:
    """Describe how a product is made.

    Parameters
    ----------
    device : str or torch.device
        Where torch computes, if it does.
    **facts
        What only the maker knows: seed, config digest, engine, ... (plain values).

    Returns
    -------
    dict
        ``code`` (version and digest of the sources), ``packages`` (name to version), ``hardware`` and the facts.
        There is no time stamp in it: the same run made twice on a machine gives the same bytes.
    """
    return {"code": code_version(), "packages": package_versions(), "hardware": hardware(device), **facts}


def decode(text: Any, path: str | Path) -> dict[str, Any]:
    """Provenance from the JSON text that a product carries.

    Parameters
    ----------
    text : str, or anything else where there is none
    path : str or Path
        Of the product, for the message.

    Raises
    ------
    CubefocusError
        If there is none, or it cannot be read.
    """
    if not isinstance(text, str):
        raise CubefocusError(f"{path}: does not say how it was made; cubefocus did not write it")
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise CubefocusError(f"{path}: its provenance is damaged ({error}); make or fetch it again") from error
    if not isinstance(facts, dict):
        raise CubefocusError(f"{path}: its provenance is no list of facts; cubefocus did not write it")
    return facts
