"""Memory and time that jobs need, from the size of their cubes and sets: what is held, and what it took where measured.

Memory in MB of 10^6 bytes, time in minutes, both for the first attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FLOAT = 4  # bytes
PYTHON = 800  # MB, of a process that has read the package, and of the CASA beside it
TORCH = 3500  # MB, of a process with torch, and with CUDA where there is a GPU
TRAINING = 8000  # MB, of a process that trains: the same, weights, gradients, moments, and the layers of a batch
CUBES_IN_MEMORY = 8  # of the chain (cubefocus.alma.folder)
FULL_SIZE = 128 * 360**2  # voxels of the cubes of the paper, on which times were measured
LONGEST = 1440  # minutes, what queues give; a training goes on from its last resume file
ROW = 0.01  # MB, of a table that is joined and written as text


class Needs:
    """What the jobs of an experiment need.

    Parameters
    ----------
    config : mapping
        Checked, with all its keys.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.cubes, self.observation, self.config = config["cubes"], config["observation"], config
        self.pixels = self.observation["n_pixels"] ** 2
        self.voxels = self.pixels * self.observation["n_channels"]
        self.cube_mb = self.voxels * FLOAT / 1e6

    def n_cubes(self, *splits: str) -> int:
        """Cubes of some splits."""
        return sum(self.cubes[split] for split in splits)

    def n_sources(self, cubes: int) -> int:
        """Sources that so many cubes have at most, with those at the phase centres."""
        return cubes * (self.config["sky"]["n_sources"][1] + 1)

    def images_mb(self, cubes: int, kinds: int = 2) -> float:
        """Integrated images of so many cubes: of two kinds, dirty and sky, or of another number."""
        return cubes * self.pixels * FLOAT * kinds / 1e6

    def spectra_mb(self, cubes: int) -> float:
        """Dirty and clean spectra of the sources of so many cubes."""
        return self.n_sources(cubes) * self.observation["n_channels"] * FLOAT * 2 / 1e6

    def cutouts_mb(self, cubes: int) -> float:
        """Focused or line images of the sources of so many cubes."""
        return self.n_sources(cubes) * self.config["detection"]["focus"]["size"] ** 2 * FLOAT / 1e6

    def batch_mb(self) -> float:
        """All training products of a batch."""
        size = self.cubes["batch_size"]
        return self.images_mb(size) + self.spectra_mb(size) + 2 * self.cutouts_mb(size)

    def training_mb(self, learns_from: str) -> float:
        """A training on images, spectra or cutouts: the sets are in memory, twice while they are joined."""
        of = {"images": self.images_mb, "spectra": self.spectra_mb, "cutouts": self.cutouts_mb}[learns_from]
        return TRAINING + 2 * of(self.n_cubes("train", "validation"))

    def training_minutes(self, learns_from: str, epochs: int) -> float:
        """The same: on four cores 15 images of 256 px, or cut-outs by the widest ResNets, a second; a GPU is faster."""
        cubes = self.cubes["train"]
        samples = cubes if learns_from == "images" else self.n_sources(cubes)
        return min(60 + samples * epochs / (15 * 60), LONGEST)

    def simulation_mb(self) -> float:
        """One cube in work (CASA: 2 GB for a full-size one), or the products of the batch, joined afterwards."""
        return PYTHON + max(25 * self.cube_mb, 2 * self.batch_mb())

    def simulation_minutes(self, engine: str, workers: int) -> float:
        """A batch: CASA takes two minutes for a full-size cube of the paper's 240 integrations, alone on a core."""
        integrations = self.observation["total_time_s"] / self.observation["integration_s"]
        work = max(self.voxels / FULL_SIZE, integrations * self.observation["n_channels"] / (240 * 128))
        cube = 0.2 + (3.8 if engine == "casa" else 0.4) * work
        return 30 + cube * self.cubes["batch_size"] / workers

    def response_mb(self) -> float:
        """Dirty beams in a field of four times the area, and CASA that makes them: 2.4 GB at full size."""
        return PYTHON + 35 * self.cube_mb

    def cleaning_mb(self) -> float:
        """One cube in CLEAN with its dirty beam: 3.3 GB at full size."""
        return PYTHON + 45 * self.cube_mb

    def cleaning_minutes(self, workers: int) -> float:
        """A batch in CLEAN."""
        return 30 + 2 * self.cubes["batch_size"] * max(self.voxels / FULL_SIZE, 0.1) / workers

    def chain_mb(self) -> float:
        """The chain: the cubes of a part and what it makes of them, and the products of the batch, joined."""
        return TORCH + 6 * CUBES_IN_MEMORY * self.cube_mb + 2 * self.batch_mb()

    def chain_minutes(self) -> float:
        """The chain on a batch."""
        return 30 + self.cubes["batch_size"] * (0.1 + 0.4 * self.voxels / FULL_SIZE)

    def fit_mb(self) -> float:
        """The fit: a cube of a part at a time, its transforms, and the dirty beams on four times the area."""
        return TORCH + (2 * CUBES_IN_MEMORY + 20) * self.cube_mb

    def fit_minutes(self) -> float:
        """The fit of a batch: up to ten seconds a full-size cube."""
        return 30 + self.cubes["batch_size"] * (0.02 + 0.2 * self.voxels / FULL_SIZE)

    def map_mb(self) -> float:
        """Images of a batch, the same times -1, both as tiles and as maps."""
        return TORCH + 2 * self.images_mb(self.cubes["batch_size"], kinds=6)

    def finder_mb(self, searches: str, cubes: int) -> float:
        """A finder on so many cubes: images are in memory, twice while they are joined, cubes come one by one."""
        if searches == "cube":
            return PYTHON + 1200 + 30 * self.cube_mb
        return PYTHON + 1200 + 2 * self.images_mb(cubes, kinds=2 if searches == "map" else 1)

    def tuning_minutes(self, slow: bool) -> float:
        """The grid of a finder on validation cubes: up to a minute a point and ten cubes for the slow ones."""
        return 60 + (10 * self.config["finders"]["tuning_cubes"] if slow else self.cubes["validation"] // 10)

    def search_minutes(self, slow: bool) -> float:
        """A finder on a batch of test cubes and, perhaps, on the same times -1."""
        return 30 + self.cubes["batch_size"] * (1.0 if slow else 0.1)

    def rows_mb(self, *splits: str) -> float:
        """A table of the sources of some splits, as it is read or written."""
        return ROW * self.n_sources(self.n_cubes(*splits))

    def table_mb(self, *splits: str) -> float:
        """A job that joins such tables."""
        return PYTHON + 1200 + self.rows_mb(*splits)
