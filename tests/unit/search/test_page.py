"""The page of a search: it holds what was found, and works in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from scenes import make_header

from cubefocus.cube.cube import Cube
from cubefocus.fit.beam import Beam
from cubefocus.search.page import View, sum_of, write_search_page
from cubefocus.search.run import search_cube

SHAPE, FWHM = (16, 80, 96), 5.0
CHROMIUM = shutil.which("chromium")


@dataclass
class Page:
    text: str
    data: dict
    catalogue: object


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Three sources, of which the second one is the brightest."""
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    data = rng.standard_normal(SHAPE) * 0.001
    for x0, y0, z0, height in ((20, 30, 4, 0.008), (70, 50, 8, 0.02), (30, 65, 11, 0.012)):
        data += height * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / 2.12**2 - 0.5 * ((z - z0) / 1.5) ** 2)
    data[3] = np.nan
    cube = Cube(data.astype(np.float32), make_header(SHAPE))
    beam = Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), SHAPE)
    found = search_cube(cube, beam, (FWHM, FWHM, 0.0), rest_frequency_ghz=230.538)
    assert len(found.catalogue) == 3
    path = tmp_path_factory.mktemp("page") / "page.html"
    views = [View("best", found.significance.positive.max(axis=0), ""), sum_of(cube)]
    write_search_page(path, cube, "a <b> & c", found.catalogue, views, [("noise", "0.1 </script>")], {"seed": 1})
    text = path.read_text()
    return Page(
        text, json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)[1]), found.catalogue
    )


def test_the_page_holds_all_sources_and_is_small(page):
    assert len(page.data["rows"]) == len(page.data["sources"]) == 3
    assert len(page.text) < 300_000
    names = [column["name"] for column in page.data["columns"]]
    for row, source in zip(page.data["rows"], page.catalogue, strict=True):
        assert row[names.index("significance")] == pytest.approx(source["significance"])
    spectrum = page.data["sources"][0]["spectrum"]
    assert len(spectrum) == SHAPE[0]
    assert spectrum[3] is None
    assert int(np.argmax([-1 if value is None else value for value in spectrum])) == 8


def test_the_page_needs_nothing_beside_it(page):
    assert not re.search(r'(src|href)="(?!data:)', page.text)
    assert "http" not in page.text.replace("http://www.w3.org/2000/svg", "")


def test_names_are_text_and_no_markup(page):
    assert "<title>a &lt;b&gt; &amp; c: sources</title>" in page.text
    assert page.data["facts"] == [["noise", "0.1 </script>"]]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_sources_can_be_clicked_sorted_and_filtered(page, tmp_path):
    """The document after some clicks, as a browser has it."""
    clicks = """<script>
    const wanted = [...document.querySelectorAll("th")].findIndex((cell) => cell.textContent === "significance");
    const rows = () => [...document.querySelectorAll("tbody tr")];
    const values = () => rows().map((row) => row.cells[wanted].textContent).join(" ");
    const said = {};
    document.querySelectorAll("th")[wanted].click();
    said.rising = values();
    document.querySelectorAll("ellipse")[1].dispatchEvent(new MouseEvent("click", {bubbles: true}));
    said.card = document.querySelector("#card h2").textContent;
    said.chosen = document.querySelectorAll("tr.chosen").length;
    document.getElementById("filter").value = "significance > 1e6";
    document.getElementById("filter").dispatchEvent(new Event("input"));
    said.none = document.getElementById("count").textContent;
    const out = document.createElement("pre");
    out.id = "said"; out.textContent = JSON.stringify(said); document.body.appendChild(out);
    </script></body>"""
    (tmp_path / "page.html").write_text(page.text.replace("</body>", clicks))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    asked = [CHROMIUM, *options, "--virtual-time-budget=2000", "--dump-dom", f"file://{tmp_path / 'page.html'}"]
    made = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout
    said = json.loads(re.search(r'<pre id="said">(.*?)</pre>', made)[1])
    rising = [float(value) for value in said["rising"].split()]
    assert rising == sorted(rising)
    assert len(rising) == 3
    assert said["card"].startswith("1 ")
    assert said["chosen"] == 1
    assert said["none"] == "0 of 3"
