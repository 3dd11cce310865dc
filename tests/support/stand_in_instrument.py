"""A stand-in for CASA's measurement of a response, with an instrument that can be computed exactly."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.constants import c as speed_of_light

from cubefocus.cube.writing import write_cube
from cubefocus.engines import measure
from cubefocus.errors import CubefocusError
from cubefocus.instrument.observation import Observation

ARCSEC = np.pi / 180 / 3600


class Instrument:
    """Baselines in an ellipse, longer to the north-east than to the north-west.

    The dirty beam is their exact sum of cosines, so it shows on which side of the sky each part of the code puts
    things. The primary beam is a Gaussian.
    """

    fwhm_arcsec = 26.0

    def __init__(self):
        self.runs, self.fail = [], False
        rng = np.random.default_rng(5)
        tracks = rng.normal(0.0, [90.0, 40.0], (1500, 2)) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
        self.uvw_m = np.column_stack([tracks, np.zeros(len(tracks))])
        self.integration = np.arange(len(tracks)) % 3
        self.sigma_jy = np.array([0.5, 1.0, 2.0])  # of each integration

    def uv(self, frequency_hz):
        return self.uvw_m[:, :2] * frequency_hz / speed_of_light.value

    def beam(self, frequency_hz, n_y, n_x, cell_arcsec, weights=None):
        """Weighted mean of cosines on a grid with its centre at (n_y // 2, n_x // 2); x runs to the west."""
        u, v = self.uv(frequency_hz).T * cell_arcsec * ARCSEC
        along_x = np.exp(-2j * np.pi * np.outer(u, np.arange(n_x) - n_x // 2))
        along_y = np.exp(2j * np.pi * np.outer(v, np.arange(n_y) - n_y // 2))
        weights = np.ones(len(u)) if weights is None else weights
        return ((along_y * weights[:, None]).T @ along_x).real / len(u)

    def primary(self, frequency_hz, n_y, n_x, cell_arcsec):
        y, x = np.mgrid[:n_y, :n_x]
        r = np.hypot(y - n_y // 2, x - n_x // 2) * cell_arcsec
        return np.exp(-4 * np.log(2) * (r / (self.fwhm_arcsec * 230e9 / frequency_hz)) ** 2)

    @contextmanager
    def __call__(self, job, sky, observation, log, scratch, name):
        self.runs.append(job)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("measured")
        if self.fail:
            raise CubefocusError(f"{name}: CASA failed; see {log}")
        work = Path(log.parent) / "work"
        work.mkdir()
        frequencies = job["start_hz"] + np.arange(job["n_channels"]) * job["width_hz"]
        n_x, n_y = job["psf_size"]
        grid = (n_y, n_x, job["cell_arcsec"])
        header = observation.header((len(frequencies), n_y, n_x))
        header["TELESCOP"] = "TEST"
        write_cube(work / "psf.fits", np.stack([self.beam(f, *grid) for f in frequencies]), header, {})
        write_cube(work / "pb.fits", np.stack([self.primary(f, *grid) for f in frequencies]), header, {})
        variance = np.outer(self.sigma_jy**2, np.ones(len(frequencies)))
        np.savez(work / "sampling.npz", uvw_m=self.uvw_m, integration=self.integration, variance=variance)
        try:
            yield work, json.loads(json.dumps({"beams": [[1.2, 0.8, 30.0]] * len(frequencies)}))
        finally:
            for path in work.iterdir():
                path.unlink()
            work.rmdir()


@pytest.fixture
def instrument(monkeypatch, tmp_path):
    """The stand-in in place of CASA, with dishes of one size."""
    instrument = Instrument()
    array = tmp_path / "array.cfg"
    array.write_text("# x y z diam pad#\n0 0 0 12. A\n100 0 0 12. B\n")
    monkeypatch.setattr(measure, "antenna_file", lambda name: array)
    monkeypatch.setattr(measure, "run_casa", instrument)
    return instrument


@pytest.fixture
def setup():
    """A small set-up with channels wide enough to differ."""
    return Observation(n_pixels=40, n_channels=3, cell_arcsec=0.3, channel_width_mhz=5000.0, pblimit=0.85)
