"""``cubefocus resolve``: image the user's own visibilities, with errors.

What it imports takes seconds: the help and a wrong option do without.
"""

from __future__ import annotations

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubefocus.cli.options import check_seed, output_path
from cubefocus.errors import CubefocusError, kind_wanted, shown, unknown_key

if TYPE_CHECKING:
    from cubefocus.resolve.posterior import Posterior
    from cubefocus.resolve.visibilities import Visibilities
    from cubefocus.settings import InferenceSettings, PriorSettings

logger = logging.getLogger(__name__)

STORED = ".h5"  # visibilities that cubefocus has stored
GRID = ("size", "cell", "windows", "field")  # options of a Measurement Set alone
SMALLEST = 32  # pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Infer the sky of one field from calibrated visibilities (RESOLVE): samples of its posterior, with mean, "
        "standard deviation, power spectrum and sources, for a log-normal sky whose power spectrum is learned with it. "
        "Each round is logged with its energy; the same command goes on where it was stopped. It ends with 0 where the "
        "inference has not converged, too, and says so in its last line, rounds.ecsv and the header of each image."
    )
    parser.epilog = "Example: cubefocus resolve user.ms -o imaged --size 512 --cell 0.1"
    parser.add_argument("visibilities", type=Path, metavar="VISIBILITIES.ms",
                        help="calibrated Measurement Set, or visibilities that cubefocus has stored (.h5)")  # fmt: skip
    parser.add_argument("-o", "--output", required=True, type=output_path, metavar="DIR", help="folder to write")
    _add_grid(parser.add_argument_group("Measurement Set"))
    chosen = parser.add_argument_group("inference (defaults: those of the settings)")
    chosen.add_argument("--settings", type=Path, metavar="FILE.yaml",
                        help="sections prior and inference, as in a config of the study eso")  # fmt: skip
    chosen.add_argument("--rounds", type=int, metavar="N", help="rounds: inference.rounds")
    chosen.add_argument("--threads", type=int, metavar="N", help="threads of the gridder: inference.threads")
    chosen.add_argument("--signed", action="store_true", help="the sky may be negative: prior.signed")
    chosen.add_argument("--points", action="store_true", help="point sources beside the extended sky: prior.points")
    chosen.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is drawn (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="begin anew in a folder of other settings or data")
    parser.set_defaults(run=run)


def _add_grid(group: Any) -> None:
    group.add_argument("--size", type=int, metavar="N", help="side of the image in pixels, even; it should cover the "
                       "primary beam as far as there are sources")  # fmt: skip
    group.add_argument("--cell", type=float, metavar="ARCSEC",
                       help="size of a pixel: about a fifth of the wavelength over the longest baseline")  # fmt: skip
    group.add_argument("--windows", metavar="0,1", help="numbers of spectral windows, together one continuum image "
                       "with a spectral index (default: all)")  # fmt: skip
    group.add_argument("--field", type=int, metavar="N", help="number of the field (default: 0)")


def run(arguments: argparse.Namespace) -> None:
    """Image visibilities.

    Raises
    ------
    CubefocusError
        If an option, the settings, the visibilities or the folder cannot be used, or JAX or NIFTy are not installed.
    """
    started = time.monotonic()
    _check(arguments)
    prior, inference = read_settings(arguments)
    from cubefocus.resolve.optional import refuse_without_inference

    refuse_without_inference()
    visibilities = _read(arguments)
    _check_cell(visibilities, arguments.visibilities)
    posterior, sources = _image(arguments, visibilities, prior, inference)
    logger.info("%s: %d sources, in %.0f s", arguments.output, sources, time.monotonic() - started)
    logger.info("%s: %s", arguments.output, posterior.facts["verdict"])


def _image(
    arguments: argparse.Namespace, visibilities: Visibilities, prior: PriorSettings, inference: InferenceSettings
) -> tuple[Posterior, int]:
    """Posterior and number of sources, after everything is written."""
    from cubefocus.provenance import provenance
    from cubefocus.resolve.infer import infer  # JAX
    from cubefocus.resolve.products import write_all
    from cubefocus.resolve.record import POSTERIOR, STATE, open_folder

    folder = arguments.output
    record = {
        "prior": prior.to_dict(),
        "inference": inference.to_dict(),
        "seed": arguments.seed,
        "visibilities": visibilities.digest(),
    }
    if open_folder(folder, record, arguments.force):
        logger.info("%s: the same settings and data; going on where it was stopped", folder)
    posterior = infer(visibilities, prior, inference, seed=arguments.seed, state=folder / STATE)
    posterior.save(folder / POSTERIOR)
    facts = provenance(**record, source=arguments.visibilities.name)
    return posterior, len(write_all(folder, visibilities, posterior, facts))


def read_settings(arguments: argparse.Namespace) -> tuple[PriorSettings, InferenceSettings]:
    """Sections of the settings file, with what options say in their place.

    Raises
    ------
    CubefocusError
        If the file or a value cannot be used.
    """
    from cubefocus.files import read_yaml
    from cubefocus.settings import InferenceSettings, PriorSettings

    kinds: dict[str, Any] = {"prior": PriorSettings, "inference": InferenceSettings}
    path = arguments.settings
    given = {} if path is None else read_yaml(path) or {}
    if not isinstance(given, dict):
        raise CubefocusError(f"{path}: holds {shown(given)}: {kind_wanted(given, ['object'])}")
    for key in given:
        if key not in kinds:
            raise CubefocusError(f"{path}: {unknown_key(str(key), str(key), list(kinds))}")
    try:
        prior, inference = (kind.from_mapping(given.get(name)) for name, kind in kinds.items())
    except CubefocusError as error:
        raise CubefocusError(f"{path}: {error}") from error
    counts = {name: getattr(arguments, name) for name in ("rounds", "threads") if getattr(arguments, name) is not None}
    flags = {name: True for name in ("signed", "points") if getattr(arguments, name)}
    return replace(prior, **flags), replace(inference, **counts)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that cannot be used, before anything is read."""
    path = arguments.visibilities
    check_seed(arguments.seed)
    if not path.exists():
        raise CubefocusError(f"{path}: no such file or folder; check the path")
    given = [f"--{name}" for name in GRID if getattr(arguments, name) is not None]
    if path.suffix == STORED:
        if given:
            raise CubefocusError(f"{path}: has its own grid, windows and field; leave out {', '.join(given)}")
        return
    if not path.is_dir():
        raise CubefocusError(f"{path}: is no Measurement Set, which is a folder, and no {STORED} file of cubefocus")
    missing = [f"--{name}" for name in ("size", "cell") if getattr(arguments, name) is None]
    if missing:
        raise CubefocusError(
            f"{path}: add {' and '.join(missing)}: a pixel is about a fifth of the wavelength over the longest "
            "baseline, and the image covers the primary beam"
        )
    if arguments.size < SMALLEST or arguments.size % 2:
        raise CubefocusError(f"--size is {arguments.size}; give an even number of pixels, {SMALLEST} or more")
    if not 0 < arguments.cell < float("inf"):
        raise CubefocusError(f"--cell is {arguments.cell:g}; give a number above 0, in arcsec")
    if (arguments.field or 0) < 0:
        raise CubefocusError(f"--field is {arguments.field}; give its number, 0 or more")


def windows_of(text: str | None) -> tuple[int, ...]:
    """Numbers of spectral windows; none: all of them.

    Raises
    ------
    CubefocusError
        If they are no numbers, or one stands twice.
    """
    if text is None:
        return ()
    numbers = text.split(",")
    if not all(one.strip().isdecimal() for one in numbers) or len({int(one) for one in numbers}) < len(numbers):
        raise CubefocusError(f"--windows is {shown(text)}; give numbers such as 0,1, each once")
    return tuple(int(one) for one in numbers)


def _read(arguments: argparse.Namespace) -> Visibilities:
    from cubefocus.resolve.visibilities import Visibilities

    if arguments.visibilities.suffix == STORED:
        return Visibilities.load(arguments.visibilities)
    from cubefocus.engines.imaging import read_measurement_set

    return read_measurement_set(
        arguments.visibilities,
        arguments.size,
        arguments.cell,
        windows=windows_of(arguments.windows),
        field_id=arguments.field or 0,
    )


def _check_cell(visibilities: Visibilities, path: Path) -> None:
    """Refuse pixels that are wider than half a turn of the longest baseline: what it sees would be folded back."""
    from cubefocus.resolve.visibilities import resolution_arcsec

    most = 0.5 * resolution_arcsec(visibilities)
    if visibilities.cell_arcsec > most:
        raise CubefocusError(
            f"{path}: a pixel of {visibilities.cell_arcsec:g} arcsec is too wide for its longest baseline; at most "
            f"{most:.3g} arcsec can be used, and {0.4 * most:.2g} are good"
        )
