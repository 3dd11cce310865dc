"""``cubefocus detect``: catalogue, regions and pictures of a user's cubes.

The work is in `cubefocus.cli.detect_files`: what it imports takes seconds, and the help and a wrong option do without.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from cubefocus.cli.options import output_path
from cubefocus.errors import CubefocusError, limit_wanted
from cubefocus.specs import PROPOSERS

PURITY = 0.95  # as `cubefocus.settings.SearchSettings`, which takes a second to import
MEMORY = 4.0  # GB, as there
LEAST_MEMORY = 1.0  # GB
HIGHEST_GHZ = 1e4  # no line that an interferometer observes is higher
UNITS = ((1e9, "Hz", 1e9), (1e6, "kHz", 1e6), (HIGHEST_GHZ, "MHz", 1e3))  # above which number, in what it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Find and characterise the sources in cubes. Alone with a cube it searches for what stands out of the noise "
        "behind the restoring beam of the header, and weighs it against what is found in the cube times -1; with --psf "
        "it fits the sources of a dirty cube through its dirty beam. With --models the networks of a run search dirty "
        "cubes like those that they were trained on."
    )
    parser.epilog = "Example: cubefocus detect cube.fits -o found"
    parser.add_argument("cubes", nargs="+", type=Path, metavar="CUBE.fits",
                        help="cubes or images, FITS, restored or dirty, in Jy/beam")  # fmt: skip
    parser.add_argument("--models", type=Path, metavar="BUNDLE",
                        help="networks of a run with their settings, such as results/demo/bundle, or the name of a "
                        "bundle that cubefocus models list shows")  # fmt: skip
    parser.add_argument("--psf", type=Path, metavar="PSF.fits",
                        help="dirty beam of the cubes: all sources are fitted together through it")  # fmt: skip
    parser.add_argument("--restored", action="store_true",
                        help="with --models: the cubes were cleaned, and all sources are fitted together behind the "
                        "restoring beam of their headers; without --models and --psf it is the default")  # fmt: skip
    parser.add_argument("--pb", type=Path, metavar="PB.fits",
                        help="primary beam of the cubes, if they have not been divided by it")  # fmt: skip
    parser.add_argument("--purity", type=float, metavar="SHARE",
                        help="without --models and --psf: share of the sources that are to be true (default: "
                        f"{PURITY:g})")  # fmt: skip
    parser.add_argument("--proposals", metavar="NAMES",
                        help="without --models and --psf: what finds candidates, of "
                        f"{', '.join(PROPOSERS)}, separated by commas: a bank of templates, the network that is "
                        "shipped, or both")  # fmt: skip
    parser.add_argument(
        "-o", "--output", required=True, type=output_path, help="folder for catalogue, regions and pictures"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier search left in the folder")
    parser.add_argument("--no-pictures", action="store_true",
                        help="without --models: no PNG files and pages, which take longer than the search")  # fmt: skip
    parser.add_argument("--memory", type=float, metavar="GB",
                        help="without --models: what the search may take; a restored cube that needs more is searched "
                        f"in parts, on which the catalogue does not depend (default: {MEMORY:g})")  # fmt: skip
    parser.add_argument("--settings", type=Path, metavar="FILE.yaml",
                        help="a config, or its section detection: keys that replace those of the bundle")  # fmt: skip
    parser.add_argument("--rest-frequency", type=float, metavar="GHZ",
                        help="of the line (default: that of the bundle, else RESTFRQ of each cube)")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: the GPU where there is one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search all cubes, one after the other, and write one catalogue of them.

    Raises
    ------
    CubefocusError
        If an option, the bundle or the output folder cannot be used, or a cube could not be searched; what the other
        cubes hold has been written then.
    """
    rest = arguments.rest_frequency
    if rest is not None:
        check_rest_frequency(rest)
    if arguments.psf is not None and arguments.restored:
        raise CubefocusError(
            "--psf is the beam of a dirty cube, --restored says that the cubes were cleaned; give one of them"
        )
    if arguments.models is None:
        return _without_networks(arguments)
    if arguments.purity is not None:
        raise CubefocusError("--purity is for a search without networks; leave out --models, or change --settings")
    if arguments.memory is not None:
        raise CubefocusError("--memory is for a search without networks; leave it out, or --models")
    if arguments.proposals is not None:
        raise CubefocusError("--proposals is for a search without networks of a run; leave it out, or --models")
    if arguments.no_pictures:
        raise CubefocusError("--no-pictures is for a search without networks; leave it out, or --models")
    if arguments.pb is not None and arguments.psf is None and not arguments.restored:
        raise CubefocusError(
            "--pb is the primary beam for the fit, which needs the dirty beam too; add --psf, or for cleaned cubes "
            "--restored"
        )
    from cubefocus.files import refuse_missing

    refuse_missing(arguments.psf, arguments.pb)
    from cubefocus.cli import detect_files  # takes seconds, as it imports numpy, astropy and torch
    from cubefocus.search import instruments

    overrides = detect_files.read_settings(arguments.settings)
    if rest is not None:
        overrides["rest_frequency_ghz"] = rest
    bundle = detect_files.load_bundle(arguments.models, overrides)
    instrument = instruments.instrument_of(arguments.psf, arguments.pb, arguments.restored)
    detect_files.search(
        bundle, arguments.cubes, arguments.output, arguments.device, arguments.overwrite, instrument=instrument
    )
    return 0


def _without_networks(arguments: argparse.Namespace) -> int:
    """Search with the beam alone."""
    if arguments.settings is not None:
        raise CubefocusError("--settings replaces settings of a bundle; add --models")
    if arguments.purity is not None and arguments.psf is not None:
        raise CubefocusError("--purity is for restored cubes; leave it out, or --psf")
    if arguments.purity is not None and not 0.0 < arguments.purity < 1.0:
        raise CubefocusError(f"--purity is {arguments.purity:g}; give a share between 0 and 1, such as {PURITY:g}")
    check_memory(arguments.memory, "--memory")
    if arguments.proposals is not None and arguments.psf is not None:
        raise CubefocusError("--proposals is for restored cubes; leave it out, or --psf")
    proposals = None if arguments.proposals is None else proposals_of(arguments.proposals)
    from cubefocus.files import refuse_missing

    refuse_missing(arguments.psf, arguments.pb)
    from cubefocus.cli import search_files  # takes seconds

    method = search_files.method_of(
        arguments.psf,
        arguments.pb,
        arguments.purity,
        arguments.rest_frequency,
        arguments.device,
        arguments.memory,
        proposals,
    )
    search_files.search(arguments.cubes, arguments.output, method, arguments.overwrite, not arguments.no_pictures)
    return 0


def check_memory(value: float | None, name: str) -> None:
    """Refuse what no search can do with.

    Raises
    ------
    CubefocusError
    """
    if value is not None and not (math.isfinite(value) and value > LEAST_MEMORY):
        raise CubefocusError(
            f"{name} is {value:g}; give GB, more than the {LEAST_MEMORY:g} that the program takes without a cube"
        )


def proposals_of(text: str) -> list[str]:
    """Names of proposers, separated by commas.

    Raises
    ------
    CubefocusError
        If one is unknown or stands twice.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PROPOSERS:
            raise CubefocusError(f"--proposals has '{name}': {limit_wanted('enum', [*PROPOSERS])}, separated by commas")
    if len(set(names)) < len(names):
        raise CubefocusError(f"--proposals is {text}: give each of them once")
    return names


def check_rest_frequency(value: float) -> None:
    """Refuse what is no frequency in GHz.

    Raises
    ------
    CubefocusError
        With the value in GHz, where it looks as if it were in another unit.
    """
    if not (math.isfinite(value) and value > 0):
        raise CubefocusError(f"--rest-frequency is {value:g}; give the line's, in GHz, such as 230.538")
    if value > HIGHEST_GHZ:
        unit, scale = next((unit, scale) for least, unit, scale in UNITS if value > least)
        raise CubefocusError(
            f"--rest-frequency is {value:.10g}, above {HIGHEST_GHZ:g} GHz; give it in GHz, {value / scale:.10g} if "
            f"this is in {unit}"
        )
