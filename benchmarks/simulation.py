"""Time of making a cube of the paper's size with the measured response (engine fft), beside CASA.

    python benchmarks/simulation.py [--device cuda] [--responses FOLDER]

The table has CASA's rows if ``casa.py`` has measured them before.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from common import Timing, alternate, machine, read_rows, write_results
from scene import CACHE, OBSERVATION, catalogue_of, paper_response, skies

from cubefocus.engines.fft import FourierOperator
from cubefocus.sky.model import sky_cube

NOTE = (
    "Seconds of one cube of 360 x 360 x 128: median, fastest and slowest of the rounds; CPU is the time of all cores "
    "together. The response is measured by CASA and made ready once for each set-up, which takes the time of its row; "
    "noise is thermal. Memory is what is needed beyond sky and response."
)


def row(what: str, where: str, timing: Timing) -> dict[str, Any]:
    """One row of the table."""
    fastest, slowest = timing.spread if len(timing.seconds) > 1 else (None, None)
    return {
        "what": what,
        "on": where,
        "seconds": timing.median,
        "fastest": fastest,
        "slowest": slowest,
        "CPU seconds": timing.cpu,
        "memory MB": timing.peak_mb,
    }


def main() -> None:
    """Measure, and write ``results/simulation.md`` and ``.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on the CPU")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--responses", type=Path, default=CACHE, help="cache of measured responses")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    facts = machine(options.device)
    response = paper_response(options.responses)
    rows = cpu_rows(options.rounds)
    for device in dict.fromkeys(["cpu", options.device]):
        rows += engine_rows(response, device, options.rounds)
    for one in read_rows("casa"):
        timing = Timing([float(one["seconds"])], [float(one["CPU seconds"])])
        rows.append(row(f"CASA {one['what']}", "CPU, one core", timing))
    write_results("simulation", "Simulation: time of a cube", rows, facts, [NOTE])


def cpu_rows(rounds: int) -> list[dict[str, Any]]:
    """What comes before any engine."""
    catalogue = catalogue_of(1, seed=1)
    times = alternate({"sky cube": lambda: sky_cube(catalogue, OBSERVATION)}, rounds, memory=True)
    return [row(name, "CPU", timing) for name, timing in times.items()]


def engine_rows(response: Any, device: str, rounds: int) -> list[dict[str, Any]]:
    """The engine fft on one device, with the sky and the dirty cube in its memory."""
    cuda = torch.device(device).type == "cuda"
    wait = torch.cuda.synchronize if cuda else None
    where = torch.cuda.get_device_name() if cuda else "CPU"
    ready = alternate({"fft: making the response ready": lambda: FourierOperator(response, device)}, 1, 0, wait)
    operator = FourierOperator(response, device)
    sky = torch.from_numpy(skies(catalogue_of(1))[0][0])[None].to(device)
    times = ready | alternate(
        {"fft, no noise": lambda: operator.observe(sky), "fft, thermal noise": lambda: operator.observe(sky, [1])},
        rounds, warmup=2, synchronise=wait, memory=not cuda,
    )  # fmt: skip
    return [row(name, where, timing) for name, timing in times.items()]


if __name__ == "__main__":
    main()
