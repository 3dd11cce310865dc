"""What the stages of all studies share: the checked config, paths, resources, and digests of the code behind a rule.

Nothing here imports numpy, CASA or torch: the workflow is parsed on login nodes that have only Snakemake.
"""

import math
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT)]

from configuration import ConfigError, validate_config
from digest import code_digest

from cubefocus import specs

# Snakemake puts the interpreter into shell commands as it is: in a path with a space its jobs would not start.
if Path(sys.executable).is_file():
    sys.executable = shlex.quote(sys.executable)

try:
    validate_config(config, ROOT / "workflow" / "schemas", workflow.configfiles)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

STUDY = config["study"]
ENVIRONMENT = str(ROOT / "envs" / "cubefocus.yaml")


def results(path: str) -> str:
    """Path of a product of this experiment."""
    return f"results/{config['experiment']}/{path}"


@cache
def digest(script: str, *references: str) -> str:
    """Digest of the code behind a rule: an edit there re-runs it, a fresh clone does not.

    That of its script, scripts/<script>.py, and of what this imports. What is loaded by name, as cubefocus.specs.load
    does, is given besides.
    """
    return code_digest(ROOT, ROOT / "scripts" / f"{script}.py", references)


def needing(mem_mb, minutes, gpu: int = 0, shared: bool = False) -> dict:
    """Resources of a job, in memory and time for its first attempt; both grow with the attempt.

    Each is a number or a function of wildcards and threads. Where work is shared, mem_mb is that of a thread, and of a
    rank of MPI too: mem_mb_per_cpu, which a cluster multiplies by their number.
    """

    def grown(value, each: bool = False):
        def at(wildcards, threads, attempt):
            one = value(wildcards, threads) if callable(value) else value
            return math.ceil(one) * attempt * (threads if each else 1)

        return at

    needs = {"mem_mb": grown(mem_mb, each=shared), "runtime": grown(minutes)}
    return needs | ({"mem_mb_per_cpu": grown(mem_mb)} if shared else {}) | ({"gpu": gpu} if gpu else {})


def reported(path: str, category: str, caption: str = ""):
    """A file that stands in the report, with the caption of its own name if no other is given."""
    return report(results(path), caption=f"../../report/{caption or Path(path).stem}.rst", category=category)
