"""The commands and programs of README and documentation run as they stand, and their links lead somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pages
import pytest
from pages import ROOT, PageError, blocks, broken_links, complaint, does_something, is_slow

LONGEST = 3600  # seconds, of a page that is marked slow


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def marked() -> list:
    return [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if is_slow(page) else []) for page in pages.pages()
    ]


def run_page(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page in an empty folder, with the programs of this environment first on the path."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MPLBACKEND": "Agg"}
    command = [sys.executable, pages.__file__, str(page)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )


@pytest.mark.parametrize("page", marked())
def test_page_runs(page: Path, tmp_path: Path) -> None:
    assert [complaint(block) for block in blocks(page) if complaint(block)] == []
    if any(map(does_something, blocks(page))):
        done = run_page(page, tmp_path)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", [*pages.pages(), ROOT / "CONTRIBUTING.md"], ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_blocks_share_folder_files_and_interpreter(page: Path, tmp_path: Path) -> None:
    page.write_text(
        "1. First:\n"
        "   ```python\n   from pathlib import Path\n   number = 6\n   ```\n\n"
        "<!-- file: cubes/mine.yaml -->\n```yaml\nstudy: detect\ncubes: [a.fits]\n```\n\n"
        "```python\nPath('made.txt').write_text(str(7 * number))\n```\n\n"
        "```bash\ngrep -q 42 made.txt\ncp cubes/mine.yaml copied.yaml\n```\n\n"
        "<!-- not run: ends the world -->\n```bash\nfalse\n```\n\n"
        "```text\nnothing to run\n```\n\n"
        "```{toctree}\n:glob:\n```\n"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run_page(page, folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "copied.yaml").read_text() == "study: detect\ncubes: [a.fits]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n```bash\nfalse\ntrue\n```\n", "page.md:3: this block in bash ended with exit code 1"),
        ("```bash\nfalse | true\n```\n", "page.md:2: this block in bash ended with exit code 1"),
        ("\n\n```python\nx = 1\nraise ValueError(x)\n```\n", 'page.md", line 5'),
        ("```console\n$ true\n```\n", "page.md:2: 'console' is not run"),
        ("<!-- not run: -->\n```bash\nfalse\n```\n", "page.md:3: the comment 'not run' says nothing"),
        ("<!-- not run: too long -->\n\n```bash\ntrue\n```\n", "page.md:1: no block follows"),
        ("```bash\ntrue\n", "page.md:1: this block does not end"),
        ("```yaml\nstudy: alma\n```\n", "page.md:2: a config without a name"),
        ("<!-- file: a.yaml -->\n```yaml\nstudy: detect\ncubs: []\n```\n", "cubs"),
        ("<!-- file: ../a.yaml -->\n```yaml\na: 1\n```\n", "page.md:3: ../a.yaml lies outside"),
    ],
)
def test_block_that_does_not_run_fails(page: Path, tmp_path: Path, text: str, told: str) -> None:
    page.write_text(text)
    done = run_page(page, tmp_path)
    assert done.returncode != 0
    assert told in done.stderr


def test_marks_of_a_page(page: Path) -> None:
    page.write_text("<!-- slow -->\n# A page\n\n<!-- not run: it costs a week -->\n````bash\n```\n````\n")
    assert is_slow(page)
    (block,) = blocks(page)
    assert (block.language, block.code, block.what, block.value) == ("bash", "```\n", "not run", "it costs a week")
    assert complaint(block) is None


def test_page_that_says_slow_further_down_is_fast(page: Path) -> None:
    page.write_text("# A page\n\n<!-- slow -->\n")
    assert not is_slow(page)


def test_links_to_no_file_are_found(page: Path) -> None:
    page.write_text(
        "[a](page.md#there) [b](https://x.org/y) ![c](no.png 'title') [d](#here) [e](<gone.md>)\n"
        "`[f](code.md)`\n```text\n[g](block.md)\n```\n"
    )
    assert broken_links(page) == ["no.png", "gone.md"]


def test_unended_block_is_an_error_of_its_own(page: Path) -> None:
    page.write_text("~~~python\nx = 1\n```\n")
    with pytest.raises(PageError, match="does not end"):
        blocks(page)
