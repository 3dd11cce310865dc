"""No source of this repository loads what could run code, and none builds a command line for a shell."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for part in ("cubefocus", "scripts", "benchmarks") for path in (ROOT / part).glob("**/*.py"))
RULES = [ROOT / "Snakefile", ROOT / "workflow" / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("**/*.smk"))]

# Ranks of one MPI job also pickle what they tell each other, inside mpi4py; nothing of that comes from a file.
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "commands", "pty"}
ERRORS = {"pickle.UnpicklingError"}  # what torch raises when it refuses a file
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "asyncio.create_subprocess_shell",
    "subprocess.getoutput",
    "subprocess.getstatusoutput", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all",
    "yaml.unsafe_load", "yaml.unsafe_load_all", "torch.jit.load", "torch.hub.load", "pandas.read_pickle",
    "torch.serialization.load",
}  # fmt: skip
PROGRAMS = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
DIRECTIVES = {"shell", "run", "eval", "exec", "system", "popen", "pickle"}


def origins(tree: ast.AST) -> dict[str, str]:
    """Local names of what a module imports, with the full names."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """Dotted name of an expression such as ``np.load``, with the module's own name; empty for any other."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (before := full_name(node.value, names)):
        return f"{before}.{node.attr}"
    return ""


def unsafe(source: str) -> Iterator[str]:
    """Line and name of all that is not allowed in a Python source."""
    tree = ast.parse(source)
    names = origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = full_name(node, names)
            serialised = name.split(".")[0] in MODULES and "." in name and name not in ERRORS
            if serialised or name in CALLS or name.startswith(("os.spawn", "os.exec")):
                yield f"{node.lineno}: {name}"
        elif isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {what}" for what in unsafe_arguments(node, full_name(node.func, names)))


def unsafe_arguments(call: ast.Call, name: str) -> Iterator[str]:
    values = {word.arg: word.value for word in call.keywords}
    constants = {key: value.value for key, value in values.items() if isinstance(value, ast.Constant)}
    if name == "torch.load" and constants.get("weights_only") is not True:
        yield "torch.load without weights_only=True"
    for word in ("shell", "allow_pickle"):
        if word in values and constants.get(word) is not False:
            yield f"{word} is not False"
    if name in PROGRAMS and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp):
        yield f"{name} with a command line in one text"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_is_safe(path: Path) -> None:
    assert list(unsafe(path.read_text())) == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_run_scripts_only(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    assert [token.line for token in tokens if token.type == tokenize.NAME and token.string in DIRECTIVES] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.loads(b'')",
        "import pickle as p\np.Unpickler(f).load()",
        "from pickle import load as read\nread(f)",
        "import torch\ntorch.load(path)",
        "import torch as t\nt.load(path, weights_only=False)",
        "from torch import load\nload(path, weights_only=wanted)",
        "import yaml\nyaml.load(text, yaml.Loader)",
        "from yaml import unsafe_load\nunsafe_load(text)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, allow_pickle=wanted)",
        "import subprocess\nsubprocess.run(command, shell=True)",
        "import subprocess\nsubprocess.run(f'rm {path}')",
        "from subprocess import check_output as out\nout('rm ' + path)",
        "import os\nos.system('ls')",
        "from os import popen\npopen('ls')",
        "import os\nos.execvp(path, [])",
        "eval(text)",
        "exec(text)",
        "run = eval\nrun(text)",
    ],
)
def test_what_is_not_safe_is_found(source: str) -> None:
    assert list(unsafe(source)) != []


def test_what_is_safe_is_let_through() -> None:
    source = (
        "import pickle, subprocess, numpy as np, torch, yaml\n"
        "try:\n    torch.load(path, weights_only=True)\nexcept pickle.UnpicklingError:\n    model.eval()\n"
        "np.load(path)\nyaml.safe_load(text)\nsubprocess.run([program, path], check=True)\n"
    )
    assert list(unsafe(source)) == []


def test_there_is_something_to_look_at() -> None:
    assert {"cubefocus", "scripts", "benchmarks"} == {path.relative_to(ROOT).parts[0] for path in SOURCES}
    assert len(RULES) > 5
