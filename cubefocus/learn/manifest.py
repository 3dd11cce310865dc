"""What ``bundle.json`` says of trained networks: read without torch, and refused where it is not whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cubefocus.errors import CubefocusError
from cubefocus.provenance import digest

FORMAT = "cubefocus bundle 1"
MANIFEST = "bundle.json"
SUFFIX = ".safetensors"
LICENCE = "BSD-3-Clause"  # of the networks that this program trains on its own simulations; the same as its own
NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a network: it becomes the name of a file
KINDS: dict[str, type | tuple[type, ...]] = {
    "study": str,
    "licence": str,
    "detection": dict,
    "ranges": dict,
    "provenance": dict,
    "networks": dict,
}
NETWORK_KINDS: dict[str, type | tuple[type, ...]] = {
    "network": str,
    "arguments": dict,
    "normalisation": dict,
    "provenance": dict,
    "sha256": str,
}
MADE_FROM = ("trained.pt", "finetuned.pt")


def encode(content: Mapping[str, Any]) -> str:
    """Text of ``bundle.json`` for what the bundle says of itself, with the digest that `read_manifest` checks."""
    return json.dumps({"format": FORMAT, "digest": digest(content), **content}, indent=1, sort_keys=True) + "\n"


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read what a bundle says of itself; nothing in it is run, and no weights are read.

    Parameters
    ----------
    folder : path
        Of the bundle.

    Returns
    -------
    dict
        ``study``, ``licence``, ``detection``, ``ranges``, ``provenance``, ``networks`` (by name) and ``digest``.

    Raises
    ------
    CubefocusError
        If there is no bundle, or it is damaged, foreign or was changed by hand.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        raise CubefocusError(_no_bundle(folder))
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise CubefocusError(f"{path}: truncated or damaged ({error}); make the bundle again, or fetch it") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CubefocusError(f"{path}: not a '{FORMAT}'; give one that rule bundle made")
    told = content.pop("digest", None)
    if told != digest(content) or not text.endswith("\n"):
        raise CubefocusError(
            f"{path}: was changed or damaged after the bundle was made; make it again, or fetch it (other detection "
            "settings: --settings)"
        )
    _check(content, KINDS, path)
    for name, entry in content["networks"].items():
        if not NAME.fullmatch(name) or not isinstance(entry, dict):
            raise CubefocusError(f"{path}: names the network {name!r}, which cannot be; make the bundle again")
        _check(entry, NETWORK_KINDS, path)
    return content | {"digest": told}


def _check(entry: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]], path: Path) -> None:
    wrong = [key for key, kind in kinds.items() if not isinstance(entry.get(key), kind)]
    if wrong:
        raise CubefocusError(f"{path}: does not say its {', '.join(wrong)}, or not as it should; make the bundle again")


def _no_bundle(folder: Path) -> str:
    """Why there is no bundle in a place, and where there may be one."""
    if not folder.exists():
        return f"{folder}: no such bundle; check the path"
    holds = [folder.name] if folder.is_file() else [path.name for path in folder.glob("*/*.pt")]
    holds += [path.name for path in folder.glob("*.pt")]
    if not any(name in MADE_FROM or name.endswith(".pt") for name in holds):
        return f"{folder}: is no bundle (it has no {MANIFEST}); name one that rule bundle made, results/demo/bundle"
    run = next((one for one in (folder, *folder.absolute().parents) if one.name == "models"), folder).parent
    beside = run / "bundle"
    way = (
        f"name {beside}, which was made of them"
        if (beside / MANIFEST).is_file()
        else f"name the bundle that the run makes of them, {beside}"
    )
    return f"{folder}: holds checkpoints, which lack the detection settings of their run; {way}"


def sha256(content: bytes) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
