"""`make publish`: what of a run goes into docs/results."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).parents[3]
LARGEST = 15_000  # bytes, instead of a million, so that a small picture is too large
PUBLISH = runpy.run_path(str(ROOT / "scripts" / "publish.py"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of the denoising study: tables, a benchmark, a small figure and one of noise, which does not compress."""
    monkeypatch.setitem(PUBLISH["main"].__globals__, "LARGEST", LARGEST)
    folder = tmp_path / "run"
    for name in ("tables", "figures", "benchmarks/denoise", "scores/noise"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text("study: lofar\n")
    for name in ("denoised.csv", "denoised.md", "denoised_fields.csv", "times.csv"):
        (folder / "tables" / name).write_text("dataset,method\nnoise,FFT filter\n")
    (folder / "scores/noise/000.ecsv").write_text("not to be published\n")
    (folder / "benchmarks/denoise/a.tsv").write_text("s\tcpu_time\tmax_rss\n30.0\t60.0\t2048.0\n")
    facts = PngInfo()
    facts.add_text("Description", '{"seed": 1}')
    pixels = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "figures/maps_noise.png", pnginfo=facts)
    Image.fromarray(pixels[:5]).save(folder / "figures/denoised_snr.png", pnginfo=facts)
    return folder


def test_tables_figures_config_and_times_of_the_denoising_study(run, tmp_path):
    target = tmp_path / "docs"
    (target / "tables").mkdir(parents=True)
    (target / "tables" / "old.csv").write_text("of the run before\n")
    (target / "README.md").write_text("stays\n")
    PUBLISH["main"](run, target)
    made = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert made == {
        "README.md", "config.yaml", "times.md", "tables/denoised.csv", "tables/denoised.md", "tables/times.csv",
        "tables/denoised_fields.csv", "figures/maps_noise.png", "figures/denoised_snr.png",
    }  # fmt: skip
    assert "| denoise | 1 | 1.0 | 30 | 2.0 |" in (target / "times.md").read_text()


def test_a_picture_that_is_too_large_is_made_smaller_and_keeps_its_origin(run, tmp_path):
    PUBLISH["main"](run, tmp_path / "docs")
    place = tmp_path / "docs/figures/maps_noise.png"
    assert (run / "figures/maps_noise.png").stat().st_size > place.stat().st_size
    assert place.stat().st_size <= LARGEST
    with Image.open(place) as image:
        assert image.text == {"Description": '{"seed": 1}'}
        assert 60 < image.width < 150
    small = "figures/denoised_snr.png"
    assert (run / small).read_bytes() == (tmp_path / "docs" / small).read_bytes()


def test_a_run_without_its_first_table_is_told_in_one_line(run, tmp_path):
    (run / "tables/denoised.csv").unlink()
    with pytest.raises(SystemExit, match=r"has no tables/detection\.csv; run the experiment first"):
        PUBLISH["main"](run, tmp_path / "docs")
