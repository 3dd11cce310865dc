"""Observe a sky with CASA: simobserve and tclean, each cube in a process and a scratch directory of its own."""

from __future__ import annotations

import difflib
import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from cubefocus.cube.beams import with_beam
from cubefocus.cube.cube import Cube
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation, in_j2000

logger = logging.getLogger(__name__)

LARGEST_SEED = 2**31 - 1
# Nothing here may reach the network, a log in the user's home, or the terminal.
SITE_CONFIG = """\
import casadata
measurespath = casadata.datapath
datapath = [casadata.datapath]
measures_auto_update = data_auto_update = False
telemetry_enabled = crashreporter_enabled = False
nologger = nogui = agg = True
log2term = False
cachedir = {scratch!r}
logfile = {log!r}
"""
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
LAUNCHERS = ("OMPI_", "PMIX_", "PMI_", "PMI2_", "PRTE_", "HYDI_", "MPI_LOCAL")  # what MPI's launchers tell their ranks
# What CASA logs as SEVERE in runs that are as they should be, by the function that says it, and why it is harmless.
# Its tasks go on after most of what is SEVERE, and end as if nothing were amiss.
HARMLESS = {
    "MeasTable::dUTC": "leap seconds may be younger than casadata, which shifts prediction and image alike by a second",
}
TOLD_TWICE = ("Task ", "Exception Reported")  # of an exception that ends the job, and is told as such
NO_BEAM = re.compile(r"does not have a beam for ([\w-]+)")


class CasaError(CubefocusError):
    """CASA failed on one or more cubes; the message names them and their logs."""


def observe(
    sky: Cube | np.ndarray,
    observation: Observation,
    noise: str = "none",
    seed: int = 1,
    log: str | Path = "casa.log",
    scratch: str | Path | None = None,
    *,
    name: str = "the cube",
    visibilities: str | Path | None = None,
    keep_ms: str | Path | None = None,
) -> Cube:
    """Simulate an interferometric observation of a sky and return its dirty cube (MNRAS Table 2).

    The whole simulation runs in a process of its own with one thread, so several can run beside each other.

    Parameters
    ----------
    sky : Cube or ndarray, shape (channel, y, x)
        Jy/pixel. Pixel (y // 2, x // 2) is at the phase centre and channel ``channel // 2`` at
        `observation.frequency_ghz`; the size is taken from here, the rest of the grid from `observation`.
    observation : Observation
    noise : {"none", "thermal"}
        ``thermal`` is simobserve's ``tsys-atm``.
    seed : int
        Seed of the thermal noise, 0 to 2147483647: the same seed gives the same cube, bit for bit.
    log : path
        Receives all that CASA says; added to when it exists.
    scratch : path, optional
        Where the scratch directory is made (the system's temporary directory if not given). It is removed
        whatever happens.
    name : str
        What error messages call this cube.
    visibilities : path, optional
        Numpy archive to write with ``visibilities`` (row, channel; complex64, Jy, Stokes I), ``flags`` (row,
        channel), ``uvw_m`` (row, 3), ``frequencies_hz``, ``time_s``, ``antenna1``, ``antenna2``. With u, v in
        wavelengths, l to the east and m to the north, a point source of flux S has the visibility
        S exp(2 pi i (u l + v m)).
    keep_ms : path, optional
        Where to leave the Measurement Set; must not exist.

    Returns
    -------
    Cube
        Jy/beam; NaN where the primary beam is below `observation.pblimit`. BMAJ, BMIN, BPA are the beam of the
        channel whose beam area is the median one (the beam shrinks as the frequency grows).

    Raises
    ------
    CubefocusError
        If the sky, the array, the noise, the seed or the place for the scratch cannot be used, or CASA is not
        installed.
    CasaError
        If CASA fails; the message names the cube and the log.
    """
    shape, log = check_request(sky, noise, seed, name), Path(log).absolute()
    for target in (target for target in (visibilities, keep_ms) if target is not None):
        if Path(target).exists():
            raise CubefocusError(f"{target}: exists already; name another file or remove it")
        Path(target).absolute().parent.mkdir(parents=True, exist_ok=True)
    array_file, in_casa = antenna_file(observation.array), in_j2000(observation)
    check_space(observation, shape, array_file, noise, scratch)
    job = job_values(in_casa, shape) | {
        "array_file": str(array_file),
        "noise": noise,
        "seed": int(seed),
        "visibilities": None if visibilities is None else str(Path(visibilities).absolute()),
        "keep_ms": None if keep_ms is None else str(Path(keep_ms).absolute()),
    }
    data = sky.data if isinstance(sky, Cube) else sky
    with run_casa(job, data, in_casa, log, scratch, name) as (work, result):
        dirty = read_cube(work / "dirty.fits", own=True)
    if (noise == "thermal" or np.any(data)) and not np.nan_to_num(dirty.data).any():
        raise CasaError(f"{name}: CASA failed: its dirty cube is all zero, and the sky is not; see {log}")
    logger.debug("%s: %s", name, result["seconds"])
    return Cube(dirty.data, _header(dirty, observation, shape, result["beams"], name, log))


@contextmanager
def run_casa(
    job: Mapping[str, Any],
    sky: np.ndarray,
    observation: Observation,
    log: Path,
    scratch: str | Path | None,
    name: str,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Run CASA in a process and a scratch directory of its own, and give that directory and ``result.json``.

    The directory is removed when the block ends, however it ends.

    Parameters
    ----------
    job : mapping
        What ``casa_job.py`` is to do, as `job_values` begins it.
    sky : ndarray, shape (channel, y, x)
        Jy/pixel.
    observation : Observation
        With its direction in J2000 (`in_j2000`).
    log, scratch, name
        As for `observe`.

    Raises
    ------
    CasaError
        If CASA fails.
    """
    images = {
        "sky": (np.asarray(sky, dtype=np.float32), observation.header((sky.shape[0], sky.shape[1], sky.shape[2])))
    }
    with run_job({**job, "empty": not np.any(images["sky"][0])}, images, log, scratch, name) as ran:
        yield ran


@contextmanager
def run_job(
    job: Mapping[str, Any],
    images: Mapping[str, tuple[np.ndarray, fits.Header]],
    log: Path,
    scratch: str | Path | None,
    name: str,
    program: str = "casa_job.py",
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Run ``casa_job.py``, or another program beside this module, on images that are written to ``<name>.fits`` first.

    The rest is as for `run_casa`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cubefocus-", dir=scratch) as folder:
        work = Path(folder)
        (work / "job.json").write_text(json.dumps({**job, "parent": os.getpid(), "scratch": str(work)}))
        for image, (data, header) in images.items():
            fits.PrimaryHDU(data, header).writeto(work / f"{image}.fits")
        yield work, _run(work, log, name, program)


def require_casa() -> None:
    """Refuse to go on without CASA, in one line instead of a traceback from its process."""
    for package in ("casatasks", "casatools", "casadata", "six"):
        if importlib.util.find_spec(package) is None:
            raise CubefocusError(f"CASA needs {package}: pip install 'cubefocus[casa]'")


def antenna_file(array: str) -> Path:
    """Path of an antenna configuration: a file, or the name of one of casadata's.

    Raises
    ------
    CubefocusError
        If there is none, with the names that come close, or if CASA is not installed.
    """
    require_casa()
    if Path(array).suffix == ".cfg" and Path(array).is_file():
        return Path(array).absolute()
    import casadata

    folder = Path(casadata.datapath) / "alma" / "simmos"
    path = folder / f"{array.removesuffix('.cfg')}.cfg"
    if path.is_file():
        return path
    names = sorted(known.stem for known in folder.glob("*.cfg"))
    close = difflib.get_close_matches(array, names, n=5, cutoff=0.5) or names[:5]
    raise CubefocusError(
        f"array '{array}' is not known; name a .cfg file or a configuration of casadata such as {', '.join(close)}"
    )


def check_request(sky: Cube | np.ndarray, noise: str, seed: int, name: str) -> tuple[int, int, int]:
    """Shape of a sky that can be observed with this noise and seed, whatever the engine.

    Raises
    ------
    CubefocusError
        If the sky is not a finite cube, the noise is not known or the seed is out of range.
    """
    data = sky.data if isinstance(sky, Cube) else sky
    if data.ndim != 3 or min(data.shape) < 1:
        raise CubefocusError(f"{name}: the sky has the shape {data.shape}; it must be (channel, y, x)")
    if not np.isfinite(data).all():
        raise CubefocusError(f"{name}: the sky holds NaN or infinite values; replace them, by 0 where it is empty")
    if noise not in ("none", "thermal"):
        raise CubefocusError(f"noise is '{noise}'; it must be none or thermal")
    if not 0 <= seed <= LARGEST_SEED:
        raise CubefocusError(f"the noise seed is {seed}; it must be between 0 and {LARGEST_SEED}")
    return data.shape[0], data.shape[1], data.shape[2]


def check_space(
    observation: Observation, shape: tuple[int, ...], array_file: Path, noise: str, scratch: str | Path | None
) -> None:
    """Refuse to start where the Measurement Sets cannot fit: CASA itself would stop midway with a table error."""
    lines = array_file.read_text().splitlines()
    n_antennas = sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))
    rows = n_antennas * (n_antennas - 1) / 2 * observation.total_time_s / observation.integration_s
    # three columns (data, model, corrected) of 8 bytes for two correlations, with the padding of their tiles;
    # two sets with thermal noise; about ten images
    needed = rows * shape[0] * 2 * 8 * 3 * 1.55 * (2 if noise == "thermal" else 1) + 40 * float(np.prod(shape))
    place = Path(scratch or tempfile.gettempdir())
    if not place.is_dir():
        raise CubefocusError(f"{place}: no such directory for scratch files; make it or name another")
    free = shutil.disk_usage(place).free
    if free < needed:
        raise CubefocusError(
            f"{place}: {free / 1e9:.1f} GB free, but CASA needs about {needed / 1e9:.1f} GB of scratch files; "
            "name another place (--scratch or TMPDIR), or a longer integration or fewer channels"
        )


def job_values(observation: Observation, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Plain values for `casa_job`, on the grid of the sky."""
    header = observation.header(shape)
    return {
        "direction": observation.direction,
        "integration_s": observation.integration_s,
        "total_time_s": observation.total_time_s,
        "hour_angle": f"{observation.hour_angle_h!r}h",
        "pwv_mm": observation.pwv_mm,
        "pblimit": observation.pblimit,
        "cell_arcsec": observation.cell_arcsec,
        "image_size": [shape[2], shape[1]],
        "n_channels": shape[0],
        "start_hz": header["CRVAL3"] - shape[0] // 2 * header["CDELT3"],
        "width_hz": header["CDELT3"],
    }


def environment(**more: str) -> dict[str, str]:
    """Environment of a program that is one process of one thread, with some variables more.

    tclean begins MPI. In a process that a rank started it would join the ranks, who know nothing of it, and wait for
    ever: so nothing is left of what a launcher told them.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    return own | ONE_THREAD | more


def _run(work: Path, log: Path, name: str, file: str) -> dict[str, Any]:
    """Run a program in ``work``; its output and CASA's log go to ``log``."""
    config = work / "casasite.py"
    config.write_text(SITE_CONFIG.format(scratch=str(work), log=str(work / "casa.log")))
    # tracebacks through task calls are unreadable with their carets
    own = environment(CASASITECONFIG=str(config), MPLBACKEND="Agg", PYTHONNODEBUGRANGES="1")
    program = [sys.executable, "-P", str(Path(__file__).with_name(file)), "--noconfig", "job.json"]
    try:
        with open(work / "output.log", "wb") as output:
            done = subprocess.run(
                program, cwd=work, env=own, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
    finally:
        with open(log, "ab") as whole:
            for part in (work / "casa.log", work / "output.log"):
                if part.is_file():
                    whole.write(part.read_bytes())
    wrong = _complaints(work / "casa.log")
    if done.returncode != 0 or not (work / "result.json").is_file():
        wrong.append(_reason(work, done.returncode))
    if wrong:
        raise CasaError(f"{name}: CASA failed: {'; '.join(wrong)}; see {log}")
    return json.loads((work / "result.json").read_text())


def _complaints(log: Path) -> list[str]:
    """What CASA logged as SEVERE and is not `HARMLESS`, each once; what follows from it can look like a good cube."""
    found: dict[str, None] = {}
    text = log.read_text(errors="replace") if log.is_file() else ""
    for line in text.splitlines():
        _, level, origin, message = (*line.split("\t", 3), "", "", "")[:4]
        if level == "SEVERE" and not any(known in origin for known in HARMLESS) and not message.startswith(TOLD_TWICE):
            found[_short(message)] = None
    telescope = NO_BEAM.search(text)
    if found and telescope:
        found = {
            f"it has no primary beam of {telescope[1]} and cannot simulate it; take an array of another telescope, "
            "such as ALMA, ACA, SMA, VLA or ngVLA": None
        } | found
    return list(found)


def _reason(work: Path, code: int) -> str:
    if (work / "error.json").is_file():
        return _short(json.loads((work / "error.json").read_text())["message"])
    if code < 0:
        hint = " (perhaps out of memory: run fewer at a time)" if -code == signal.SIGKILL else ""
        return f"stopped by signal {signal.Signals(-code).name}{hint}"
    return f"it ended with status {code}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:300]} ..."


def _header(
    dirty: Cube, observation: Observation, shape: tuple[int, int, int], beams: list[Any], name: str, log: Path
) -> fits.Header:
    """Header of the set-up with the beam added, after checking that CASA's cube is on this very grid."""
    header = observation.header(shape, "Jy/beam")
    wanted = Cube(dirty.data, header)
    corner = (shape[2] - 1.0, shape[1] - 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a frame name is all that CASA's header leaves to guess
        shift = np.subtract(wanted.wcs.world_to_pixel(dirty.wcs.pixel_to_world(*corner)), corner)
    drift = (dirty.frequencies_hz - wanted.frequencies_hz) / (observation.channel_width_mhz * 1e6)
    if dirty.data.shape != shape or np.abs(shift).max() > 0.01 or np.abs(drift).max() > 0.01:
        raise CasaError(
            f"{name}: CASA's cube is not on the grid of the sky (shape {dirty.data.shape}, corner off by "
            f"{np.abs(shift).max():.3f} px, channels by {np.abs(drift).max():.3f}); see {log}"
        )
    return with_beam(header, beams, str(dirty.header.get("TELESCOP", "")))
