"""The command line: ``cubefocus simulate``, ``detect``, ``denoise`` and the others of `COMMANDS`."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from cubefocus import __version__
from cubefocus.errors import CubefocusError

# Each is a module of this folder. Its function `add_arguments` sets ``run``, a function of the parsed arguments.
COMMANDS = {
    "simulate": "observe a sky model with an interferometer and make its dirty cube",
    "detect": "find and characterise the sources in cubes",
    "denoise": "remove noise and beams from an image",
    "resolve": "infer the sky from visibilities, with its errors",
    "inject": "put known sources into a cube and see which of them are found",
    "evaluate": "score a catalogue of any program against a truth table",
    "models": "list, describe and check trained networks",
    "provenance": "say how a product was made",
}


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Parser of all commands, with the arguments of the one that is chosen: the others' modules take long to import."""
    parser = argparse.ArgumentParser(prog="cubefocus", description="Find sources in interferometric cubes.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error and detailed logs")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = subparsers.add_parser(name, help=text)
        if name == chosen:
            importlib.import_module(f"cubefocus.cli.{name}").add_arguments(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line without the program's name; ``sys.argv`` if not given.

    Returns
    -------
    int
        Exit code: 0, or 1 for bad input, after one message that says what is wrong.
    """
    # Before torch is loaded: its threads spin while they wait for each other, and where other programs use the cores as
    # well that takes several times as long as the work itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = next((one for one in arguments if not one.startswith("-")), None)  # no option before it takes a value
    options = build_parser(chosen).parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.INFO, format="%(message)s")
    try:
        options.run(options)
    except CubefocusError as error:
        if options.debug:
            raise
        print(f"cubefocus {options.command}: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
