"""``cubefocus inject``: known sources into a user's cube, to see which of them a search finds."""

from __future__ import annotations

import argparse
from pathlib import Path

from cubefocus.cli.detect import PURITY, check_rest_frequency
from cubefocus.cli.options import check_seed, output_path
from cubefocus.errors import CubefocusError

NUMBER, SEED = 100, 1
MOST = 100_000  # sources: more is a mistake


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Put known sources into a cube through its beam, a few at a time, and search for them as cubefocus detect "
        "does without networks: which share is found, against signal-to-noise, and how well they are measured."
    )
    parser.epilog = "Example: cubefocus inject cube.fits -o injected"
    parser.add_argument("cube", type=Path, metavar="CUBE.fits")
    parser.add_argument("--psf", type=Path, metavar="PSF.fits",
                        help="dirty beam of a dirty cube; without it the cube is taken for a restored one")  # fmt: skip
    parser.add_argument("--pb", type=Path, metavar="PB.fits",
                        help="primary beam of the cube, if it has not been divided by it")  # fmt: skip
    parser.add_argument("--purity", type=float, metavar="SHARE",
                        help=f"as for detect, of restored cubes (default: {PURITY:g})")  # fmt: skip
    parser.add_argument("--number", type=int, default=NUMBER, help=f"of sources in all (default: {NUMBER})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of places, widths and fluxes (default: {SEED})")
    parser.add_argument("--rest-frequency", type=float, metavar="GHZ", help="of the line")
    parser.add_argument("-o", "--output", required=True, type=output_path, help="folder for tables and plot")
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run left in the folder")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: the GPU where there is one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Inject, search, and write ``injected``, ``completeness`` and a plot.

    Raises
    ------
    CubefocusError
        If an option, the cube or the folder cannot be used.
    """
    if arguments.rest_frequency is not None:
        check_rest_frequency(arguments.rest_frequency)
    if not 1 <= arguments.number <= MOST:
        raise CubefocusError(f"--number is {arguments.number}; give one from 1 to {MOST}")
    check_seed(arguments.seed)
    if arguments.purity is not None and not 0.0 < arguments.purity < 1.0:
        raise CubefocusError(f"--purity is {arguments.purity:g}; give a share between 0 and 1, such as {PURITY:g}")
    from cubefocus.files import refuse_missing

    refuse_missing(arguments.psf, arguments.pb)
    from cubefocus.cli import inject_files  # takes seconds

    inject_files.inject_file(
        arguments.cube, arguments.output, psf=arguments.psf, pb=arguments.pb, purity=arguments.purity,
        rest_frequency_ghz=arguments.rest_frequency, number=arguments.number, seed=arguments.seed,
        device=arguments.device, overwrite=arguments.overwrite,
    )  # fmt: skip
    return 0
