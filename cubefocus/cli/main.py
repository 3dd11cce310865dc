"""The command line: ``cubefocus simulate``, ``detect``, ``denoise`` and the others of `COMMANDS`."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from cubefocus import __version__
from cubefocus.errors import CubefocusError

HOME = "https://github.com/cubefocus/cubefocus"


class Command(NamedTuple):
    """What a command does, and a command line of it."""

    does: str
    example: str


# Each is a module of this folder. Its function `add_arguments` sets ``run``, a function of the parsed arguments.
GROUPS = {
    "your own cubes and images": {
        "detect": Command(
            "find and characterise the sources in cubes",
            "cubefocus detect cube.fits -o found",
        ),
        "inject": Command(
            "put known sources into a cube and see which of them are found",
            "cubefocus inject cube.fits -o completeness",
        ),
        "denoise": Command(
            "remove noise and beams from an image",
            "cubefocus denoise image.fits -o denoised.fits",
        ),
        "resolve": Command(
            "infer the sky from visibilities, with its errors",
            "cubefocus resolve calibrated.ms -o sky",
        ),
    },
    "simulation and comparison": {
        "simulate": Command(
            "observe a sky model with an interferometer and make its dirty cube",
            "cubefocus simulate sky.fits -o dirty.fits",
        ),
        "evaluate": Command(
            "score a catalogue of any program against a truth table",
            "cubefocus evaluate found/catalogue.ecsv truth.csv",
        ),
    },
    "networks and products": {
        "models": Command(
            "list, describe and check trained networks",
            "cubefocus models list",
        ),
        "provenance": Command(
            "say how a product was made",
            "cubefocus provenance found/catalogue.ecsv",
        ),
        "completion": Command(
            "print the completion of bash, zsh or fish",
            'eval "$(cubefocus completion bash)"',
        ),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


class _Page(argparse.ArgumentParser):
    """The parser of all commands, whose help shows them in groups."""

    def format_help(self) -> str:
        """A page of one screen."""
        lines = ["usage: cubefocus [--debug] COMMAND ...", "", str(self.description)]
        for title, group in GROUPS.items():
            lines += ["", f"{title}:"]
            for name, command in group.items():
                lines += [f"  {name:<11} {command.does}", f"  {'':<11}   {command.example}"]
        lines += ["", "options:"]
        for action in self._actions:
            if action.option_strings:
                lines.append(f"  {', '.join(action.option_strings):<11} {action.help}")
        lines += ["", "`cubefocus COMMAND --help` has the options of a command.", f"To read on: {HOME}"]
        return "\n".join(lines) + "\n"


def build_parser(*chosen: str) -> argparse.ArgumentParser:
    """Parser of all commands, with the arguments of those that are chosen: the others' modules take long to import."""
    parser = _Page(prog="cubefocus", description="Find and measure sources in interferometric cubes, clean or dirty.")
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}", help="show the version and exit"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error and detailed logs")
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser
    )
    for name, (does, _) in COMMANDS.items():
        command = subparsers.add_parser(name, help=does)
        if name in chosen:
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
    chosen = [one for one in arguments if not one.startswith("-")][:1]  # no option before it takes a value
    options = build_parser(*chosen).parse_args(arguments)
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
