"""Observe an image of the sky with CASA, in one or several spectral windows: a Measurement Set with thermal noise."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from cubefocus.engines.casa import LARGEST_SEED, antenna_file, check_request, check_space, job_values, run_casa
from cubefocus.engines.imaging import join
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation, in_j2000
from cubefocus.settings.eso import ContinuumSettings

STREAM = 2  # of a sky's seed; 1 is that of its components
# CASA reads the convolution function of its gridder at the nearest hundredth of a cell of the uv plane. Visibilities of
# the shortest baselines are off by 0.1 to 0.2 % of the flux by that, all in the same way; a sky in an empty field so
# many times as wide has cells so many times as fine, and the error falls in proportion.
WIDENED = 8


def noise_seed(seed: int, number: int, window: int = 0) -> int:
    """Seed of the thermal noise of a spectral window, by the seed of the config and the number of the noise."""
    return int(np.random.SeedSequence([seed, number, STREAM, window]).generate_state(1)[0]) % LARGEST_SEED


def window_observation(settings: ContinuumSettings, window: int, size: int, cell_arcsec: float) -> Observation:
    """Set-up of one spectral window, of one channel; windows lie evenly about ``settings.frequency_ghz``."""
    shared = ("array", "direction", "integration_s", "total_time_s", "hour_angle", "pwv_mm")
    offset = (window - 0.5 * (settings.windows - 1)) * settings.spacing_ghz
    return Observation(
        **{name: getattr(settings, name) for name in shared},
        frequency_ghz=settings.frequency_ghz + offset,
        channel_width_mhz=settings.bandwidth_mhz,
        n_channels=1,
        n_pixels=size,
        cell_arcsec=cell_arcsec,
    )


def observe_continuum(
    sky: np.ndarray,
    settings: ContinuumSettings,
    cell_arcsec: float,
    ms: str | Path,
    *,
    spectral_index: float = 0.0,
    seed: int = 1,
    number: int = 0,
    noise: str = "thermal",
    log: str | Path = "casa.log",
    scratch: str | Path | None = None,
) -> None:
    """Observe a sky by simobserve, once for each spectral window, and leave a Measurement Set.

    Parameters
    ----------
    sky : ndarray, shape (y, x)
        Jy/arcsec^2 at ``settings.frequency_ghz``, square, with the phase centre at pixel (y // 2, x // 2).
    settings : ContinuumSettings
    cell_arcsec : float
    ms : path
        Must not exist.
    spectral_index : float
        Of the whole sky.
    seed, number : int
        Of the config, and of the noise: the same give the same visibilities.
    noise : {"none", "thermal"}
    log, scratch
        As for `cubefocus.engines.casa.observe`.

    Raises
    ------
    CubefocusError
        If the sky or the array cannot be used, or there is something at the place of the Measurement Set.
    CasaError
        If CASA fails.
    """
    ms, log = Path(ms), Path(log).absolute()
    if ms.exists():
        raise CubefocusError(f"{ms}: exists already; name another file or remove it")
    if sky.ndim != 2 or sky.shape[0] != sky.shape[1]:
        raise CubefocusError(f"{ms.name}: the sky has the shape {sky.shape}; it must be a square image (y, x)")
    ms.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{ms.name}-", dir=ms.absolute().parent) as folder:
        sets = [Path(folder) / f"{window}.ms" for window in range(settings.windows)]
        wide = widened(sky)
        for window, one in enumerate(sets):
            observation = in_j2000(window_observation(settings, window, len(wide), cell_arcsec))
            scale = cell_arcsec**2 * (observation.frequency_ghz / settings.frequency_ghz) ** spectral_index
            _observe(scale * wide[None], observation, one, noise, noise_seed(seed, number, window), log, scratch)
        whole = sets[0]
        if len(sets) > 1:
            whole = Path(folder) / "joined.ms"
            join(sets, whole, log)
        shutil.move(whole, ms)


def widened(sky: np.ndarray) -> np.ndarray:
    """A sky of even sides in the middle of an empty one `WIDENED` times as wide: pixel (y // 2, x // 2) stays there."""
    return np.pad(sky, [(length * (WIDENED - 1) // 2,) * 2 for length in sky.shape])


def _observe(
    sky: np.ndarray,
    observation: Observation,
    ms: Path,
    noise: str,
    seed: int,
    log: Path,
    scratch: str | Path | None,
) -> None:
    """Observe a cube of one channel in Jy/pixel by simobserve."""
    shape, array_file = check_request(sky, noise, seed, ms.name), antenna_file(observation.array)
    check_space(observation, shape, array_file, noise, scratch)
    job = job_values(observation, shape)
    job |= {"array_file": str(array_file), "noise": noise, "seed": seed, "keep_ms": str(ms), "imaged": False}
    with run_casa(job, sky, observation, log, scratch, ms.name):
        pass  # the Measurement Set is where it was asked for
