"""Source finders of other packages, each in a process of its own that lasts as long as this one.

There they may log, print, change directories, and crash. What they leave behind goes with a temporary folder.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from scipy import ndimage

from cubefocus.errors import CubefocusError

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
CELL_DEG = 1.0 / 3600.0  # any that is small: only pixels count
Rows = list[dict[str, Any]]


def run_tool(name: str, image: np.ndarray, settings: Mapping[str, Any], smoothing: float = 0.0) -> Rows:
    """Let the process of a tool search an image.

    Parameters
    ----------
    name : str
        Module of `cubefocus.find` whose function ``search(path, settings)`` runs the tool and returns dictionaries of
        plain values.
    image : ndarray, shape (y, x)
        Pixels that are NaN or exactly 0 are blank.
    settings : mapping
        Of plain values. The answer to the last question is kept: a grid search asks it again for other boxes.
    smoothing : float
        Standard deviation in pixels of the Gaussian that the image is smoothed with before; peaks are then those of the
        smoothed image. These tools take noise to be correlated over a beam, and each peak of white noise for a
        component.

    Raises
    ------
    CubefocusError
        If the tool raises, or its process ends.
    """
    valid = np.isfinite(image) & (image != 0)
    if not valid.any():
        return []
    values = np.where(valid, _smooth(image, valid, smoothing), np.nan).astype(np.float32)
    return _ask(name, values.tobytes(), values.shape, json.dumps(settings, sort_keys=True))


def _smooth(image: np.ndarray, valid: np.ndarray, sigma: float) -> np.ndarray:
    """Weighted mean of the valid pixels around each one."""
    if sigma == 0:
        return image
    total = ndimage.gaussian_filter(np.where(valid, image, 0.0).astype(np.float64), sigma)
    return total / np.maximum(ndimage.gaussian_filter(valid.astype(np.float64), sigma), np.finfo(float).tiny)


@lru_cache(maxsize=1)
def _ask(name: str, data: bytes, shape: tuple[int, int], settings: str) -> Rows:
    image = np.frombuffer(data, dtype=np.float32).reshape(shape)
    with tempfile.TemporaryDirectory(prefix=f"cubefocus-{name}-") as folder:
        path = Path(folder) / "image.fits"
        fits.PrimaryHDU(image, tangent_header(shape)).writeto(path)
        return _process(name).search(path, settings)


def tangent_header(shape: tuple[int, ...]) -> fits.Header:
    """Header of an image at the equator with square pixels of `CELL_DEG`, its reference in the middle."""
    header = fits.Header()
    for axis, (kind, step) in enumerate((("RA---SIN", -CELL_DEG), ("DEC--SIN", CELL_DEG)), start=1):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
        header[f"CRVAL{axis}"], header[f"CDELT{axis}"] = 180.0 if axis == 1 else 0.0, step
        header[f"CRPIX{axis}"] = shape[-axis] // 2 + 1.0
    header["BUNIT"] = "Jy/beam"
    return header


class _Process:
    """A Python of its own that answers one question a line; it ends when this process closes the pipe or dies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cubefocus.find.tool_process", name], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, env=os.environ | ONE_THREAD,
        )  # fmt: skip
        atexit.register(self.close)

    def search(self, path: Path, settings: str) -> Rows:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"path": str(path), "settings": json.loads(settings)}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            how = self._end()
            self.close()
            raise CubefocusError(f"{self.name} {how}")
        reply = json.loads(answer)
        if "error" in reply:
            raise CubefocusError(f"{self.name} failed: {reply['error']}")
        return reply["rows"]

    def close(self) -> None:
        """End the process and forget it: the next question starts another one."""
        _process.cache_clear()
        atexit.unregister(self.close)
        for stream in (self.process.stdin, self.process.stdout, self.said):
            if stream is not None:
                stream.close()
        self.process.wait()

    def _end(self) -> str:
        code = self.process.wait()
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        how = f"was stopped by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return f"{how}: {last}" if last else how


@cache
def _process(name: str) -> _Process:
    return _Process(name)
