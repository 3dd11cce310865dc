"""`cubefocus denoise` from the start of the process to its image: time, memory and bytes against the size of the image.

    python benchmarks/denoise.py [--model results/lofar-mini/bundle]
    python benchmarks/denoise.py --name denoise_large --networks residual --sides 20000    # 3.2 GB of disk

Without a model networks of the default shape are made from a seed: what the weights are does not change the time. Leave
the package as it is meanwhile: images say by which code they were made, so that their digests would differ.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Cost, alternate, cost_of, machine, write_results

from cubefocus.cube.writing import cube_on_disk
from cubefocus.denoise.images import RMS_JY_BEAM, beam_area
from cubefocus.denoise.network import Denoiser, one_thread
from cubefocus.denoise.scale import LogScale
from cubefocus.denoise.skyfits import sky_header
from cubefocus.denoise.task import AutoencoderTask, DenoisingTask, ResidualTask
from cubefocus.learn import checkpoint

CELL, BEAM = 2.0, 6.0  # arcsec
NOISE = RMS_JY_BEAM / beam_area(BEAM, BEAM)
STRIP = 250  # rows that are written at once
UNTRAINED: dict[str, tuple[DenoisingTask, dict[str, Any]]] = {
    "residual": (ResidualTask(), {"widths": [16, 24, 32, 48], "scale": NOISE, "output_bias": 0.0}),
    "autoencoder": (
        AutoencoderTask(), {"tile": 128, "maps": [32, 64], "neurons": 200, "kernel": 3, "output_bias": 0.2},
    ),
}  # fmt: skip
SIDES = (1000, 2000, 4000, 8000, 10_000)
MOST_OF_AUTOENCODER = 4000  # px: it takes several times as long
EQUAL = {"residual": 2000, "autoencoder": 1000}  # sides of the images that are denoised in several ways
WAYS = {"residual": ((1, 1), (1, 3), (2, 2), (3, 3)), "autoencoder": ((1, 24), (2, 16), (3, 40))}
"""Ranks, and tiles that are read together; the autoencoder sees 16 at a time, and fewer take as long."""
CALL = (
    "import sys; from cubefocus.denoise.apply import denoise_image; from cubefocus.denoise.network import Denoiser; "
    "denoise_image(Denoiser.load(sys.argv[1], 'cpu'), *sys.argv[2:4], ranks=int(sys.argv[4]), batch=int(sys.argv[5]), "
    "launcher='mpiexec --oversubscribe')"
)
NOTE = (
    "From the start of the process to the renamed image, the imports of 1 to 2 s among it; float32 images of noise in "
    "Jy/arcsec2. By the clock and of all cores together, which others on the machine disturb little; peak: the highest "
    "resident memory of the process. Where ranks or tiles at a time stand, `denoise_image` was called with them: the "
    "digest of the image (SHA-256, its first 12 digits) must be the same for all of one network and size. The ranks "
    "start and import one by one, so for images as small as these they take longer than one process."
)


def write_image(path: Path, side: int, seed: int = 1) -> None:
    """Write an image of noise strip by strip; strips are shifted copies of one."""
    rng = np.random.default_rng(seed)
    strip = (NOISE * rng.standard_normal((STRIP, side))).astype(np.float32)
    with cube_on_disk(path, (side, side), sky_header((side, side), CELL), {"seed": seed}) as onto:
        for start in range(0, side, STRIP):
            rows = min(STRIP, side - start)
            onto[start : start + rows, :] = np.roll(strip, rng.integers(side), axis=1)[:rows]


def untrained(name: str, path: Path) -> Path:
    """Checkpoint of a network of the default shape with random weights."""
    task, arguments = UNTRAINED[name]
    torch.manual_seed(1)
    model = checkpoint.build(task.network, arguments)
    described = {"task": task.name, "network": task.network, "arguments": arguments, "settings": {}, "epoch": 0}
    described |= {"normalisation": task.normalisation({}), "best": {}, "seed": 1, "provenance": {}}
    checkpoint.save(path, {**described, "model": model.state_dict()})
    return path


def digest_of(path: Path) -> str:
    """First digits of the SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def rows_of(name: str, model: Path, kind: list[str], sides: list[int], folder: Path) -> list[dict[str, Any]]:
    """Images of some sizes by the command, and one of them in several ways by `denoise_image`."""
    rows = []
    image, made = folder / "image.fits", folder / "made.fits"
    for side in sides:
        write_image(image, side)
        command = ["-m", "cubefocus.cli.main", "denoise", str(image), "-o", str(made), "--model", str(model), *kind]
        rows.append(row_of(name, side, None, None, cost_of(*command, "--device", "cpu", "--force"), made))
        for ranks, at_once in WAYS[name] if side == EQUAL[name] and not kind else ():
            made.unlink()
            cost = cost_of("-c", CALL, str(model), str(image), str(made), str(ranks), str(at_once))
            rows.append(row_of(name, side, ranks, at_once, cost, made))
    for path in (image, made):
        path.unlink()
    return rows


def row_of(name: str, side: int, ranks: int | None, at_once: int | None, cost: Cost, made: Path) -> dict[str, Any]:
    """One row of the table; of several ranks no memory, as each has its own."""
    return {
        "network": name, "image, px": f"{side} x {side}", "Mpx": side**2 / 1e6, "ranks": ranks,
        "tiles at a time": at_once, "wall, s": cost.seconds, "all cores, s": cost.cpu_seconds,
        "peak, MB": None if ranks and ranks > 1 else cost.peak_mb,
        "all cores, s a Mpx": cost.cpu_seconds / (side**2 / 1e6), "digest": digest_of(made),
    }  # fmt: skip


def tile_note(name: str, denoiser: Denoiser, rounds: int) -> str:
    """Time of a group of tiles in one thread, in words."""
    tile, size = denoiser.tiling.tile, denoiser.group(denoiser.tiling.tile)
    pixels = (NOISE * np.random.default_rng(1).standard_normal((size, tile, tile))).astype(np.float32)
    with one_thread():
        timing = alternate({name: lambda: denoiser.says(pixels, LogScale.of(pixels))}, rounds)[name]
    kept = denoiser.tiling.keep
    return (
        f"A tile of the {name} network, {tile} x {tile} px of which {kept} x {kept} are kept, {size} at a time in one "
        f"thread: {1e3 * timing.cpu / size:.3g} ms of a core, {1e3 * timing.median / size:.3g} ms by the clock "
        "(medians)."
    )


def main() -> None:
    """Measure, and write ``results/denoise.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint or bundle (default: untrained networks of both kinds)")
    parser.add_argument("--kind", help="of the networks of a bundle, as for cubefocus denoise")
    parser.add_argument("--sides", type=int, nargs="+", default=[*SIDES], help="of the square images, px")
    parser.add_argument("--networks", nargs="+", choices=UNTRAINED, default=[*UNTRAINED], help="without a model: these")
    parser.add_argument("--name", default="denoise", help="of the files with the results")
    parser.add_argument("--rounds", type=int, default=5, help="of the time of a tile")
    parser.add_argument("--folder", type=Path, help="for images and results (default: a temporary one)")
    options = parser.parse_args()
    facts, rows, notes = machine(), [], [NOTE]
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        names = [Denoiser.load(options.model, "cpu", options.kind).task.name] if options.model else options.networks
        for name in names:
            model = options.model or untrained(name, folder / f"{name}.pt")
            sides = [one for one in options.sides if name == "residual" or one <= MOST_OF_AUTOENCODER]
            kind = ["--kind", options.kind] if options.kind else []
            rows += rows_of(name, model, kind, sides, folder)
            notes.append(tile_note(name, Denoiser.load(model, "cpu", options.kind), options.rounds))
    write_results(options.name, "Denoising of images of any size", rows, facts, notes)
    _refuse_different(rows)


def _refuse_different(rows: list[dict[str, Any]]) -> None:
    """End with an error if an image has several digests."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        found.setdefault((row["network"], row["image, px"]), set()).add(row["digest"])
    different = [f"{name}, {size}" for (name, size), digests in found.items() if len(digests) > 1]
    if different:
        sys.exit(f"the bytes depend on ranks or tiles at a time: {'; '.join(different)}")


if __name__ == "__main__":
    main()
