"""What the instrument does for one observing set-up: dirty beam, primary beam, uv sampling and thermal noise.

For one set-up and one image size the dirty cube is linear in the sky,

    dirty(z) = PSF(z) (*) [PB(z) x sky(z)] + thermal noise(z),

so CASA measures the right-hand side once, on an empty sky, and `cubefocus.engines.fft` applies it as often as wanted.
A response is a directory named by the digest of all that decides it:

    psf.fits      dirty beam of each channel, on twice the image so that every offset between two pixels is in it
    pb.fits       primary beam of each channel, on the image; 0 where the model of the antenna ends
    response.h5   beams, noise rms, baselines, noise of the visibilities, and both gridded: noise power per cell
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io import fits

from cubefocus.cube.beams import with_beam
from cubefocus.cube.reading import read_cube
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation, draw_observation, in_j2000
from cubefocus.provenance import digest

VERSION = 1  # of the layout and the meaning of the files
FILES = ("psf.fits", "pb.fits", "response.h5")
NOT_DECIDING = ("inbright", "pblimit", "n_pixels", "n_channels")  # of the sky, applied later, or in the shape
ARCSEC = np.pi / 180 / 3600


@dataclass(frozen=True)
class Response:
    """The response of one observing set-up on one pixel grid; its arrays are read when they are asked for.

    Attributes
    ----------
    folder : Path
    observation : Observation
        The set-up; its `pblimit` says where dirty cubes are blanked.
    shape : (channel, y, x)
        Of the cubes that it makes.
    beams : ndarray, shape (channel, 3)
        FWHM of major and minor axis in arcsec, position angle in deg.
    noise_rms : ndarray, shape (channel,)
        Thermal noise per pixel in Jy/beam.
    telescope : str
    """

    folder: Path
    observation: Observation
    shape: tuple[int, int, int]
    beams: np.ndarray
    noise_rms: np.ndarray
    telescope: str

    def header(self) -> fits.Header:
        """Header of a dirty cube, as the engine casa writes it."""
        return with_beam(self.observation.header(self.shape, "Jy/beam"), self.beams.tolist(), self.telescope)

    def psf(self) -> np.ndarray:
        """Dirty beam, float32 of shape (channel, y, x) with even sizes of at least twice the image.

        Its centre, of value 1, is at pixel (y // 2, x // 2).
        """
        psf = self._cube("psf.fits")
        if psf.shape[0] != self.shape[0] or psf.shape[1] < 2 * self.shape[1] or psf.shape[2] < 2 * self.shape[2]:
            raise _damaged(self.folder, f"psf.fits has the shape {psf.shape}")
        return psf

    def primary_beam(self) -> np.ndarray:
        """Primary beam, float32 of shape `shape`, 1 at the phase centre."""
        beam = self._cube("pb.fits")
        if beam.shape != self.shape:
            raise _damaged(self.folder, f"pb.fits has the shape {beam.shape} instead of {self.shape}")
        return beam

    def noise_power(self) -> np.ndarray:
        """Noise of the gridded visibilities, float32 of shape (channel, 2 v_max + 1, u_max + 1), in Jy^2/beam^2.

        Each cell is the variance of the real, and of the imaginary, part that thermal noise has there in the
        Fourier transform of a dirty image of the size of `psf`. Rows are v = 0 .. v_max, -v_max .. -1, columns
        u = 0 .. u_max, the frequencies along the pixel axes, in cells of 1 / (size x cell); the plane u < 0 is its
        mirror image, and the column u = 0 stands for all of u = 0. Beyond v_max and u_max nothing is sampled.
        """
        with _opened(self.folder) as file:
            return np.asarray(file["noise_power"], dtype=np.float32)

    def uvw_m(self) -> np.ndarray:
        """Baselines of all visibilities in m, shape (row, 3)."""
        with _opened(self.folder) as file:
            return np.asarray(file["uvw_m"])

    def _cube(self, name: str) -> np.ndarray:
        try:
            return read_cube(self.folder / name).data
        except CubefocusError as error:
            raise _damaged(self.folder, str(error)) from error


def response_key(observation: Observation, shape: tuple[int, int, int] | None = None) -> dict[str, Any]:
    """All that decides a response, as plain values.

    Parameters
    ----------
    observation : Observation
    shape : (channel, y, x), optional
        Of the cubes; the set-up's own `cube_shape` if not given.
    """
    deciding = {name: value for name, value in asdict(observation).items() if name not in NOT_DECIDING}
    deciding["hour_angle"] = observation.hour_angle_h
    deciding["direction"] = in_j2000(observation).direction
    array = Path(observation.array)
    if array.suffix == ".cfg" and array.is_file():  # a file of the user's own can change under its name
        deciding["array"] = sha256(array.read_bytes()).hexdigest()
    return {**deciding, "shape": list(shape or observation.cube_shape), "version": VERSION}


def response_hash(observation: Observation, shape: tuple[int, int, int] | None = None) -> str:
    """Hash of all that decides a response: its name, known before it is measured."""
    return digest(response_key(observation, shape))


def response_folder(cache: str | Path, observation: Observation, shape: tuple[int, int, int] | None = None) -> Path:
    """Where the response of a set-up is kept: ``<cache>/<hash>``."""
    return Path(cache) / response_hash(observation, shape)


def primary_beam_of(cache: str | Path, observations: Sequence[Observation], noise_seed: int) -> np.ndarray:
    """Primary beam of the set-up that a cube drew by its noise seed, averaged over the channels, shape (y, x)."""
    observation = draw_observation(observations, noise_seed)
    return open_response(response_folder(cache, observation), observation).primary_beam().mean(axis=0)


def open_response(folder: str | Path, observation: Observation | None = None) -> Response:
    """Open a measured response, without reading its large arrays.

    Parameters
    ----------
    folder : path
    observation : Observation, optional
        The set-up that it must be of; its `pblimit` and `inbright` hold. By default the one it was measured for.

    Raises
    ------
    CubefocusError
        If the folder is absent, incomplete, damaged, or the response of another set-up.
    """
    folder = Path(folder)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise _damaged(folder, f"it has no {', '.join(missing)}")
    with _opened(folder) as file:
        key, measured = json.loads(file.attrs["key"]), json.loads(file.attrs["observation"])
        beams, rms, telescope = file["beams"][...], file["noise_rms"][...], str(file.attrs["telescope"])
    shape = (key["shape"][0], key["shape"][1], key["shape"][2])
    if key["version"] != VERSION:
        raise _damaged(folder, f"it has the layout {key['version']}, not {VERSION}")
    if observation is not None and response_key(observation, shape) != key:
        raise CubefocusError(f"{folder}: is the response of another set-up: {key}")
    return Response(folder, observation or Observation(**measured), shape, beams, rms, telescope)


@contextmanager
def _opened(folder: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(folder / "response.h5", "r") as file:
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(folder, f"response.h5: {error}") from error


def _damaged(folder: Path, why: str) -> CubefocusError:
    return CubefocusError(f"{folder}: not a whole response ({why}); remove this directory, and it is measured again")
