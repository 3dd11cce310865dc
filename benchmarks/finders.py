"""Time of the finders of the comparison on a cube of the paper's size.

    [OMP_NUM_THREADS=1] python benchmarks/finders.py [--rounds 3]

The cube needs no CASA: the paper's sources seen with a Gaussian beam, and noise that is correlated over it. SoFiA-2 has
a row where it is installed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Timing, alternate, machine, write_results
from scene import OBSERVATION, catalogue_of, skies
from scipy.ndimage import gaussian_filter, gaussian_filter1d, uniform_filter1d

from cubefocus.cube.cutouts import centre_crop
from cubefocus.find import smooth_and_clip, sofia
from cubefocus.find.linker import link
from cubefocus.find.smoothing import FWHM_TO_SIGMA, TRUNCATE, smooth

SIZE = 256  # pixels a side, as the paper searches them
BEAM = 8.2  # FWHM in pixels, 77 pixels in area: that of the paper's set-up
SNR = 15.0  # of the brightest voxel
NOTES = (
    "Seconds by the clock: median, fastest and slowest of the rounds. CPU is the time of all cores together. Memory is "
    "what is needed beyond the cube itself.",
    "The paper's kernels are 0, 3, 5, 7, 9, 11 in both, so the cube is smoothed 35 times; SoFiA-2's are 0, 3, 6 and 0, "
    "3, 7, 15. A grid search smooths a cube once for each threshold, and then only links and measures.",
)


def make_cube() -> np.ndarray:
    """One cube (channel, y, x), float32."""
    sky = skies(catalogue_of(1))[0][0]
    sigma = (0.0, BEAM * FWHM_TO_SIGMA, BEAM * FWHM_TO_SIGMA)
    signal = gaussian_filter(sky.astype(np.float32), sigma)
    noise = gaussian_filter(np.random.default_rng(1).normal(size=sky.shape).astype(np.float32), sigma)
    cube = SNR / signal.max() * signal + noise / noise.std()
    return np.ascontiguousarray(centre_crop(cube, SIZE))


def candidates(cube: np.ndarray, threshold: float) -> dict[str, Callable[[], Any]]:
    """What is timed, by its name in the table."""
    paper = {"threshold": threshold, "beam_area": 77.0}
    settings = smooth_and_clip.checked(paper)
    found, grid = smooth_and_clip.smooth_and_clip(cube, settings), smooth_and_clip.GridFinder()
    grid(cube, paper)
    result: dict[str, Callable[[], Any]] = {
        "**smooth_and_clip**, the paper's kernels": lambda: smooth_and_clip.find(cube, paper),
        "of it smoothing and clipping": lambda: smooth_and_clip.smooth_and_clip(cube, settings),
        "of it linking, radii 1": lambda: link(found, 1, 1),
        "linking, radii 5": lambda: link(found, 5, 5),
        "another point of a grid, radii 1": lambda: grid(cube, paper),
        "another point of a grid, radii 5": lambda: grid(cube, paper | {"radius_xy": 5, "radius_z": 5}),
        "**smooth_and_clip**, SoFiA-2's kernels": lambda: smooth_and_clip.find(
            cube, smooth_and_clip.SOFIA_DEFAULTS | {"threshold": threshold}
        ),
    }
    if sofia.available():
        result["**SoFiA-2**, the paper's kernels"] = lambda: sofia.find(cube, paper)
    return result


def smoothings(cube: np.ndarray) -> dict[str, Callable[[], Any]]:
    """One smoothing, by this package and by scipy."""
    scratch = np.empty_like(cube), np.empty_like(cube)

    def by_scipy() -> np.ndarray:
        result = uniform_filter1d(cube, 7, axis=0, mode="constant")
        for axis in (1, 2):
            result = gaussian_filter1d(result, 7 * FWHM_TO_SIGMA, axis, mode="constant", truncate=TRUNCATE)
        return result

    return {
        "one smoothing, 7 pixels and 7 channels": lambda: smooth(cube, 7, 7, scratch),
        "the same by scipy.ndimage": by_scipy,
    }


def make_row(what: str, threshold: float | None, timing: Timing) -> dict[str, Any]:
    """One row of the table."""
    return {
        "what": what,
        "threshold": threshold,
        "seconds": timing.median,
        "fastest": timing.spread[0],
        "slowest": timing.spread[1],
        "CPU seconds": timing.cpu,
        "memory MB": timing.peak_mb,
    }


def main() -> None:
    """Measure everything and write ``results/finders.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    facts = machine() | {"threads": os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))}
    cube, rows = make_cube(), []
    for threshold in (5.0, 3.5):
        timings = alternate(candidates(cube, threshold), options.rounds, warmup=0, memory=True)
        rows += [make_row(what, threshold, timing) for what, timing in timings.items()]
    timings = alternate(smoothings(cube), 2 * options.rounds, memory=True)
    rows += [make_row(what, None, timing) for what, timing in timings.items()]
    shape = f"{OBSERVATION.n_channels} channels of {SIZE} x {SIZE} pixels"
    write_results("finders", f"Finders of the comparison: time of a cube of {shape}", rows, facts, NOTES)


if __name__ == "__main__":
    main()
