"""`cubefocus detect` from the start of the process to its products: time, and memory, against the size of the cube."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import Cost, cost_of, machine, write_results
from scipy.ndimage import gaussian_filter

from cubefocus.cube.writing import cube_on_disk
from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation

FWHM = 5.0  # of the beam, pixels
SIGMA = FWHM / 2.35482
PLANES = 12  # independent planes of noise, of which each channel is a sum of two, shifted
SMALL = (128, 360, 360)
SHAPES = {"0.06": SMALL, "0.25": (256, 500, 500), "1": (512, 700, 700), "4": (800, 1120, 1120),
          "20": (1250, 2000, 2000)}  # fmt: skip
DENSITY = 5 / 128 / 360**2  # sources a voxel in the smallest cube ...
MOST = 40  # ... and at most in any


def make(path: Path, shape: tuple[int, int, int], number: int | None = None, seed: int = 1) -> int:
    """Write a restored cube with sources, by default in number as its voxels; return how many there are."""
    rng = np.random.default_rng(seed)
    n_channels, n_y, n_x = shape
    header = Observation(n_channels=n_channels, n_pixels=n_x, cell_arcsec=0.1).header(unit="Jy/beam")
    header.update({"BMAJ": FWHM * 0.1 / 3600, "BMIN": FWHM * 0.1 / 3600, "BPA": 0.0})
    width = SIGMA / 2**0.5
    planes = [gaussian_filter(rng.standard_normal((n_y, n_x), dtype=np.float32), width, mode="wrap")
              for _ in range(PLANES)]  # fmt: skip
    planes = [plane / plane.std() for plane in planes]
    number = number or min(MOST, max(1, round(DENSITY * float(np.prod(shape)))))
    places = rng.uniform(0.08, 0.92, (number, 3)) * [n_channels, n_y, n_x]
    with cube_on_disk(path, shape, header, {"seed": seed}) as onto:
        for channel in range(n_channels):
            first, second = rng.choice(PLANES, 2, replace=False)
            shifts = rng.integers(0, [[n_y, n_x]] * 2)
            plane = np.roll(planes[first], shifts[0], (0, 1)) + np.roll(planes[second], shifts[1], (0, 1))
            plane *= 0.5**0.5
            for z, y, x in places:
                _add(plane, channel - z, y, x)
            onto[channel : channel + 1, :, :] = 1e-3 * plane[None]
    return number


def _add(plane: np.ndarray, offset: float, y: float, x: float) -> None:
    """A source of 12 times the noise, 1.4 beams wide, with a line of 7 channels."""
    height = 12.0 * np.exp(-0.5 * (offset / 3.0) ** 2)
    if height < 1e-3:
        return
    top, left, reach = int(y) - 20, int(x) - 20, 41
    part = plane[top : top + reach, left : left + reach]
    rows, columns = np.arange(top, top + part.shape[0]), np.arange(left, left + part.shape[1])
    part += height * np.exp(-0.5 * ((rows[:, None] - y) ** 2 + (columns - x) ** 2) / (1.4 * SIGMA) ** 2)


def detect(path: Path, output: Path, *options: str) -> Cost:
    """Run the command in a process of its own."""
    return cost_of("-m", "cubefocus.cli.main", "detect", str(path), "-o", str(output), *options)


def row_of(name: str, folder: Path, memory: float, pictures: bool) -> dict[str, Any]:
    """Time one cube; the cube and its products are removed."""
    shape, path, output = SHAPES[name], folder / "cube.fits", folder / "found"
    number = make(path, shape)
    options = [] if pictures else ["--no-pictures"]
    try:
        measured = detect(path, output, "--memory", f"{memory:g}", *options)
        found = len(read_table(output / "catalogue.ecsv"))
    finally:
        shutil.rmtree(output, ignore_errors=True)
        path.unlink()
    size = 4e-9 * float(np.prod(shape))
    return {"cube": " x ".join(map(str, shape[::-1])), "GB": size, "pictures": "yes" if pictures else "no",
            "memory [GB]": memory, "sources": number, "found": found, "wall [s]": measured.seconds,
            "all cores [s]": measured.cpu_seconds, "peak [MB]": measured.peak_mb,
            "GB/s by the clock": size / measured.seconds,
            "ns of all cores a voxel": 1e9 * measured.cpu_seconds / float(np.prod(shape))}  # fmt: skip


def main() -> None:
    """Time the sizes that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, default=["0.06", "0.25", "1"], help="GB of the cubes")
    parser.add_argument("--memory", type=float, default=4.0, help="GB that the search may take")
    parser.add_argument("--folder", type=Path, help="for the cube and its products (default: a temporary one)")
    parser.add_argument("--name", default="detect", help="of the file with the results")
    arguments = parser.parse_args()
    rows = []
    facts = machine()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        for name in arguments.sizes:
            for pictures in (True, False) if SHAPES[name] == SMALL else (False,):
                rows.append(row_of(name, Path(temporary), arguments.memory, pictures))
    write_results(
        arguments.name, "cubefocus detect: from the start of the process to the products", rows, facts,
        ["Seconds of all cores are those of user and system together; on a machine that others use as well they tell "
         "more than the clock. The peak of memory is that of the process, with the pages of the files that it maps."],
    )  # fmt: skip


if __name__ == "__main__":
    main()
