"""Copy what is small of a run (tables, figures, settings) and add up what its jobs took: `make publish`."""

import csv
import shutil
import sys
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

FIRST = ("detection", "proposers", "denoised", "hyperparameters")  # tables of which a run has one, by its study
LARGEST = 1_000_000  # bytes, of a file that is committed
SMALLER = 0.85  # times the side of a picture, in steps


def times(run: Path) -> list[tuple[str, int, float, float, float]]:
    """Rule, number of jobs, minutes of CPU, seconds a job, largest memory in GB, for each rule that was measured."""
    rows = []
    for rule in sorted({path.relative_to(run / "benchmarks").parts[0] for path in run.glob("benchmarks/**/*.tsv")}):
        paths = [*run.glob(f"benchmarks/{rule}/*.tsv"), *run.glob(f"benchmarks/{rule}")]
        texts = [path.read_text().splitlines() for path in paths if path.suffix == ".tsv"]
        jobs = [job for lines in texts for job in csv.DictReader(lines, delimiter="\t")]
        cpu = sum(float(job["cpu_time"]) for job in jobs) / 60
        seconds = sum(float(job["s"]) for job in jobs) / len(jobs)
        memory = max(float(job["max_rss"]) for job in jobs) / 1024
        rows.append((rule.removesuffix(".tsv"), len(jobs), cpu, seconds, memory))
    return rows


def shrink(picture: Path, place: Path) -> None:
    """Copy a picture with 256 colours, and in fewer pixels if it is still too large, with what it says about itself."""
    with Image.open(picture) as image:
        facts = PngInfo()
        for key, value in image.text.items():
            facts.add_text(key, value)
        smaller = image.convert("RGB")
    while True:
        # not the median cut, which has few colours left for the few brightest pixels of a map
        smaller.quantize(256, Image.Quantize.MAXCOVERAGE).save(place, optimize=True, pnginfo=facts)
        if place.stat().st_size <= LARGEST:
            return
        smaller = smaller.resize([round(SMALLER * side) for side in smaller.size], Image.Resampling.LANCZOS)


def main(run: Path, target: Path) -> None:
    """Replace ``target`` by what is small of ``run``; its README.md stays."""
    if not any((run / "tables" / f"{name}.csv").is_file() for name in FIRST):
        sys.exit(f"{run}: has no tables/{FIRST[0]}.csv; run the experiment first")
    sources = [run / "config.yaml", *sorted(run.glob("tables/*")), *sorted(run.glob("figures/**/*.png"))]
    large = [
        f"{path} ({path.stat().st_size} bytes)"
        for path in sources
        if path.stat().st_size > LARGEST and path.suffix != ".png"
    ]
    if large:
        sys.exit(f"{', '.join(large)}: larger than {LARGEST} bytes, which is not for a repository")
    for folder in ("tables", "figures"):
        shutil.rmtree(target / folder, ignore_errors=True)
    for path in sources:
        place = target / path.relative_to(run)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_size > LARGEST:
            shrink(path, place)
        else:
            shutil.copyfile(path, place)
    rows = times(run)
    lines = ["| rule | jobs | CPU minutes | seconds a job | memory (GB) |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += [f"| {rule} | {n} | {cpu:.1f} | {seconds:.0f} | {memory:.1f} |" for rule, n, cpu, seconds, memory in rows]
    total = sum(row[2] for row in rows)
    (target / "times.md").write_text("\n".join([*lines, f"| **all** | | **{total:.1f}** | | |", ""]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
