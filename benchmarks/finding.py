"""Time of the other finders on one integrated image of the paper's size.

    python benchmarks/finding.py

Hold it to one core with ``taskset -c 0``.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from common import alternate, machine, write_results
from scipy import ndimage

from cubefocus.find import blobcat
from cubefocus.find.registry import get_entry
from cubefocus.specs import FINDERS

SIZE = 360
SOURCES = 5
PUBLISHED = {"blobcat": 32.0}  # s, of the original program
NOTE = (
    "Seconds of one image of 360 x 360 with noise and five Gaussians, default parameters, noise map included, on one "
    "core: median, fastest and slowest of the rounds. PyBDSF and Aegean run in a process of their own, which is there "
    "already. The published time is that of the original program."
)


def images(number: int) -> list[np.ndarray]:
    """Different images, as the finders keep what they know of the last one."""
    rng = np.random.default_rng(1)
    fields = []
    for _ in range(number):
        points = np.zeros((SIZE, SIZE))
        points[tuple(rng.integers(100, 260, (2, SOURCES)))] = 1.0
        sources = ndimage.gaussian_filter(points, rng.uniform(2, 4))
        fields.append((rng.normal(size=points.shape) + 20.0 * sources / sources.max()).astype(np.float32))
    return fields


def main() -> None:
    """Measure, and write ``results/finding.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    facts = machine()
    names = [name for name, finder in FINDERS.items() if finder.searches == "image" and not get_entry(name).lacks]
    fields = {name: iter(images(options.rounds + 2)) for name in names}
    calls = {name: lambda name=name: get_entry(name).find(next(fields[name]), {}) for name in names}
    mesh = iter(images(options.rounds + 2))
    calls["noise map of blobcat"] = lambda: blobcat.noise_maps(next(mesh), blobcat.PARAMETERS["mesh"])
    rows: list[dict[str, Any]] = []
    for name, timing in alternate(calls, options.rounds).items():
        fastest, slowest = timing.spread
        seconds = {"seconds": timing.median, "fastest": fastest, "slowest": slowest}
        rows.append({"what": name, **seconds, "published": PUBLISHED.get(name)})
    write_results("finding", "Other finders: time of an image", rows, facts, [NOTE])


if __name__ == "__main__":
    main()
