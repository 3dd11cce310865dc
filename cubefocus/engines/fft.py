"""Observe a sky with a measured response: the engine ``fft``, as accurate as CASA's own gridding and far faster.

    dirty(z) = PSF(z) (*) [PB(z) x sky(z)] + thermal noise(z)

The convolution is done on a grid of twice the image, so nothing wraps around. Noise is drawn on the uv plane, where
there are visibilities and as strong as they are many, so that it has the correlation of the dirty beam; it costs one
multiplication, because the transform back to the image is needed anyway.

A transform of a plane is two passes of one-dimensional ones. The rows that pad the image are not transformed before
they hold anything, and not after nothing more is asked of them; between the passes the planes are transposed, so that
each pass runs along the memory. A dirty beam is symmetric about its centre, so its transform is real and kept as such.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cubefocus.cube.cube import Cube
from cubefocus.engines.casa import check_request
from cubefocus.engines.measure import get_response
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import Response, open_response

THERMAL_STREAM = 2  # the white noise of a cube draws from stream 1 of its seed
PLANES = {"cpu": 4, "cuda": 128}  # transformed at a time: what fits into caches, or fills the device


class FourierOperator:
    """The response of one set-up, ready to be applied to any number of skies.

    Parameters
    ----------
    response : Response
    device : str or torch.device
        Where it computes; the same code runs on all. The draw of the noise depends on the kind of device.
    planes : int, optional
        Planes transformed at a time, which bounds the memory: about 20 bytes x (2 n)^2 each. It decides nothing else.

    Attributes
    ----------
    shape : (channel, y, x)
        Of the cubes.
    """

    def __init__(self, response: Response, device: str | torch.device = "cpu", planes: int | None = None) -> None:
        self.device = torch.device(device)
        self.shape = response.shape
        self.planes = planes or PLANES.get(self.device.type, 4)
        self._response = response
        psf = response.psf()
        self._size = psf.shape[1:]
        self._kernel = self._transform_of(psf)
        self._beam = torch.from_numpy(response.primary_beam()).to(self.device)
        self._limit = response.observation.pblimit

    def _transform_of(self, psf: np.ndarray) -> torch.Tensor:
        """Real transform of the dirty beam, (channel, x frequency, y frequency), scaled for unscaled inverses."""
        n_y, n_x = self._size
        kernel = torch.empty(len(psf), n_x // 2 + 1, n_y, device=self.device)
        for channels in _chunks(len(psf), self.planes):
            # the outermost row and column have no mirror image, and no two pixels are as far apart
            part = torch.from_numpy(psf[channels]).to(self.device)
            part[:, 0], part[:, :, 0] = 0.0, 0.0
            transform = torch.fft.rfft2(torch.fft.ifftshift(part, dim=(1, 2)), norm="forward")
            kernel[channels] = transform.real.transpose(1, 2)
        return kernel

    @functools.cached_property
    def _amplitude(self) -> torch.Tensor:
        """Standard deviation of the noise of the gridded visibilities, (channel, u, v)."""
        power = torch.from_numpy(self._response.noise_power()).to(self.device)
        return power.sqrt_().transpose(1, 2).contiguous()

    def observe(
        self,
        sky: torch.Tensor,
        seeds: Sequence[int] | None = None,
        *,
        blank: bool = True,
        out: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Dirty cubes of skies.

        Parameters
        ----------
        sky : Tensor of float32, shape (cube, channel, y, x)
            Jy/pixel.
        seeds : sequence of int, optional
            One a cube: seeds of its thermal noise; without them there is none. Channels are independent.
        blank : bool
            Put NaN where the primary beam is below the set-up's `pblimit`.
        out : Tensor, optional
            Takes the result; may be ``sky`` itself.

        Returns
        -------
        Tensor of float32, shape (cube, channel, y, x)
            Jy/beam, on the operator's device.

        Raises
        ------
        CubefocusError
            If the shape of the sky is not the response's, or there is not one seed a cube.
        """
        if tuple(sky.shape[1:]) != self.shape or sky.ndim != 4:
            raise CubefocusError(f"skies of shape {tuple(sky.shape)}; the response takes (cube, *{self.shape})")
        if seeds is not None and len(seeds) != len(sky):
            raise CubefocusError(f"{len(seeds)} noise seeds for {len(sky)} cubes; give one a cube")
        dirty = torch.empty(sky.shape, device=self.device) if out is None else out
        generators = [_generator(seed, self.device) for seed in seeds or ()]
        at_a_time = max(1, self.planes // len(sky))
        with torch.inference_mode():
            for channels in _chunks(self.shape[0], at_a_time):
                dirty[:, channels] = self._observe_planes(sky[:, channels].to(self.device), channels, generators, blank)
        return dirty

    def _observe_planes(
        self, sky: torch.Tensor, channels: slice, generators: list[torch.Generator], blank: bool
    ) -> torch.Tensor:
        (n_y, n_x), (rows, columns), beam = self._size, self.shape[1:], self._beam[channels]
        half = torch.fft.rfft(sky * beam, n=n_x).transpose(-1, -2).contiguous()  # (cube, channel, x frequency, y)
        uv = torch.fft.fft(half, n=n_y)
        uv *= self._kernel[channels]
        if generators:
            self._add_noise(uv, channels, generators)
        half = torch.fft.ifft(uv, norm="forward")[..., :rows].transpose(-1, -2).contiguous()
        dirty = torch.fft.irfft(half, n=n_x, norm="forward")[..., :columns]
        return torch.where(beam < self._limit, torch.nan, dirty) if blank else dirty

    def _add_noise(self, uv: torch.Tensor, channels: slice, generators: list[torch.Generator]) -> None:
        """Add noise to gridded visibilities, (cube, channel, u, v) in place, where there are samples."""
        n_u, n_v = self._amplitude.shape[1:]
        positive = n_v // 2 + 1
        for plane, channel in enumerate(range(channels.start, channels.stop)):
            amplitude = self._amplitude[channel]
            for cube, generator in enumerate(generators):
                # plane by plane, so that how many go at a time does not decide the draw
                parts = torch.randn(n_u, n_v, 2, generator=generator, device=self.device)
                noise = torch.view_as_complex(parts).mul_(amplitude)
                uv[cube, plane, :n_u, :positive] += noise[:, :positive]
                uv[cube, plane, :n_u, uv.shape[-1] - positive + 1 :] += noise[:, positive:]


def _chunks(number: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, number)) for start in range(0, number, size)]


def _generator(seed: int, device: torch.device) -> torch.Generator:
    state = np.random.SeedSequence([seed, THERMAL_STREAM]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state))


def observe(
    sky: Cube | np.ndarray,
    observation: Observation,
    noise: str = "none",
    seed: int = 1,
    *,
    cache: str | Path,
    log: str | Path | None = None,
    scratch: str | Path | None = None,
    name: str = "the cube",
    device: str = "cpu",
) -> Cube:
    """Simulate an interferometric observation of a sky and return its dirty cube, as `casa.observe` does.

    The response of the set-up is measured with CASA when it is not in the cache.

    Parameters
    ----------
    sky, observation, noise, seed, name
        As for `cubefocus.engines.casa.observe`. The noise has the statistics of CASA's, not its draw: a seed gives
        the same cube again on the same kind of device.
    cache : path
        Directory that keeps responses.
    log, scratch : path, optional
        Of the measurement, see `cubefocus.engines.measure.get_response`.
    device : str
        Where to compute, such as ``cpu`` or ``cuda``.

    Returns
    -------
    Cube
        Jy/beam; NaN where the primary beam is below `observation.pblimit`; header as the engine casa writes it.

    Raises
    ------
    CubefocusError
        If the sky, the noise, the seed, the set-up or the response cannot be used.
    CasaError
        If CASA fails on the measurement.
    """
    shape = check_request(sky, noise, seed, name)
    response = get_response(observation, cache, shape=shape, log=log, scratch=scratch)
    return apply(operator_of(response, device), sky, response, noise, seed)


def apply(operator: FourierOperator, sky: Cube | np.ndarray, response: Response, noise: str, seed: int) -> Cube:
    """Dirty cube of one sky, with the header of the set-up; ``noise`` is none or thermal."""
    data = np.ascontiguousarray(sky.data if isinstance(sky, Cube) else sky, dtype=np.float32)
    dirty = operator.observe(torch.from_numpy(data)[None], [seed] if noise == "thermal" else None)
    return Cube(dirty[0].cpu().numpy(), response.header())


_opening = threading.Lock()


def operator_of(response: Response, device: str = "cpu") -> FourierOperator:
    """Operator of a response; the last two used are kept, so that many cubes share them."""
    measured = (response.folder / "response.h5").stat().st_mtime_ns
    with _opening:
        return _operator(response.folder.absolute(), measured, response.observation.pblimit, device)


@functools.lru_cache(maxsize=2)
def _operator(folder: Path, measured: int, pblimit: float, device: str) -> FourierOperator:
    response = open_response(folder)
    return FourierOperator(replace(response, observation=replace(response.observation, pblimit=pblimit)), device)
