"""Visibilities of a track as a Measurement Set, written by CASA in a process of its own."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from cubefocus.denoise.lofar import Tracks
from cubefocus.engines.casa import SITE_CONFIG, environment
from cubefocus.errors import CubefocusError

CHANNEL_WIDTH_HZ = 195_312.5  # a subband of LOFAR; nothing is smeared over it


def write_measurement_set(path: str | Path, visibilities: np.ndarray, tracks: Tracks) -> None:
    """Write a Measurement Set of Stokes I in one channel, with weights of 1, whole or not at all.

    Parameters
    ----------
    path : path
        Must not exist.
    visibilities : ndarray, shape (row,)
        Jy.
    tracks : Tracks

    Raises
    ------
    CubefocusError
        If the path exists, the visibilities are not those of the tracks, or CASA is not installed or fails.
    """
    path = Path(path).absolute()
    if path.exists():
        raise CubefocusError(f"{path}: exists already; name another or remove it")
    if np.shape(visibilities) != (len(tracks.uvw),):
        raise CubefocusError(
            f"{path}: the visibilities have the shape {np.shape(visibilities)}, and the tracks {len(tracks.uvw)} rows; "
            "give one visibility a row"
        )
    for package in ("casatools", "casadata"):
        if importlib.util.find_spec(package) is None:
            raise CubefocusError(f"a Measurement Set is written with {package}: pip install 'cubefocus[casa]'")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        work = Path(folder)
        np.savez(
            work / "given.npz",
            visibilities=visibilities,
            uvw=tracks.uvw,
            time_s=tracks.time_s,
            antenna1=tracks.antenna1,
            antenna2=tracks.antenna2,
            integration_s=tracks.integration_s,
            frequency_hz=tracks.frequency_hz,
            width_hz=CHANNEL_WIDTH_HZ,
            centre_rad=np.radians(tracks.centre_deg),
            names=np.array(tracks.stations.names),
            positions_m=tracks.stations.positions_m,
            diameter_m=tracks.stations.diameter_m,
        )
        _run(work, path)
        shutil.move(work / path.name, path)


def _run(work: Path, path: Path) -> None:
    """Run the program that writes the set into ``work``."""
    config = work / "casasite.py"
    config.write_text(SITE_CONFIG.format(scratch=str(work), log=str(work / "casa.log")))
    program = Path(__file__).with_name("measurement_set_job.py")
    ran = subprocess.run(
        [sys.executable, "-P", str(program), "--noconfig", "given.npz", path.name],
        cwd=work,
        env=environment(CASASITECONFIG=str(config)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        lines = [line.strip() for line in (ran.stderr + ran.stdout).splitlines() if line.strip()]
        raise CubefocusError(
            f"{path}: CASA could not write the Measurement Set: {lines[-1] if lines else f'status {ran.returncode}'}"
        )
