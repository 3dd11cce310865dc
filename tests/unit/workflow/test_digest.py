"""The code behind a rule: its script and what this imports, and nothing else."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from cubefocus.workflow.digest import closure, code_digest

ROOT = Path(__file__).parents[3]
SOURCES = {
    "scripts/look.py": "from cubefocus.see import light\n",
    "scripts/draw.py": "from cubefocus.pictures import colours\n",
    "cubefocus/__init__.py": '__version__ = "1"\nPUBLIC = {"light": "cubefocus.see.light"}\n',
    "cubefocus/specs.py": 'FINDERS = ["cubefocus.finders.one:find"]\n',
    "cubefocus/see/__init__.py": "",
    "cubefocus/see/light.py": (
        "from __future__ import annotations\n"
        "import subprocess, sys\n"
        "from typing import TYPE_CHECKING\n"
        "from cubefocus import specs\n"
        "if TYPE_CHECKING:\n    from cubefocus.see import types\n"
        "else:\n    from cubefocus.see import otherwise\n"
        "def late():\n    from . import inner\n    from cubefocus.see.deep import value\n"
        'def start():\n    subprocess.run([sys.executable, "worker.py"])\n'
        '    subprocess.run([sys.executable, "-m", "cubefocus.see.server"])\n'
    ),
    "cubefocus/see/types.py": "",
    "cubefocus/see/otherwise.py": "",
    "cubefocus/see/inner.py": "import numpy\n",
    "cubefocus/see/deep.py": "value = 1\n",
    "cubefocus/see/worker.py": "",
    "cubefocus/see/server.py": "",
    "cubefocus/pictures/__init__.py": "",
    "cubefocus/pictures/colours.py": 'BLUE = "#0072B2"\n',
    "cubefocus/finders/__init__.py": "",
    "cubefocus/finders/one.py": "def find(): ...\n",
    "cubefocus/finders/two.py": "def find(): ...\n",
}
BEHIND_LOOK = {
    "scripts/look.py",
    "cubefocus/__init__.py",
    "cubefocus/see/__init__.py",
    *(f"cubefocus/see/{name}.py" for name in ("light", "otherwise", "inner", "deep", "worker", "server")),
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digests(root: Path) -> dict[str, str]:
    """Digests of both scripts, and of the first with each of the two finders."""
    look, draw = (root / "scripts" / name for name in ("look.py", "draw.py"))
    found = {f"look {name}": code_digest(root, look, [f"cubefocus.finders.{name}:find"]) for name in ("one", "two")}
    return {"look": code_digest(root, look), "draw": code_digest(root, draw), **found}


def test_closure_is_what_runs(package: Path) -> None:
    behind = {path.relative_to(package).as_posix() for path in closure(package, package / "scripts" / "look.py")}
    assert behind == BEHIND_LOOK


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_changes_the_digests_of_what_depends_on_it(package: Path, name: str) -> None:
    before = digests(package)
    with open(package / name, "a") as stream:
        stream.write("# edited\n")
    changed = {script for script, digest in digests(package).items() if digest != before[script]}
    expected = {"look", "look one", "look two"} if name in BEHIND_LOOK else set()
    if name in ("scripts/draw.py", "cubefocus/__init__.py") or name.startswith("cubefocus/pictures"):
        expected |= {"draw"}
    for finder in ("one", "two"):
        if name in (f"cubefocus/finders/{finder}.py", "cubefocus/finders/__init__.py"):
            expected |= {f"look {finder}"}
    assert changed == expected


def test_an_import_that_is_added_counts_at_once(package: Path) -> None:
    before = digests(package)
    with open(package / "cubefocus/see/deep.py", "a") as stream:
        stream.write("def later():\n    from cubefocus.pictures.colours import BLUE\n")
    between = digests(package)
    (package / "cubefocus/pictures/colours.py").write_text('BLUE = "#000000"\n')
    after = digests(package)
    assert len({one["look"] for one in (before, between, after)}) == 3


def test_the_digest_is_that_of_the_code_and_not_of_its_place(package: Path, tmp_path: Path) -> None:
    other = shutil.copytree(package, tmp_path / "elsewhere")
    (other / "cubefocus/see/deep.py").write_bytes(b"value = 1\r\n")
    assert digests(other) == digests(package)
    (other / "cubefocus/see/deep.py").rename(other / "cubefocus/see/deeper.py")
    assert digests(other)["look"] != digests(package)["look"]


def test_a_reference_to_nothing_is_refused(package: Path) -> None:
    for reference in ("cubefocus.finders.three:find", "numpy:array"):
        with pytest.raises(FileNotFoundError, match="no such module"):
            code_digest(package, package / "scripts" / "look.py", [reference])


def behind(script: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in closure(ROOT, ROOT / "scripts" / f"{script}.py")}


@pytest.mark.parametrize(
    ("script", "used", "unused"),
    [
        ("train", "cubefocus/learn/loop.py", ("report", "find", "engines", "sky")),
        ("simulate", "cubefocus/engines/casa_job.py", ("report", "find", "learn", "networks")),
        ("clean", "cubefocus/engines/casa_job.py", ("report", "learn", "networks", "sky")),
        ("predict", "cubefocus/alma/chain.py", ("report", "find", "cli")),
        ("detect", "cubefocus/alma/chain.py", ("report", "find", "cli", "sky")),
        ("tune", "cubefocus/tables/matching.py", ("report", "networks", "engines", "sky")),
        ("find", "cubefocus/find/interface.py", ("report", "networks", "engines", "sky")),
        ("curves", "cubefocus/report/figures/style.py", ("find", "networks", "cli")),
        ("times", "cubefocus/report/tables/times.py", ("find", "networks", "cli")),
    ],
)
def test_scripts_import_what_they_need_and_no_other_rooms(script: str, used: str, unused: tuple[str, ...]) -> None:
    found = behind(script)
    assert {used, f"scripts/{script}.py", f"cubefocus/jobs/{script}.py", "cubefocus/workflow/script.py"} <= found
    assert [path for path in found if path.startswith(tuple(f"cubefocus/{room}/" for room in unused))] == []


def test_scripts_import_nothing_that_lies_beside_them() -> None:
    """Where the workflow comes from a repository, Snakemake fetches the one script that a job is made of."""
    scripts = sorted((ROOT / "scripts").glob("*.py"))
    names = {path.stem for path in scripts}
    for path in scripts:
        tree = ast.parse(path.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not names & imported, path


def test_the_digest_is_that_of_the_script_wherever_a_copy_of_it_lies(package: Path, tmp_path: Path) -> None:
    script = package / "scripts" / "look.py"
    copy = tmp_path / "cache" / "look.py@v1"
    copy.parent.mkdir()
    copy.write_bytes(script.read_bytes())
    assert code_digest(package, copy) == code_digest(package, script)
