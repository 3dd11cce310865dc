"""Measure the response of an observing set-up with CASA, once."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.constants import c as speed_of_light
from scipy.fft import next_fast_len
from scipy.special import j1

from cubefocus.cube.reading import read_cube
from cubefocus.cube.writing import write_cube
from cubefocus.engines.casa import CasaError, antenna_file, check_space, job_values, run_casa
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation, in_j2000
from cubefocus.instrument.response import ARCSEC, Response, open_response, response_folder, response_key
from cubefocus.provenance import digest, provenance

logger = logging.getLogger(__name__)

MEASURING_SEED = 1  # of the noise whose rms is measured; another one changes it by its own sampling error only
LEAST_FALL = 0.1  # of a primary beam within the image, below which its shape cannot be told from none


def get_response(
    observation: Observation,
    cache: str | Path,
    *,
    shape: tuple[int, int, int] | None = None,
    log: str | Path | None = None,
    scratch: str | Path | None = None,
    remake: bool = False,
) -> Response:
    """Response of a set-up: read where it was measured before, measured with CASA otherwise.

    Parameters
    ----------
    observation : Observation
    cache : path
        Directory that keeps responses.
    shape : (channel, y, x), optional
        Of the cubes; the set-up's own `cube_shape` if not given.
    log : path, optional
        CASA's log; ``<cache>/<digest>.log`` if not given. Removed when all went well, if it was not given.
    scratch : path, optional
        Where CASA's scratch directory is made.
    remake : bool
        Measure even if it is there, such as when it is damaged.

    Returns
    -------
    Response

    Raises
    ------
    CubefocusError
        If what is in the cache is damaged, or the set-up cannot be used.
    CasaError
        If CASA fails.
    """
    folder = response_folder(cache, observation, shape)
    if folder.is_dir() and not remake:
        return open_response(folder, observation)
    own_log = Path(log) if log is not None else folder.with_suffix(".log")
    _measure(observation, shape or observation.cube_shape, folder, own_log, scratch)
    if log is None:
        own_log.unlink(missing_ok=True)
    return open_response(folder, observation)


def _measure(
    observation: Observation, shape: tuple[int, int, int], folder: Path, log: Path, scratch: str | Path | None
) -> None:
    """Measure with CASA and write the folder, whole or not at all."""
    array_file, in_casa = antenna_file(observation.array), in_j2000(observation)
    diameter_m = _dish(array_file)
    psf_size = [2 * next_fast_len(size, real=True) for size in (shape[2], shape[1])]
    check_space(observation, (shape[0], psf_size[1], psf_size[0]), array_file, "thermal", scratch)
    job = job_values(in_casa, shape) | {
        "array_file": str(array_file),
        "noise": "thermal",
        "seed": MEASURING_SEED,
        "psf_size": psf_size,
    }
    logger.info("measuring the response of %s with CASA; it is kept in %s", observation.array, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    nothing = np.zeros((shape[0], 32, 32), np.float32)  # the visibilities are noise alone
    with (
        run_casa(job, nothing, in_casa, log.absolute(), scratch, f"response {folder.name}") as (work, result),
        _new_folder(folder) as partial,
    ):
        key = response_key(observation, shape)
        facts = provenance(engine="casa", seed=MEASURING_SEED, responses=[digest(key)], key=key)
        telescope = _copy_cubes(work, partial, observation, shape, facts)
        _refuse_no_beam(read_cube(partial / "pb.fits").data, observation, diameter_m, f"{telescope}; see {log}")
        with np.load(work / "sampling.npz") as sampling:
            _write_tables(partial, observation, shape, psf_size, result["beams"], telescope, dict(sampling), facts)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A temporary directory beside ``folder`` that takes its place when the block ends without an error."""
    partial = folder.with_name(f".{os.getpid()}.{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(partial, folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was faster with the same response
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy_cubes(
    work: Path, partial: Path, observation: Observation, shape: tuple[int, int, int], facts: dict[str, Any]
) -> str:
    """Bring CASA's images to this package's grid and headers; return the telescope's name."""
    psf, beam = (read_cube(work / name, own=True) for name in ("psf.fits", "pb.fits"))
    _, n_y, n_x = psf.data.shape
    y0, x0 = n_y // 2 - shape[1] // 2, n_x // 2 - shape[2] // 2
    cropped = np.nan_to_num(beam.data[:, y0 : y0 + shape[1], x0 : x0 + shape[2]])
    large = (shape[0], n_y, n_x)
    write_cube(partial / "psf.fits", psf.data, observation.header(large, "Jy/beam"), facts)
    write_cube(partial / "pb.fits", cropped, observation.header(shape, ""), facts)
    return str(psf.header.get("TELESCOP", ""))


def _write_tables(
    partial: Path,
    observation: Observation,
    shape: tuple[int, int, int],
    psf_size: list[int],
    beams: list[Any],
    telescope: str,
    sampling: dict[str, np.ndarray],
    facts: dict[str, Any],
) -> None:
    frequencies = observation.header(shape)["CRVAL3"] + (
        (np.arange(shape[0]) - shape[0] // 2) * observation.channel_width_mhz * 1e6
    )
    cell_uv = 1 / (np.array(psf_size) * observation.cell_arcsec * ARCSEC)
    power, rms = grid_noise(sampling["uvw_m"], sampling["integration"], sampling["variance"], frequencies, cell_uv,
                            psf_size)  # fmt: skip
    with h5py.File(partial / "response.h5", "w", track_order=True) as file:
        file.attrs["key"] = json.dumps(response_key(observation, shape))
        file.attrs["observation"] = json.dumps(asdict(observation))
        file.attrs["telescope"] = telescope
        file.attrs["provenance"] = json.dumps(facts, sort_keys=True)
        for name, values, unit in (
            ("beams", np.asarray(beams), "arcsec, arcsec, deg"),
            ("noise_rms", rms, "Jy/beam"),
            ("frequencies_hz", frequencies, "Hz"),
            ("uvw_m", sampling["uvw_m"], "m"),
            ("integration", sampling["integration"], "number of the integration of each row"),
            ("variance", sampling["variance"], "Jy^2, real part of a visibility, (integration, channel)"),
        ):
            file.create_dataset(name, data=values).attrs["unit"] = unit
        file.create_dataset("noise_power", data=power, compression="lzf", chunks=(1, *power.shape[1:]))
        file["noise_power"].attrs["unit"] = "Jy^2/beam^2"


def grid_noise(
    uvw_m: np.ndarray,
    integration: np.ndarray,
    variance: np.ndarray,
    frequencies_hz: np.ndarray,
    cell_uv: np.ndarray,
    size: list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Noise power of naturally weighted visibilities per cell of the uv plane.

    Parameters
    ----------
    uvw_m : ndarray, shape (row, 3)
        Baselines in m.
    integration : ndarray of int, shape (row,)
    variance : ndarray, shape (integration, channel)
        Of the real part of a visibility, Jy^2.
    frequencies_hz : ndarray, shape (channel,)
    cell_uv : ndarray, shape (2,)
        Size of a cell in u and v, in wavelengths.
    size : [x, y]
        Number of cells; visibilities beyond the edge are left out, as the gridder of tclean does.

    Returns
    -------
    power : ndarray of float32, shape (channel, 2 v_max + 1, u_max + 1)
        See `Response.noise_power`.
    rms : ndarray, shape (channel,)
        Noise per pixel that comes of it, Jy/beam.
    """
    scale = frequencies_hz / speed_of_light.value
    longest = np.rint(np.abs(uvw_m[:, :2]).max(axis=0) * (scale.max() / cell_uv)).astype(int)
    u_max, v_max = (min(int(longest[axis]), size[axis] // 2 - 1) for axis in (0, 1))
    power = np.zeros((len(scale), 2 * v_max + 1, u_max + 1), np.float32)
    rms = np.zeros(len(scale))
    for channel, factor in enumerate(scale):
        # u runs to the east, the pixels of an image to the west
        u, v = np.rint(uvw_m[:, :2] * ([-factor, factor] / cell_uv)).astype(np.int64).T
        u, v = np.where(u < 0, -u, u), np.where(u < 0, -v, v)  # a visibility and its mirror image are one
        inside = (u <= u_max) & (np.abs(v) <= v_max)
        if not inside.any():
            raise CubefocusError("no visibility is on the uv plane of these pixels; make cell_arcsec smaller")
        noise = variance[integration[inside], channel] / inside.sum() ** 2
        place = (v[inside] % (2 * v_max + 1)) * (u_max + 1) + u[inside]
        plane = np.bincount(place, noise, power[channel].size).reshape(power[channel].shape)
        rms[channel] = np.sqrt(plane.sum())
        plane[:, 1:] /= 4  # each stands for two cells, u and -u, with half of the amplitude
        power[channel] = plane
    return power, rms


def _dish(array_file: Path) -> float:
    """Diameter of the dishes in m; one primary beam for all baselines is what a response can hold."""
    lines = [line.split() for line in array_file.read_text().splitlines() if line.strip() and line.strip()[0] != "#"]
    diameters = sorted({float(line[3]) for line in lines})
    if len(diameters) > 1:
        raise CubefocusError(
            f"{array_file}: has dishes of {', '.join(f'{diameter:g}' for diameter in diameters)} m; the engine fft "
            "needs one primary beam for all: use the engine casa"
        )
    return diameters[0]


def _refuse_no_beam(beam: np.ndarray, observation: Observation, diameter_m: float, whose: str) -> None:
    """Refuse a primary beam that is as good as none: sources at the rim would keep all of their flux.

    Compared is how far it falls to the corner of the image, with a uniform disc: CASA's models differ from that by
    little, and none by half.
    """
    _, n_y, n_x = beam.shape
    wavelength = speed_of_light.value / (observation.frequency_ghz * 1e9)
    radius = np.hypot(n_y // 2, n_x // 2) * observation.cell_arcsec * ARCSEC
    x = np.pi * diameter_m * radius / wavelength
    expected = 1.0 - (2.0 * j1(x) / x) ** 2 if x else 0.0
    if expected > LEAST_FALL and not beam[0, 0, 0] < 1.0 - expected / 2:
        raise CasaError(
            f"CASA has no primary beam of {whose}: it is {beam[0, 0, 0]:.3f} at the corner of the image, that of a "
            f"dish of {diameter_m:g} m about {1 - expected:.3f}; take an array of another telescope"
        )
