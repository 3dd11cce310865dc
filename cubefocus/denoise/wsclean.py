"""Clean images by WSClean (Offringa et al. 2014, MNRAS 444, 606; multiscale: Offringa & Smirnov 2017, MNRAS 471, 301).

The program runs in a scratch folder of its own, on a Measurement Set that is written there; it is under the GPL and
stands in Debian and Ubuntu as the package wsclean. The primary beam is our own: that package has none of LOFAR.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from cubefocus.denoise.gridder import beam_of
from cubefocus.denoise.images import BEAM_ARCSEC, RMS_JY_BEAM, Imaging, observed, per_arcsec2
from cubefocus.denoise.measurement_set import write_measurement_set
from cubefocus.engines.casa import environment
from cubefocus.errors import CubefocusError
from cubefocus.files import NO_SPACE, make_folder
from cubefocus.specs import WSCLEAN

logger = logging.getLogger(__name__)

NAME = "image"  # what its files begin with
LOG_LINES = 5  # of the end of its log, in an error


@dataclass(frozen=True)
class Clean:
    """How deep and with what beam WSClean cleans.

    Attributes
    ----------
    iterations : int
        At most; with 0 the clean image is the dirty one.
    major_gain : float
        Part of the peak that is removed before the model is subtracted from the visibilities (``-mgain``).
    auto_threshold : float
        Where it stops, in noise levels of the residual.
    beam_arcsec : float
        FWHM of the round beam that the model is restored with.
    multiscale : bool
        Plain clean is faster by far, and wrong on what is faint and extended.
    """

    iterations: int = 20_000
    major_gain: float = 0.8
    auto_threshold: float = 3.0
    beam_arcsec: float = BEAM_ARCSEC
    multiscale: bool = True


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What WSClean makes of visibilities; images are float32 of shape (y, x).

    Attributes
    ----------
    clean, dirty : ndarray
        Jy/beam and not corrected for the primary beam from `clean`, Jy/arcsec^2 and corrected from `clean_images`.
    psf : ndarray
        Dirty beam.
    """

    clean: np.ndarray
    dirty: np.ndarray
    psf: np.ndarray


def available() -> bool:
    """Whether the program is on PATH."""
    return shutil.which(WSCLEAN) is not None


def program() -> str:
    """Path of the program.

    Raises
    ------
    CubefocusError
        If it is not on PATH; the message says how to get it, or to do without.
    """
    found = shutil.which(WSCLEAN)
    if found is None:
        raise CubefocusError(
            f"WSClean is not there: no program {WSCLEAN!r} on PATH; install it (apt-get install wsclean), or go "
            "without clean images ('datasets' without 'clean')"
        )
    return found


def clean_images(
    sky: np.ndarray,
    imaging: Imaging,
    seed: int,
    rms_jy_beam: float = RMS_JY_BEAM,
    options: Clean = Clean(),
    scratch: str | Path | None = None,
) -> Cleaned:
    """Observe a sky and clean it: the datasets Clean and Dirty.

    Parameters
    ----------
    sky, imaging, seed, rms_jy_beam
        As for `cubefocus.denoise.images.observed`.
    options : Clean
    scratch : path, optional
        Where the scratch folder is made, of about 100 MB; the system's folder for temporary files if not given.

    Returns
    -------
    Cleaned
        Jy/arcsec^2: the clean image by the area of the beam that it is restored with, the dirty image by that of a
        Gaussian fit of the dirty beam.

    Raises
    ------
    CubefocusError
        If the sky or the rms cannot be used, or `clean` refuses.
    """
    made = clean(observed(sky, imaging, seed, rms_jy_beam), imaging, options, scratch)
    return Cleaned(
        per_arcsec2(made.clean, imaging, (options.beam_arcsec, options.beam_arcsec)),
        per_arcsec2(made.dirty, imaging, beam_of(made.psf, imaging.cell_arcsec)),
        made.psf,
    )


def clean(
    visibilities: np.ndarray,
    imaging: Imaging,
    options: Clean = Clean(),
    scratch: str | Path | None = None,
) -> Cleaned:
    """Image visibilities with WSClean on one thread.

    Parameters
    ----------
    visibilities : ndarray, shape (row,)
        Jy.
    imaging : Imaging
        Its grid and robustness; WSClean finds the weights itself.
    options : Clean
    scratch : path, optional
        As for `clean_images`.

    Returns
    -------
    Cleaned
        Jy/beam, not corrected for the primary beam.

    Raises
    ------
    CubefocusError
        If WSClean or CASA is not installed, or fails; the message has the end of its log.
    """
    command = [program(), *arguments(imaging, options), "track.ms"]
    place = make_folder(scratch or tempfile.gettempdir(), "name another place for scratch files (TMPDIR)")
    try:
        return _clean(command, visibilities, imaging, place)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise CubefocusError(f"{place}: the disk is full; make room, or name another place (TMPDIR)") from error
        raise


def _clean(command: list[str], visibilities: np.ndarray, imaging: Imaging, place: Path) -> Cleaned:
    with tempfile.TemporaryDirectory(prefix="cubefocus-wsclean-", dir=place) as folder:
        work = Path(folder)
        write_measurement_set(work / "track.ms", visibilities, imaging.tracks)
        said = _run(command, work)
        return Cleaned(*(_read(work / f"{NAME}-{kind}.fits", imaging.size, said) for kind in ("image", "dirty", "psf")))


def arguments(imaging: Imaging, options: Clean) -> list[str]:
    """Arguments of WSClean, without the Measurement Set."""
    values = (
        "-j", 1, "-use-wgridder", "-no-update-model-required", "-make-psf",
        "-name", NAME, "-pol", "I", "-data-column", "DATA",
        "-size", imaging.size, imaging.size, "-scale", f"{imaging.cell_arcsec!r}asec",
        "-weight", "briggs", imaging.robust, "-niter", options.iterations, "-mgain", options.major_gain,
        "-auto-threshold", options.auto_threshold, "-beam-size", options.beam_arcsec,
        *(("-multiscale",) if options.multiscale else ()),
    )  # fmt: skip
    return [str(value) for value in values]


def _run(command: list[str], folder: Path) -> str:
    """Run it in a folder and return what it prints."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    logger.debug("%s", ran.stdout)
    if ran.returncode != 0:
        code = ran.returncode
        how = f"was stopped by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        raise CubefocusError(f"WSClean {how}; the end of its log: {_end(ran.stdout)}")
    return ran.stdout


def _end(log: str) -> str:
    """Last lines of a log on one line, without its frames."""
    lines = [line.strip(" +\t") for line in log.splitlines()]
    return " | ".join([line for line in lines if line][-LOG_LINES:]) or "it is empty"


def _read(path: Path, size: int, log: str) -> np.ndarray:
    if not path.is_file():
        raise CubefocusError(f"WSClean left no {path.name}; the end of its log: {_end(log)}")
    image = np.squeeze(fits.getdata(path)).astype(np.float32)
    if image.shape != (size, size) or not np.isfinite(image).all():
        raise CubefocusError(
            f"WSClean's {path.name} has the shape {image.shape} and {np.count_nonzero(~np.isfinite(image))} pixels "
            f"that are no numbers; the end of its log: {_end(log)}"
        )
    return image
