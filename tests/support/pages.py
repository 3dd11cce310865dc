"""Pages of the documentation as programs: `python pages.py PAGE` runs the blocks of one in the current folder.

Blocks in bash and python run in their order, those in python in one interpreter. The line above a block may be a
comment: ``<!-- not run: REASON -->``, or ``<!-- file: NAME -->`` for a block that is the text of a file. A page that
begins with ``<!-- slow -->`` takes minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cubefocus.settings import CONFIGS

ROOT = Path(__file__).parents[2]
MADE = ("reference", "results", "benchmarks")  # folders of docs/ with pages that are written by programs
RUN = ("bash", "python")
NOT_RUN_BY_NAME = ("sh", "shell", "console", "zsh", "py", "python3", "pycon")  # the same under names that nothing runs
FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<language>[^\s`]*)")
COMMENT = re.compile(r"^ *<!-- *(?P<what>not run|file) *: *(?P<value>.*?) *--> *$")
SLOW = re.compile(r"^<!-- *slow *--> *$")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")


class PageError(Exception):
    """A page that does not keep to the words above."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    page : Path
        File that it stands in.
    line : int
        Number of the first line of its code, from 1.
    language : str
        Word after the fence.
    code : str
        What is between the fences.
    what, value : str
        ``not run`` or ``file`` of the comment above, and what it says; empty if there is none.
    """

    page: Path
    line: int
    language: str
    code: str
    what: str = ""
    value: str = ""

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README and all pages that somebody wrote, and neither `make schema`, a run nor `make docs`."""
    docs = ROOT / "docs"
    written = [path for path in docs.rglob("*.md") if path.relative_to(docs).parts[0] not in MADE]
    return [ROOT / "README.md", *sorted(written)]


def is_slow(page: Path) -> bool:
    """Whether a page begins with the mark of those that take minutes."""
    return bool(SLOW.match(page.read_text(encoding="utf-8").partition("\n")[0]))


def blocks(page: Path) -> list[Block]:
    """Fenced blocks of a page, without those that tell Sphinx something.

    Raises
    ------
    PageError
        If a block does not end, or a comment is for no block.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    found, number = [], 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        if COMMENT.match(lines[number]) and not (number + 1 < len(lines) and FENCE.match(lines[number + 1])):
            raise PageError(f"{page}:{number + 1}: no block follows on this comment in the next line")
        if fence:
            end = _end(lines, number, fence, page)
            above = COMMENT.match(lines[number - 1]) if number else None
            told = (above["what"], above["value"]) if above else ("", "")
            code = "".join(line.removeprefix(fence["indent"]) + "\n" for line in lines[number + 1 : end])
            found.append(Block(page, number + 2, fence["language"], code, *told))
            number = end
        number += 1
    return [block for block in found if not block.language.startswith("{")]


def _end(lines: list[str], start: int, fence: re.Match[str], page: Path) -> int:
    for number in range(start + 1, len(lines)):
        closing = lines[number].strip()
        if closing.startswith(fence["marks"]) and not closing.strip(fence["marks"][0]):
            return number
    raise PageError(f"{page}:{start + 1}: this block does not end")


def complaint(block: Block) -> str | None:
    """What is wrong with a block before it is run, if anything."""
    if block.what and not block.value:
        return (
            f"{block.place}: the comment '{block.what}' says nothing; give a {'reason' if _excused(block) else 'name'}"
        )
    if block.language in NOT_RUN_BY_NAME:
        return f"{block.place}: '{block.language}' is not run; call it bash or python"
    if block.what == "file" and (Path(block.value).is_absolute() or ".." in Path(block.value).parts):
        return f"{block.place}: {block.value} lies outside of the folder of the page"
    if block.language == "yaml" and not block.what and "study" in _mapping(block):
        return f"{block.place}: a config without a name; put <!-- file: NAME --> above it"
    return None


def _excused(block: Block) -> bool:
    return block.what == "not run"


def _mapping(block: Block) -> dict[str, Any]:
    values = yaml.safe_load(block.code)
    return values if isinstance(values, dict) else {}


def run(page: Path) -> None:
    """Run the blocks of a page in the current folder, and stop at the first that fails.

    Raises
    ------
    PageError
        If a block in bash fails.
    CubefocusError
        If a config has an unknown key or a value that cannot be used.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if wrong := complaint(block):
            raise PageError(wrong)
        if block.what == "file":
            write(block)
        elif does_something(block):
            print(f"== {block.place}", flush=True)
            if block.language == "bash":
                bash(block)
            else:  # with the lines of the page, which a traceback then shows
                exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)


def does_something(block: Block) -> bool:
    """Whether a block is run, or written to a file."""
    return block.what == "file" or (block.language in RUN and not _excused(block))


def write(block: Block) -> None:
    """Write a block to the file that it is, a config only if the study takes it."""
    if block.language == "yaml" and "study" in (values := _mapping(block)):
        CONFIGS[values["study"]].from_mapping(values)
    path = Path(block.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.code, encoding="utf-8")


def bash(block: Block) -> None:
    """Run a block as a script that ends at the first command that fails."""
    code = subprocess.run(["bash", "-euo", "pipefail", "-c", block.code], check=False).returncode
    if code:
        raise PageError(f"{block.place}: this block in bash ended with exit code {code}")


def broken_links(page: Path) -> list[str]:
    """Relative links of a page, code left out, that lead to no file."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        text = text.replace(block.code, "")
    targets = [target.partition("#")[0] for target in LINK.findall(re.sub(r"`[^`]*`", "", text))]
    relative = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    return [target for target in relative if not (page.parent / target).exists()]


if __name__ == "__main__":
    run(Path(sys.argv[1]))
