"""The command line: ``cubefocus simulate``, ``detect``, ``evaluate`` and ``provenance``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from cubefocus import __version__
from cubefocus.cli.detect import add_detect_parser
from cubefocus.cli.evaluate import add_evaluate_parser
from cubefocus.cli.provenance import add_provenance_parser
from cubefocus.cli.simulate import add_simulate_parser
from cubefocus.errors import CubefocusError


def build_parser() -> argparse.ArgumentParser:
    """Parser of all commands; each command sets ``run``, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(prog="cubefocus", description="Find sources in dirty interferometric cubes.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error and detailed logs")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_simulate_parser(commands)
    add_detect_parser(commands)
    add_evaluate_parser(commands)
    add_provenance_parser(commands)
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
    options = build_parser().parse_args(arguments)
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
