"""Observe a sky with an interferometer, whatever the engine: the work of ``cubefocus simulate``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cubefocus.cube.cube import Cube
from cubefocus.engines.casa import observe
from cubefocus.errors import CubefocusError
from cubefocus.files import make_folder
from cubefocus.instrument.noise import add_white
from cubefocus.instrument.observation import Observation

ENGINES = ("casa", "fft")


def default_cache() -> Path:
    """Where responses are kept if nothing else is said: the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cubefocus" / "responses"


def simulate(
    sky: Cube | np.ndarray,
    observation: Observation | Mapping[str, Any],
    engine: str = "casa",
    noise: str = "none",
    seed: int = 1,
    white_rms: float | None = None,
    *,
    log: str | Path | None = None,
    scratch: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "cpu",
    name: str = "the sky",
    visibilities: str | Path | None = None,
    keep_ms: str | Path | None = None,
) -> Cube:
    """Observe a sky model and make its dirty cube.

    Parameters
    ----------
    sky : Cube or ndarray, shape (channel, y, x)
        Jy/pixel. Its size is that of the dirty cube.
    observation : Observation or mapping
        The set-up, or its fields (array, frequency_ghz, cell_arcsec, ...).
    engine : {"casa", "fft"}
        CASA itself, or its response to the set-up, measured once and applied in a second.
    noise : {"none", "thermal"}
    seed : int
        Of all noise.
    white_rms : float, optional
        Of white noise to add, in Jy/beam.
    log : path, optional
        Receives what CASA says; if not given, ``casa.log`` for the engine casa, and a file beside the response that is
        measured for fft.
    scratch : path, optional
        Where CASA's scratch files go; the system's temporary directory if not given.
    cache : path, optional
        Where the engine fft keeps responses; `default_cache` if not given.
    device : str
        Where the engine fft computes.
    name : str
        What messages call this sky.
    visibilities, keep_ms : path, optional
        Where the visibilities (numpy archive) and the Measurement Set are left; engine casa only.

    Returns
    -------
    Cube
        Jy/beam; NaN where the primary beam is below ``observation.pblimit``.

    Raises
    ------
    CubefocusError
        If the sky, the set-up or an option cannot be used, or CASA fails.

    Examples
    --------
    >>> import numpy as np
    >>> from cubefocus import Observation, simulate
    >>> sky = np.zeros((32, 128, 128), np.float32)
    >>> sky[16, 64, 64] = 1e-3
    >>> dirty = simulate(sky, Observation(cell_arcsec=0.1), noise="thermal")    # doctest: +SKIP
    """
    if engine not in ENGINES:
        raise CubefocusError(f"engine is '{engine}'; it must be {' or '.join(ENGINES)}")
    if not isinstance(observation, Observation):
        observation = Observation.from_mapping(observation)
    if engine == "casa":
        dirty = observe(
            sky,
            observation,
            noise,
            seed,
            log or "casa.log",
            scratch,
            name=name,
            visibilities=visibilities,
            keep_ms=keep_ms,
        )
    elif visibilities or keep_ms:
        raise CubefocusError("the engine fft makes no visibilities; --visibilities and --keep-ms need --engine casa")
    else:
        from cubefocus.engines import fft  # torch takes seconds to import, and the engine casa does without

        place = make_folder(cache or default_cache(), "name one for the responses: --response-cache")
        dirty = fft.observe(
            sky, observation, noise, seed, cache=place, log=log, scratch=scratch, name=name, device=device
        )
    if white_rms is None:
        return dirty
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))  # not the stream that CASA starts from this seed
    return Cube(add_white(dirty.data, white_rms, rng), dirty.header)
