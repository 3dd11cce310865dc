"""Time and memory of a dry run: the paper's experiment, and 20 000 to a million cubes in larger and smaller batches.

    python benchmarks/dryrun.py [--repeats 3]

Each dry run is a process of its own in an empty folder, so all jobs are planned. They take turns.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from common import MB, Timing, alternate, machine, write_results

ROOT = Path(__file__).parents[1]
PAPER, LARGE = "experiments/paper.yaml", "experiments/large.yaml"
CANDIDATES: dict[str, tuple[list[str], dict[str, Any]]] = {  # overlays, and what is changed besides
    "paper": ([PAPER], {}),
    "a fifth of large": ([PAPER, LARGE], {"cubes": {"train": 16_000, "validation": 2000, "test": 2000}}),
    "large": ([PAPER, LARGE], {}),
    "large, 100 cubes a job": ([PAPER, LARGE], {"cubes": {"batch_size": 100}}),
    "ten times large": ([PAPER, LARGE], {"cubes": {"train": 800_000, "validation": 100_000, "test": 100_000}}),
}
# In between, because a process that is started counts the memory of the one that starts it, and torch is in this one.
MEASURE = """
import json, resource, subprocess, sys
with open(sys.argv[1], "w") as output:
    code = subprocess.run(sys.argv[2:], stdout=output, stderr=subprocess.STDOUT, check=False).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
NOTE = (
    "`snakemake --dry-run --quiet rules` from start to end: seconds by the clock (median, fastest, slowest) and of the "
    "processor (median), and the largest resident memory of all rounds. Wanted for 100 000 cubes: at most 10 s, 1 GB. "
    "A job costs Snakemake itself some 2.5 ms, so the batch size decides."
)


def cubes_and_batch(overlays: list[str], change: dict[str, Any]) -> tuple[int, int]:
    """Number of cubes of an experiment, and of cubes a job."""
    cubes: dict[str, int] = {}
    for overlay in overlays:
        cubes |= yaml.safe_load((ROOT / overlay).read_text()).get("cubes", {})
    cubes |= change.get("cubes", {})
    return sum(cubes[split] for split in ("train", "validation", "test")), cubes["batch_size"]


def dry_run(overlays: list[str], change: dict[str, Any], seen: list[dict[str, float]]) -> None:
    """Plan an experiment in an empty folder; add number of jobs, CPU seconds and peak memory to ``seen``."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "change.yaml").write_text(yaml.safe_dump(change))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder]
        command += ["--profile", str(ROOT / "profiles" / "local"), "--dry-run", "--quiet", "rules", "--configfile"]
        configs = [ROOT / "config.yaml", *(ROOT / overlay for overlay in overlays), Path(folder) / "change.yaml"]
        output = Path(folder) / "output.txt"
        measured = [sys.executable, "-c", MEASURE, str(output), *command, *map(str, configs)]
        code, cpu, kilobytes = json.loads(subprocess.run(measured, stdout=subprocess.PIPE, check=True).stdout)
        text = output.read_text()
    found = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    if code != 0 or found is None:
        raise RuntimeError(f"the dry run failed:\n{text}")
    seen.append({"jobs": int(found[1]), "cpu": cpu, "memory": kilobytes * 1024 / MB})


def row(name: str, timing: Timing, seen: list[dict[str, float]]) -> dict[str, Any]:
    """One row of the table."""
    cubes, batch = cubes_and_batch(*CANDIDATES[name])
    fastest, slowest = timing.spread
    return {
        "experiment": name,
        "cubes": cubes,
        "cubes a job": batch,
        "jobs": int(seen[0]["jobs"]),
        "seconds": timing.median,
        "fastest": fastest,
        "slowest": slowest,
        "CPU seconds": median(one["cpu"] for one in seen),
        "MB": max(one["memory"] for one in seen),
    }


def main() -> None:
    """Measure, and write ``results/dryrun.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds that are timed")
    options = parser.parse_args()
    facts = machine() | {"threads": "1", "snakemake": metadata.version("snakemake")}
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in CANDIDATES}
    calls = {name: partial(dry_run, *CANDIDATES[name], seen[name]) for name in CANDIDATES}
    times = alternate(calls, options.repeats, warmup=0)
    rows = [row(name, times[name], seen[name]) for name in CANDIDATES]
    write_results("dryrun", "Dry run", rows, facts, [NOTE])


if __name__ == "__main__":
    main()
