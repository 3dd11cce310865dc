"""What commands print because they were asked for it, and where they write."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def show(text: str) -> None:
    """Print a text; a reader that has seen enough of it, as ``head``, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # of this stream alone; left as it is, it would fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def output_path(text: str) -> Path:
    """The value of ``--output``; an empty one, as of a variable that is not set, would be the folder of the shell."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name what is to be written")
    return Path(text)
