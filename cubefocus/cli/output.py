"""What commands print because they were asked for it."""

from __future__ import annotations

import os
import sys


def show(text: str) -> None:
    """Print a text; a reader that has seen enough of it, as ``head``, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # of this stream alone; left as it is, it would fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
