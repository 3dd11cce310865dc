"""``cubefocus denoise``: remove noise and beams from an image, and tell where it has diffuse emission.

The work is in `cubefocus.denoise.apply`: what it imports takes seconds, and the help and a wrong option do without.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from cubefocus.cli.options import output_path
from cubefocus.errors import CubefocusError
from cubefocus.specs import KINDS

logger = logging.getLogger(__name__)

SHIPPED = "lofar"  # bundle of the package


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = (
        "Denoise a continuum image of any size, in Jy/arcsec2 or Jy/beam, with a network that was trained on images "
        "like it. The image is read and written in parts, so that memory does not grow with it; the result has its "
        "header and its unit, and is the same whatever the number of ranks."
    )
    parser.epilog = "Example: cubefocus denoise image.fits -o cleaned.fits --probability emission.fits"
    parser.add_argument("image", type=Path, metavar="IMAGE.fits")
    parser.add_argument(
        "-o", "--output", required=True, type=output_path, metavar="CLEANED.fits", help="image to write"
    )
    parser.add_argument("--model", type=Path, metavar="FILE",
                        help="trained network: a checkpoint (.pt), a bundle, or the name of one that cubefocus models "
                        f"list shows (default: {SHIPPED}, where it comes with the package)")  # fmt: skip
    parser.add_argument("--kind", choices=KINDS,
                        help="what the image is, as a bundle has a network for each: the sky with noise alone, a dirty "
                        "or a clean image (default: clean, or the first of these that the bundle has; the log says "
                        "which)")  # fmt: skip
    parser.add_argument("--probability", type=Path, metavar="FILE.fits",
                        help="write the probability of diffuse emission, too; of a residual network")  # fmt: skip
    parser.add_argument("--ranks", type=int, default=1, metavar="N",
                        help="MPI ranks that share the work; the first one hands it out (default: none)")  # fmt: skip
    parser.add_argument("--launcher", default="mpiexec", metavar="COMMAND",
                        help="what starts them, such as 'srun --mpi=pmix' (default: %(default)s)")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: the GPU where there is one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Denoise an image.

    Raises
    ------
    CubefocusError
        If an option, the network, the image or an output cannot be used.
    """
    if arguments.ranks < 1:
        raise CubefocusError(f"--ranks is {arguments.ranks}; give a whole number, 1 or more")
    from cubefocus.files import refuse_missing

    refuse_missing(arguments.image)
    model = arguments.model or shipped_model()
    from cubefocus.denoise.apply import denoise_image  # takes seconds, as it imports numpy, astropy and torch
    from cubefocus.denoise.network import Denoiser

    started = time.monotonic()
    denoise_image(
        Denoiser.load(model, arguments.device, arguments.kind),
        arguments.image,
        arguments.output,
        probability=arguments.probability,
        ranks=arguments.ranks,
        launcher=arguments.launcher,
        force=arguments.force,
    )
    logger.info("%s: made with %s in %.1f s", arguments.output, model, time.monotonic() - started)


def shipped_model() -> Path:
    """The denoiser that comes with the package.

    Raises
    ------
    CubefocusError
        If there is none.
    """
    from cubefocus.learn.shipped import shipped

    known = shipped()
    if SHIPPED not in known:
        raise CubefocusError(
            "no denoiser comes with this version of the package; add --model with a network that you trained"
        )
    return known[SHIPPED]
