"""Digest of the code behind a rule: of its script and of all that the script imports from this package.

Found in the sources by `ast`, so that nothing is imported: the workflow is parsed on login nodes. What is looked up by
name when it runs (`cubefocus.specs.load`) is not seen in the sources; a rule adds what it uses of that as references.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "cubefocus"
# Names only, all of them in one place: a finder that is added must not make every cube again. What a rule takes from
# there reaches it as a param or a reference.
APART = ("specs.py",)


def code_digest(root: Path, script: Path, references: Iterable[str] = ()) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a script's import closure, the same wherever the code is the same.

    Parameters
    ----------
    root : Path
        Folder that holds the package.
    script : Path
        Anywhere: of a workflow that is fetched from a repository, it is a copy under another name.
    references : iterable of str
        What the script loads by name besides, as ``module:attribute`` or ``module``.
    """
    code = hashlib.sha256()
    names = {source: source.relative_to(root).as_posix() for source in closure(root, script, references) - {script}}
    names[script] = "script"
    for source, name in sorted(names.items(), key=lambda item: item[1]):
        text = source.read_bytes().replace(b"\r\n", b"\n")
        code.update(f"{name} {len(text)}\n".encode() + text)
    return code.hexdigest()[:12]


def closure(root: Path, script: Path, references: Iterable[str] = ()) -> set[Path]:
    """Source files of a script, of all that it imports, inside functions too, and of the programs that these start.

    Parameters are those of `code_digest`.

    Raises
    ------
    FileNotFoundError
        If the script or the module of a reference is not there.
    """
    found: set[Path] = set()
    waiting = [script]
    for reference in references:
        module = reference.partition(":")[0]
        files = _files(root, module)
        if len(files) != len(module.split(".")):
            raise FileNotFoundError(f"{reference}: no such module below {root}")
        waiting += files
    apart = {root / PACKAGE / name for name in APART}
    while waiting:
        file = waiting.pop()
        if file not in found and file not in apart:
            found.add(file)
            waiting += _used(root, file, file.read_bytes())
    return found


def _used(root: Path, file: Path, source: bytes) -> list[Path]:
    """Files that one file imports or starts as programs."""
    package = file.parent.relative_to(root).parts if file.is_relative_to(root) else ()
    imports, texts = _said(source, package)
    files = [path for name in imports for path in _files(root, name)]
    if file.stem != "__init__":  # where texts name what the package offers, not what it uses
        files += [path for text in texts for path in _program(root, file, text)]
    return files


@cache
def _said(source: bytes, package: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Dotted names that the source of a module of a package imports, and the texts in it."""
    imports, texts = list[str](), list[str]()
    for node in _nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node)
            imports += [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    return imports, texts


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but for what is imported for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).rpartition(".")[2] == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _nodes(other)
        else:
            yield child
            yield from _nodes(child)


def _absolute(package: tuple[str, ...], node: ast.ImportFrom) -> str:
    """Module that ``from ... import`` names, without leading dots."""
    if not node.level:
        return node.module or ""
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def _files(root: Path, name: str) -> list[Path]:
    """Files that importing a dotted name runs: those of the packages around it, and its own unless it is an attribute.

    Nothing for what is not of this package.
    """
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    files, place = [], root
    for part in parts:
        place = place / part
        own = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if not own.is_file():
            break
        files.append(own)
    return files


def _program(root: Path, file: Path, text: str) -> list[Path]:
    """What a text names that may be started as a program: a file beside this one, or a module after ``python -m``."""
    if text.endswith(".py") and "/" not in text and file.with_name(text).is_file():
        return [file.with_name(text)]
    if text.startswith(f"{PACKAGE}.") and text.replace(".", "").isidentifier():
        own = root.joinpath(*text.split(".")).with_suffix(".py")
        return [own] if own.is_file() else []
    return []
