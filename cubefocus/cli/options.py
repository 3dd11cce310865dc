"""Values of options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

from cubefocus.errors import CubefocusError


def output_path(text: str) -> Path:
    """The value of ``--output``; an empty one, as of a variable that is not set, would be the folder of the shell."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name what is to be written")
    return Path(text)


def check_seed(seed: int) -> None:
    """Refuse a seed that no generator takes."""
    if seed < 0:
        raise CubefocusError(f"--seed is {seed}; give a whole number, 0 or more")
