"""``cubefocus models``: which trained networks there are, what they are for, and whether they fit a cube.

The work is in `cubefocus.cli.models_told`: what it imports takes seconds, and the help does without.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cubefocus.cli.output import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands to their parser."""
    parser.description = (
        "Bundles of trained networks: those that come with cubefocus, by name, and those of runs, by folder, such as "
        "results/demo/bundle."
    )
    parser.epilog = "Example: cubefocus models check cube.fits"
    parts = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    listed = parts.add_parser("list", help="the bundles that come with cubefocus")
    listed.description = "List the bundles that come with cubefocus: their networks, their size and what they are for."
    listed.set_defaults(run=run_list)
    info = parts.add_parser("info", help="how a bundle was made, what it is valid for, its model card and licence")
    info.description = "Say how a bundle was made, what it is valid for, under which licence, and what its card says."
    info.add_argument("bundle", metavar="NAME|FOLDER")
    info.set_defaults(run=run_info)
    check = parts.add_parser("check", help="whether a bundle is whole, or a cube like those that one was trained on")
    check.description = (
        "Check a bundle: whole, with the digests that it says, of networks that can be loaded. Check a cube: in what "
        "it lies outside of what networks were trained on, as its header says it; the signal-to-noise ratio of its "
        "sources is compared when it is searched. A cube outside is no error: the exit code is 0."
    )
    check.add_argument("what", metavar="NAME|FOLDER|CUBE.fits")
    check.add_argument("--models", metavar="NAME|FOLDER",
                       help="what a cube is compared with (default: each that comes with cubefocus)")  # fmt: skip
    check.set_defaults(run=run_check)


def run_list(options: argparse.Namespace) -> None:
    """Print one line a bundle."""
    from cubefocus.cli import models_told

    show("\n".join(models_told.listed()))


def run_info(options: argparse.Namespace) -> None:
    """Print what a bundle says of itself.

    Raises
    ------
    CubefocusError
        If there is none, or it is damaged.
    """
    from cubefocus.cli import models_told

    show("\n".join(models_told.info(options.bundle)))


def run_check(options: argparse.Namespace) -> None:
    """Print that a bundle is whole, or in what a cube is unlike its training.

    Raises
    ------
    CubefocusError
        If the bundle is not whole, or the cube cannot be read.
    """
    from cubefocus.cli import models_told
    from cubefocus.errors import CubefocusError

    if models_told.is_cube(Path(options.what)):
        show("\n".join(models_told.check_cube(Path(options.what), options.models)))
    elif options.models is not None:
        raise CubefocusError(f"--models is what a cube is compared with, and {options.what} is none; leave it out")
    else:
        show("\n".join(models_told.check_bundle(options.what)))
