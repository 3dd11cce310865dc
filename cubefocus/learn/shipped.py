"""Bundles that come with the package, by their names: read without torch.

Each is a folder of ``cubefocus/models``, with ``bundle.json``, its weights and a model card, ``card.md``: what it is
for, what it was trained on, and what it was measured to do. A rule of the project makes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cubefocus
from cubefocus.errors import CubefocusError
from cubefocus.learn import manifest

FOLDER = Path(cubefocus.__file__).parent / "models"
CARD = "card.md"
CHAIN = "alma"  # study whose networks the chain takes


def shipped() -> dict[str, Path]:
    """Folders of the bundles that come with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(FOLDER.glob(f"*/{manifest.MANIFEST}"))}


def place_of(bundle: str | Path) -> Path:
    """Folder of a bundle that is named by its folder, or by its name where it comes with the package.

    Parameters
    ----------
    bundle : str or Path
        A folder that is there is taken before a name.

    Returns
    -------
    Path

    Raises
    ------
    CubefocusError
        If there is neither such a folder nor such a name.
    """
    known = shipped()
    folder = Path(bundle)
    if (folder / manifest.MANIFEST).is_file() or str(bundle) not in known:
        if not folder.exists():
            names = f"a folder, or one of those that are shipped ({', '.join(known) or 'none'})"
            raise CubefocusError(f"{bundle}: no such bundle; check the path, or name {names}")
        return folder
    return known[str(bundle)]


def refuse_other_study(folder: Path, networks: Iterable[str], study: str) -> None:
    """Refuse a bundle whose networks are not those of the chain.

    Raises
    ------
    CubefocusError
        Naming what it holds.
    """
    if study != CHAIN:
        raise CubefocusError(
            f"{folder}: holds {', '.join(networks)} of the study '{study}', not the networks of the chain that "
            "--models takes; leave it out, or name the bundle of a run, such as results/demo/bundle"
        )


def purpose_of(folder: Path) -> str:
    """What a bundle is for: the first line of its model card that is no heading; empty without a card."""
    path = folder / CARD
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.strip() for line in lines if line.strip() and not line.startswith(("#", "|", "<"))), "")


def size_of(folder: Path) -> int:
    """Bytes of a bundle on the disk."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
