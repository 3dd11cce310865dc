"""Masks of SoFiA-2 beside those of the finder `smooth_and_clip`: the same kernels, the same threshold.

    python benchmarks/sofia.py

What SoFiA-2.2.1 made of a small cube lies with the tests, so the program itself is not needed here.
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, write_results

from cubefocus.find.smooth_and_clip import checked, masks, smooth_and_clip

MASKS = Path(__file__).parents[1] / "tests" / "unit" / "find" / "data" / "sofia-2.2.1.npz"
SETTING = "parameters_"  # before the name of a setting, in the names of the arrays
KERNELS = ("boxcar", "gaussian")
NOTES = (
    "A cube of 24 x 70 x 70 voxels with noise of a round beam of 5 px and four sources; threshold 4, reliability off, "
    "so that sources are of noise as well. The overlap is the number of voxels that are in both over that of those in "
    "either; a pair is two sources that share voxels, so that 6 of 6 and 6 has none split or merged.",
    "SoFiA-2 smooths with iterated boxcars, whatever width is asked for; `kernel: boxcar` does the same (the finder "
    "`smooth_and_clip_defaults`), and `gaussian` takes the Gaussians that the boxcars stand for.",
)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the voxels of either mask that both have."""
    return float((a & b).sum() / (a | b).sum())


def compare(cube: np.ndarray, raw: np.ndarray, theirs: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
    """Row of the table for a cube (channel, y, x), what SoFiA-2 detected and its labels, of the same shape."""
    detected, ours = smooth_and_clip(cube, checked(settings)), masks(cube, settings)
    pairs = np.unique(np.column_stack([ours.ravel(), theirs.ravel()]), axis=0)
    return {
        "voxels detected: SoFiA-2": int(raw.sum()),
        "here": int(detected.sum()),
        "overlap (%)": f"{100 * overlap(detected, raw):.2f}",
        "voxels of sources: SoFiA-2": int((theirs > 0).sum()),
        "here ": int((ours > 0).sum()),
        "overlap (%) ": f"{100 * overlap(ours > 0, theirs > 0):.2f}",
        "sources: SoFiA-2": int(theirs.max()),
        "here  ": int(ours.max()),
        "pairs": len(pairs[pairs.all(axis=1)]),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = []
    with np.load(MASKS) as file:
        for setting in (name.removeprefix(SETTING) for name in file if name.startswith(SETTING)):
            asked = ast.literal_eval(str(file[SETTING + setting]))
            widths = "; ".join(", ".join(f"{width:g}" for width in asked[axis]) for axis in ("kernels_xy", "kernels_z"))
            for kernel in KERNELS:
                row = compare(file["cube"], file[f"raw_{setting}"], file[f"mask_{setting}"], asked | {"kernel": kernel})
                radii = f"{asked['radius_xy']}, {asked['radius_z']}"
                rows.append({"widths (px; channels)": widths, "linking radii": radii, "kernel here": kernel} | row)
    write_results("sofia", "Masks of SoFiA-2.2.1 and of smooth_and_clip", rows, machine(), NOTES)


if __name__ == "__main__":
    main()
