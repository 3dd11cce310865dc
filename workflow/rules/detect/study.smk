"""What a list of cubes is searched for: its targets, and the cubes by number.

In: config. Out: nothing is made here.
"""

NUMBERS = [f"{number:04d}" for number in range(len(config["cubes"]))]
VOXEL = 60  # bytes of memory that a voxel takes in a search: the cube, its significance, above and below the noise
# A restored cube that takes more than `memory` is searched in parts.
LEAST_MB = 3000  # of a process with torch
MB_A_MINUTE = 60  # of a cube that a search goes through, pictures included, with much to spare


wildcard_constraints:
    number=r"\d+",


def targets() -> list[str]:
    """What a run makes."""
    return [results(f"{name}.{end}") for name in ("catalogue",) for end in ("ecsv", "csv", "xml", "fits")] + [
        results("candidates.ecsv")
    ]


def of_cube(key: str):
    """The file of a cube under a key of the config; none where the key lists none."""
    return lambda wildcards: config[key][int(wildcards.number)] if config[key] else []


def memory_mb(wildcards) -> float:
    """Memory that a search takes: what its voxels need, or what it may take, with a margin for the pictures."""
    needed = LEAST_MB + VOXEL / 4 * size_mb(wildcards)
    return needed if config["psf"] else min(needed, LEAST_MB + 1000 * config["memory"])


def size_mb(wildcards) -> float:
    """Size of a cube's file; one that is packed holds more."""
    path = Path(config["cubes"][int(wildcards.number)])
    packed = 3.0 if path.suffix in (".gz", ".fz") else 1.0
    return packed * path.stat().st_size / 1e6 if path.is_file() else 0.0
