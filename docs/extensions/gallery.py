"""Directive ``gallery``: the figures of all published runs, with the captions that the report of a run gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from jinja2 import Environment, StrictUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cubefocus.files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
REPORTED = re.compile(r'reported\(f?"figures/([^"]+)\.png", "[^"]+"(?:, "([^"]+)")?\)')


class Gallery(SphinxDirective):
    """A section for each run of ``docs/results`` that has figures."""

    def run(self) -> list[nodes.Node]:
        made = list(runs(Path(self.env.srcdir) / "results"))
        self.env.note_dependency(str(ROOT / "workflow" / "report"))
        return [self._section(folder, figures) for folder, figures in made]

    def _section(self, folder: Path, figures: Mapping[Path, str]) -> nodes.section:
        title = (folder / "README.md").read_text().splitlines()[0].lstrip("# ")
        page = f"/results/{folder.name}/README"
        (heading,) = self.parse_text_to_nodes(title)
        section = nodes.section("", nodes.title("", "", *heading.children), ids=[nodes.make_id(folder.name)])
        section += self.parse_text_to_nodes(f"[Settings, tables and what the run says]({page}.md).")
        for picture, caption in figures.items():
            self.env.note_dependency(str(picture))
            section += self._figure(f"/results/{folder.name}/figures/{picture.name}", picture.stem, caption)
        return section

    def _figure(self, uri: str, name: str, caption: str) -> nodes.figure:
        image = nodes.image("", uri=uri, alt=name, width="100%")
        figure = nodes.figure("", image)
        figure += nodes.caption("", "", *publish_doctree(caption).children[0].children)
        return figure


def runs(results: Path) -> Iterator[tuple[Path, dict[Path, str]]]:
    """Each run's folder, and the captions of its figures."""
    for folder in sorted(path.parent for path in results.glob("*/config.yaml")):
        config = read_yaml(folder / "config.yaml")
        pictures = sorted((folder / "figures").glob("*.png"))
        if pictures:
            yield folder, {picture: caption(picture.stem, config) for picture in pictures}


def caption(name: str, config: Mapping[str, Any]) -> str:
    """Caption of a figure of a run, as the rules name it, filled in with the settings of the run."""
    path = ROOT / "workflow" / "report" / f"{caption_name(name, str(config['study']))}.rst"
    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(path.read_text())
    return template.render(snakemake=SimpleNamespace(config=config))


def caption_name(name: str, study: str) -> str:
    """Name of the caption that a rule of a study gives to a figure: the figure's own, if no other is given.

    Raises
    ------
    ValueError
        If there is no such caption.
    """
    for rules in sorted((ROOT / "workflow" / "rules" / study).glob("*.smk")):
        for figure, given in REPORTED.findall(rules.read_text()):
            pattern = re.sub(r"\\\{[^}]+\\\}", ".+", re.escape(figure))
            if given and re.fullmatch(pattern, name):
                return str(given)
    if not (ROOT / "workflow" / "report" / f"{name}.rst").is_file():
        raise ValueError(f"figures/{name}.png of the study {study} has no caption in workflow/report/")
    return name


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
