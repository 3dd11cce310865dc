"""The process of a tool: ``python -m cubefocus.find.tool_process NAME`` answers questions of `cubefocus.find.tool`."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Answer each line of standard input by one of standard output; whatever a tool prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    adapter = importlib.import_module(f"cubefocus.find.{sys.argv[1]}")
    importlib.import_module(adapter.PACKAGE)
    gc.freeze()  # PyBDSF collects garbage sixteen times an image: all modules each time would take five times as long
    home = Path.cwd()
    for line in sys.stdin:
        question = json.loads(line)
        path = Path(question["path"])
        os.chdir(path.parent)
        try:
            reply = {"rows": adapter.search(path, question["settings"])}
        except Exception as error:  # the tool's; told, with the cube that it came from, by the process that asks
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        os.chdir(home)
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
