"""Time of CASA on one cube of the paper's size: simobserve, and tclean with 0 and 200 iterations.

    python benchmarks/casa.py [--scratch FOLDER]

Takes about two minutes on one core, and 4.4 GB of scratch files. The other benchmarks show its rows beside their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOB = "benchmark.json"
ITERATIONS = (0, 200)
NOTE = (
    "Seconds of a task on one core, once each, without the start of CASA; CPU is the time that the core worked. "
    "simobserve makes a noisy measurement set of 43 antennas, 240 integrations and 128 channels, tclean a cube of "
    "360 x 360 x 128 of it. Cleaning has no mask, and no other limit than its number of iterations."
)


def measure(scratch: str | None) -> list[dict[str, Any]]:
    """Run CASA in a process and a folder of its own; rows of the table."""
    from astropy.io import fits
    from scene import OBSERVATION, catalogue_of, skies

    from cubefocus.engines import casa

    sky, entry = skies(catalogue_of(1))[0]
    observation = casa.in_j2000(OBSERVATION)
    array = casa.antenna_file(observation.array)
    casa.check_space(observation, sky.shape, array, "thermal", scratch)
    job = casa.job_values(observation, sky.shape) | {"noise": "thermal", "seed": entry["noise_seed"], "empty": False}
    with tempfile.TemporaryDirectory(prefix="cubefocus-", dir=scratch) as folder:
        config = Path(folder) / "casasite.py"
        config.write_text(casa.SITE_CONFIG.format(scratch=folder, log=f"{folder}/casa.log"))
        fits.PrimaryHDU(sky, observation.header(sky.shape)).writeto(Path(folder) / "sky.fits")
        (Path(folder) / JOB).write_text(json.dumps(job | {"array_file": str(array)}))
        environment = casa.environment(CASASITECONFIG=str(config), MPLBACKEND="Agg")
        program = [sys.executable, str(Path(__file__).absolute()), "--noconfig", JOB]
        done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"CASA failed:\n{done.stdout}{done.stderr}")
        return json.loads((Path(folder) / "times.json").read_text())


def run_job() -> None:
    """What the process of CASA does; it shares it with nothing else."""
    from casatasks import tclean

    from cubefocus.engines.casa_job import gridding, predict

    job, rows = json.loads(Path(JOB).read_text()), []

    def timed(what: str, task: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = task()
        seconds = {"seconds": time.perf_counter() - wall, "CPU seconds": time.process_time() - cpu}
        rows.append({"what": what, **seconds})
        return result

    vis = timed("simobserve, thermal noise", lambda: predict(job))
    for niter in ITERATIONS:
        values = gridding(job, vis, f"image{niter}", job["image_size"]) | {"niter": niter, "pblimit": job["pblimit"]}
        timed(f"tclean niter={niter}", lambda values=values: tclean(**values, savemodel="none"))
    Path("times.json").write_text(json.dumps(rows))


def main() -> None:
    """Measure, and write ``results/casa.md`` and ``.csv``."""
    from common import machine, write_results

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", help="folder with room for the measurement set")
    scratch = parser.parse_args().scratch
    facts = machine()
    write_results("casa", "CASA: time of a cube", measure(scratch), facts | {"threads": "1"}, [NOTE])


if __name__ == "__main__":
    if sys.argv[-1] == JOB:
        run_job()
    else:
        main()
