"""The page of a search: it holds what was found, and works in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from astropy.table import vstack
from PIL import Image
from scenes import make_header

from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import channel_sum
from cubefocus.fit.beam import Beam
from cubefocus.search import page as page_module
from cubefocus.search.page import write_search_page
from cubefocus.search.run import search_cube
from cubefocus.search.told import of_cube, of_noise
from cubefocus.search.view import View, sum_of

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
    header = make_header(SHAPE)
    header.update({"SPECSYS": "LSRK", "BMAJ": 0.5 / 3600, "BMIN": 0.5 / 3600, "BPA": 0.0})
    cube = Cube(data.astype(np.float32), header)
    beam = Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), SHAPE)
    found = search_cube(cube, beam, (FWHM, FWHM, 0.0), rest_frequency_ghz=230.538)
    assert len(found.catalogue) == 3
    path = tmp_path_factory.mktemp("page") / "page.html"
    told = [("taken as", "0.1 </script>"), *of_cube(cube, 230.538)]
    told += of_noise(found.levels.rms, found.levels.channel, None)
    noise = 1e3 * found.levels.channel
    views = [View("best", found.found.highest, ""), sum_of(channel_sum(cube.data))]
    write_search_page(path, cube, "a <b> & c", found.catalogue, views, told, {"seed": 1}, noise)
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


def test_a_card_has_values_with_errors_each_in_its_own_unit(page):
    """A direction in degrees, its error in arcsec."""
    for source, row in zip(page.data["sources"], page.catalogue, strict=True):
        values = dict(source["values"])
        assert re.fullmatch(rf"{row['ra']:.6f} deg \u00b1 0\.0*\d\d arcsec", values["ra"])  # two figures
        value, error = re.fullmatch(r"(\S+) \u00b1 (\S+) mJy/beam", values["peak"]).groups()
        assert float(value) == pytest.approx(row["peak_mjy"], abs=0.1 * row["peak_mjy_err"])
        assert float(error) == pytest.approx(row["peak_mjy_err"], rel=0.05)
        assert {"local rms", "major convolved", "redshift"} <= set(values)


@pytest.mark.parametrize(("error", "digits"), [(12.3, 0), (1.24, 1), (0.0456, 3), (3e-6, 7), (250.0, 0), (0.0, 3)])
def test_values_have_as_many_digits_as_two_figures_of_their_errors_have(error, digits):
    assert page_module._digits_of(error) == digits


def test_noise_beam_and_frame_are_on_the_page(page):
    """By channel, without the one that is blank; the beam in pixels, for the map."""
    assert page.data["noise"][3] is None
    assert page.data["noise"][0] == pytest.approx(1.0, rel=0.1)
    assert page.data["beam"] == pytest.approx([FWHM, FWHM, 0.0], abs=1e-3)
    facts = dict(page.data["facts"])
    assert "in FK5 (J2000); frequency and radio velocity in LSRK" in facts["frame"]
    assert facts["rest frequency"] == "230.538 GHz, as given"
    assert facts["beam"].startswith("0.5 x 0.5 arcsec, position angle 0 deg, 28.3 pixels in area")
    assert "(1 of 16 hold no data); the same everywhere" in facts["noise"]
    assert "10 MHz (13.0" in facts["cube"]


def test_what_a_header_does_not_say_is_said(page):
    bare = Cube(np.zeros((2, 8, 8)), make_header((2, 8, 8)))
    told = dict(of_cube(bare, None))
    assert told["rest frequency"] == "not known: no velocity and no redshift"
    assert told["beam"] == "none in the header"
    assert "in a frame that the header does not say" in told["frame"]
    assert "3 to 8 times that by place" in of_noise(1e-3, np.ones(2), np.array([3.0, 8.0]))[0][1]


def test_the_page_needs_nothing_beside_it(page):
    assert not re.search(r'(src|href)="(?!data:)', page.text)
    assert "http" not in page.text.replace("http://www.w3.org/2000/svg", "")


def test_names_are_text_and_no_markup(page):
    assert "<title>a &lt;b&gt; &amp; c: sources</title>" in page.text
    assert page.data["facts"][0] == ["taken as", "0.1 </script>"]


def test_a_page_of_fifty_sources_stays_below_5_mb(page, tmp_path):
    """Noise is what compresses worst, and 1000 channels make long spectra."""
    noise = np.random.default_rng(2).standard_normal((1000, *SHAPE[1:])).astype(np.float32)
    cube = Cube(noise, make_header(noise.shape))
    view = View("best", np.random.default_rng(3).standard_normal((500, 500)), "")
    fifty = vstack([page.catalogue] * 17)[:50]
    write_search_page(tmp_path / "page.html", cube, "fifty", fifty, [view] * 4, [], {}, np.ones(1000))
    assert (tmp_path / "page.html").stat().st_size < 5_000_000


def test_a_large_map_is_shown_in_blocks_of_its_own_place():
    """The mean of what has data; the last blocks reach over the edge."""
    image = np.arange(2000.0 * 1501).reshape(2000, 1501)
    image[:3] = np.nan
    small, factor = page_module._shrunk(image, 800)
    assert factor == 3
    assert small.shape == (667, 501)
    assert np.isnan(small[0]).all()
    assert small[5, 7] == pytest.approx(image[16, 22])
    assert small[-1, -1] == pytest.approx(image[1998:, 1500].mean())


def browse(path, tmp_path, *options: str) -> str:
    """What Chromium makes of a page, without a window and without the network."""
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
              "--disable-component-update", "--disable-sync", "--virtual-time-budget=2000",
              f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    asked = [CHROMIUM, *common, *options, f"file://{path}"]
    return subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_page_is_light_or_dark_as_the_reader_has_it(page, tmp_path):
    """The ground is the colour of the corner; the map is drawn on both."""
    (tmp_path / "page.html").write_text(page.text)
    grounds = []
    for scheme in (0, 1):  # of Blink: dark, light
        shot = tmp_path / f"{scheme}.png"
        options = [f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1280,1000", f"--screenshot={shot}"]
        browse(tmp_path / "page.html", tmp_path, *options)
        with Image.open(shot) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=float)
        grounds.append(pixels[2, 2].mean())
        assert pixels[500:].std() > 20.0  # not an empty page
    assert grounds[0] < 50.0
    assert grounds[1] > 250.0


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
    document.querySelectorAll("ellipse.source")[1].dispatchEvent(new MouseEvent("click", {bubbles: true}));
    said.card = document.querySelector("#card h2").textContent;
    said.chosen = document.querySelectorAll("tr.chosen").length;
    document.getElementById("filter").value = "significance > 1e6";
    document.getElementById("filter").dispatchEvent(new Event("input"));
    said.none = document.getElementById("count").textContent;
    const out = document.createElement("pre");
    out.id = "said"; out.textContent = JSON.stringify(said); document.body.appendChild(out);
    </script></body>"""
    (tmp_path / "page.html").write_text(page.text.replace("</body>", clicks))
    made = browse(tmp_path / "page.html", tmp_path, "--dump-dom")
    said = json.loads(re.search(r'<pre id="said">(.*?)</pre>', made)[1])
    rising = [float(value) for value in said["rising"].split()]
    assert rising == sorted(rising)
    assert len(rising) == 3
    assert said["card"].startswith("1 ")
    assert said["chosen"] == 1
    assert said["none"] == "0 of 3"
