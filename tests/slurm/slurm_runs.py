"""Runs of the small experiment with profiles/slurm, and what Slurm says of them."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
QUICK = {"slurm-init-seconds-before-status-checks": 2, "max-status-checks-per-second": 5, "latency-wait": 5}


def on_slurm(
    folder: Path, *arguments: str, overlays: tuple[Path, ...] = (), resources: dict | None = None, **changes: object
) -> list[str]:
    """Command line of a run with the Slurm profile, its results in ``folder``.

    Looks at jobs more often than the profile does. ``resources`` of rules and other ``changes`` go into a copy of the
    profile: on the command line, ``--set-resources`` would replace those of the profile altogether.
    """
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text()) | QUICK | changes
    for rule, values in (resources or {}).items():
        profile["set-resources"][rule] = profile["set-resources"].get(rule, {}) | values
    (folder / "profile").mkdir(exist_ok=True)
    (folder / "profile" / "config.yaml").write_text(yaml.safe_dump(profile))
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    run += ["--profile", str(folder / "profile"), *arguments]
    configs = [ROOT / "config.yaml", ROOT / "tests" / "config" / "tiny.yaml", *overlays]
    return [*run, "--configfile", *map(str, configs)]


def records() -> list[dict[str, str]]:
    """What Slurm itself says of every job, in the order of submission."""
    shown = subprocess.run(["scontrol", "show", "jobs", "-o"], capture_output=True, text=True, check=True)
    lines = [line for line in shown.stdout.splitlines() if line.startswith("JobId=")]
    jobs = [dict(part.partition("=")[::2] for part in line.split()) for line in lines]
    return sorted(jobs, key=lambda job: int(job["JobId"]))
