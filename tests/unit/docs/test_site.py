"""The site of the documentation: what its build makes of commands, figures, tables and the public face."""

from __future__ import annotations

import argparse
import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

import cubefocus
from cubefocus.cli.main import COMMANDS

pytest.importorskip("sphinx", reason="needs the extra docs")
sys.path.append(str(ROOT / "docs" / "extensions"))

from command_pages import described, plain
from gallery import caption, caption_name, runs
from result_pages import inside

RESULTS = ROOT / "docs" / "results"
LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*(?:src|href)=["'](?:https?:)?//[^>]*>""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does it: warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += ["--doctree-dir", str(folder / "doctrees"), str(ROOT / "docs"), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow
def test_commands_and_public_names_have_their_places(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text()
    for name in COMMANDS:
        assert f'id="cubefocus-{name}"' in commands
        assert f"cubefocus {name} " in html.unescape(re.sub(r"<[^>]+>", "", commands))
    for name in set(cubefocus.__all__) - {"__version__"}:
        assert (site / "reference" / "api" / f"cubefocus.{name}.html").is_file()


@pytest.mark.slow
def test_gallery_shows_each_figure_and_leads_to_its_run(site: Path) -> None:
    gallery = (site / "gallery.html").read_text()
    pictures = list(RESULTS.glob("*/figures/*.png"))
    assert gallery.count("<figure") == len(pictures)
    assert {Path(src).name for src in re.findall(r'<img[^>]* src="(_images/[^"]+)"', gallery)} <= {
        path.name for path in (site / "_images").iterdir()
    }
    for run in {path.parts[-3] for path in pictures}:
        assert f'href="results/{run}/README.html"' in gallery


@pytest.mark.slow
def test_nothing_is_loaded_from_the_network_and_the_search_knows_the_pages(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert LOADED.findall(page.read_text()) == [], page
    index = (site / "searchindex.js").read_text()
    for page in ("gallery", "reference/commands", "results/mini/README", "results/mini/tables/detection"):
        assert f'"{page}"' in index
    assert "searchindex.js" in (site / "search.html").read_text()


def test_every_figure_has_the_caption_that_the_report_gives_it() -> None:
    shown = {folder.name: {path.name for path in figures} for folder, figures in runs(RESULTS)}
    assert shown == {
        folder.parent.name: {path.name for path in folder.glob("*.png")} for folder in RESULTS.glob("*/figures")
    }
    assert all(text and "{{" not in text for _, figures in runs(RESULTS) for text in figures.values())


@pytest.mark.parametrize(
    ("figure", "study", "name"),
    [
        ("completeness", "alma", "completeness"),
        ("maps", "alma", "maps"),
        ("engines-3", "alma", "engines"),
        ("maps_dirty", "lofar", "denoised_maps"),
    ],
)
def test_caption_is_the_one_that_the_rule_names(figure: str, study: str, name: str) -> None:
    assert caption_name(figure, study) == name


def test_caption_knows_the_settings_of_the_run() -> None:
    config = {"study": "lofar", "experiment": "mine", "seed": 7, "datasets": ["noise"], "networks": ["residual"]}
    config["images"] = {"train": 3, "validation": 2, "test": 1, "size": 64, "cell_arcsec": 2.0}
    assert "experiment **mine**, seed 7" in caption("lofar", config)


def test_figure_without_a_caption_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"figures/maps_dirty\.png of the study alma has no caption"):
        caption_name("maps_dirty", "alma")


def test_command_is_told_with_its_groups_and_those_below_it() -> None:
    parser = argparse.ArgumentParser(prog="tool", description="Do *it*.", epilog="Example: tool --size 3 in\n\nMore.")
    parser.add_argument_group("sizes [px]").add_argument(
        "--size", type=int, default=5, help="side (default: %(default)s)"
    )
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    parser.add_subparsers().add_parser("part", description="A part.").add_argument("--deep", help="how deep")
    text = "\n".join(described(parser, 2))
    assert r"Do \*it\*." in text
    assert "**Sizes \\[px\\]**" in text
    assert "`--size SIZE`\n: side (default: 5)" in text
    assert "```bash\ntool --size 3 in\n```" in text
    assert "```text\nMore.\n```" in text
    assert "### tool part\n" in text
    assert "`--deep DEEP`\n: how deep" in text
    assert "secret" not in text


def test_nothing_of_a_help_text_is_markup() -> None:
    assert plain("a_b  <c>\n#d|e") == r"a\_b \<c\> \#d\|e"


def test_links_out_of_the_pages_lead_to_pages() -> None:
    text = "[a](../../benchmarks/results/fit.md#x) [b](../../CHANGELOG.md) [c](../trust.md) [d](../../config.yaml)"
    assert inside(text, 1) == "[a](/benchmarks/fit.md#x) [b](/changelog.md) [c](../trust.md) [d](../../config.yaml)"
    assert inside("[a](../README.md)", 1) == "[a](../README.md)"
    assert inside("[a](../README.md)", 0) == "[a](/index.md)"
