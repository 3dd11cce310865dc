"""What the stages of all studies share: the checked config, paths, resources, and digests of the code behind a rule.

Nothing here imports numpy, CASA or torch: the workflow is parsed on login nodes that have only Snakemake.
"""

import math
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# A checkout brings its package along. Where the workflow is a module that Snakemake fetches from a repository, file by
# file, there is no such folder, and the package is the one that is installed.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if CHECKOUT.is_dir():
    sys.path.insert(0, str(CHECKOUT))
try:
    import cubefocus
except ModuleNotFoundError:
    raise WorkflowError("the package cubefocus is not installed beside Snakemake: pip install cubefocus") from None
SAID = f'__version__ = "{cubefocus.__version__}"'
if SAID not in Path(workflow.source_path("../../cubefocus/__init__.py")).read_text():
    raise WorkflowError(
        f"cubefocus {cubefocus.__version__} is installed in {Path(cubefocus.__file__).parent}, and the workflow is of "
        "another version: install the package in the version of the workflow's tag, or name the tag of the package"
    )

from cubefocus import specs
from cubefocus.workflow.configuration import ConfigError, validate_config
from cubefocus.workflow.digest import code_digest
from cubefocus.workflow.environment import offer_package

# Snakemake puts the interpreter into shell commands as it is: in a path with a space its jobs would not start.
if Path(sys.executable).is_file():
    sys.executable = shlex.quote(sys.executable)

if workflow.modifier.path_modifier.prefix or workflow.modifier.path_modifier.modifies_prefixes:
    raise WorkflowError("this module takes no prefix: the key `experiment` of its config names a folder of its own")

SCHEMAS = {study: workflow.source_path(f"../schemas/{study}.schema.yaml") for study in specs.STUDIES}
try:
    validate_config(config, SCHEMAS, workflow.configfiles)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

STUDY = config["study"]
OUTERMOST = workflow.modifier_stack[0].globals["config"] is config  # the one that the report's first page can name
ENVIRONMENT = "../../../envs/cubefocus.yaml"  # as the stages see it
offer_package(CHECKOUT)


def results(path: str) -> str:
    """Path of a product of this experiment."""
    return f"results/{config['experiment']}/{path}"


@cache
def digest(script: str, *references: str) -> str:
    """Digest of the code behind a rule: an edit there re-runs it, a fresh clone does not.

    That of its script, scripts/<script>.py, and of what this imports. What is loaded by name, as cubefocus.specs.load
    does, is given besides.
    """
    script = workflow.source_path(f"../../scripts/{script}.py")
    return code_digest(Path(cubefocus.__file__).parents[1], Path(script), references)


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
