"""What is detected in a cleaned image, with boxes at half maximum, and the table of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from continuum import CELL_ARCSEC, SIZE, continuum_header, sky_of, true_components
from scipy.ndimage import gaussian_filter

from cubefocus.errors import CubefocusError
from cubefocus.find.registry import get_entry
from cubefocus.report.tables.continuum import continuum_table, cost_table
from cubefocus.resolve.detected import detect, found_boxes, sky_boxes
from cubefocus.specs import CONTINUUM_FINDERS

TRUTH = true_components([(20.0, 42.0, 20.0, 1.6, 1.1, 0.0), (45.0, 20.0, 8.0, 1.8, 1.4, 120.0)])
BEAM = (0.8, 0.8, 0.0)
FINDERS_HERE = [name for name in CONTINUUM_FINDERS if not get_entry(name).lacks]


def cleaned(path: Path, noise: float = 0.1) -> str:
    """The sky through the beam, in Jy/beam, and noise that is correlated over it."""
    sigma = BEAM[0] / CELL_ARCSEC / 2.35482
    area = np.pi * BEAM[0] ** 2 / (4.0 * np.log(2.0))
    rng = np.random.default_rng(3)
    white = gaussian_filter(rng.standard_normal((SIZE, SIZE)), sigma)
    image = gaussian_filter(sky_of(TRUTH), sigma) * area + noise * white / white.std()
    header = continuum_header()
    header["BMAJ"], header["BMIN"], header["BPA"], header["BUNIT"] = *(np.array(BEAM[:2]) / 3600.0), 0.0, "Jy/beam"
    fits.PrimaryHDU(image, header).writeto(path)
    return str(path)


def as_catalogue(components: Table) -> Table:
    names = {"major_arcsec": "major", "minor_arcsec": "minor", "pa_deg": "position_angle"}
    copy = components.copy()
    for old, new in names.items():
        copy.rename_column(old, new)
    return copy


def test_box_is_where_the_source_with_the_beam_is_above_half() -> None:
    (box,) = sky_boxes(TRUTH[:1], ("major_arcsec", "minor_arcsec", "pa_deg"), BEAM, CELL_ARCSEC, (SIZE, SIZE))
    half_x, half_y = (0.5 * np.hypot(width, BEAM[0]) / CELL_ARCSEC for width in (1.1, 1.6))
    assert (box["x0"], box["x1"]) == (np.ceil(20 - half_x), np.floor(20 + half_x) + 1)
    assert (box["y0"], box["y1"]) == (np.ceil(42 - half_y), np.floor(42 + half_y) + 1)


@pytest.mark.parametrize("finder", FINDERS_HERE)
def test_finders_box_what_is_above_half(tmp_path: Path, finder: str) -> None:
    image = fits.getdata(cleaned(tmp_path / "clean.fits")).astype(float)
    found = found_boxes(finder, image, BEAM[0] / CELL_ARCSEC)
    true = sky_boxes(TRUTH, ("major_arcsec", "minor_arcsec", "pa_deg"), BEAM, CELL_ARCSEC, image.shape)
    for one in true:
        nearest = found[np.argmin(np.hypot(found["x"] - one["x"], found["y"] - one["y"]))]
        assert max(abs(nearest[name] - one[name]) for name in ("x0", "y0", "x1", "y1")) <= 2


def test_table_counts_what_is_found_missed_and_false(tmp_path: Path) -> None:
    clean, flat = cleaned(tmp_path / "clean.fits"), np.ones((SIZE, SIZE))
    strange = as_catalogue(TRUTH)
    strange["x"][1] += 20.0  # one component missed, one that is none
    found, notes = detect(TRUTH, TRUTH, strange, clean, flat, 4)
    assert set(found["cube_id"]) == {4}
    table = continuum_table(found, notes)
    counts = {row["method"]: (row["tp"], row["fp"], row["fn"]) for row in table}
    assert counts["RESOLVE"] == (1, 1, 1)
    assert counts["fit through the response"] == (2, 0, 0)
    assert counts["tclean + threshold"][0] == 2
    assert "oracle_recall" not in table.colnames


def test_finder_that_is_not_installed_is_told(tmp_path: Path) -> None:
    found, _ = detect(TRUTH, TRUTH, as_catalogue(TRUTH), cleaned(tmp_path / "clean.fits"), np.ones((SIZE, SIZE)), 0)
    table = continuum_table(found[found["method"] != "bdsf"], {"bdsf": "bdsf is not installed"})
    assert "tclean + bdsf was not run: bdsf is not installed" in table.meta["caption"]
    assert "tclean + bdsf" not in table["method"]


def test_posterior_without_sources_detects_none(tmp_path: Path) -> None:
    found, notes = detect(TRUTH, TRUTH, as_catalogue(TRUTH)[:0], cleaned(tmp_path / "c.fits"), np.ones((SIZE, SIZE)), 0)
    row = continuum_table(found, notes)[0]
    assert (row["method"], row["tp"], row["fp"], row["fn"]) == ("RESOLVE", 0, 0, 2)


def test_image_without_beam_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dirty.fits"
    fits.PrimaryHDU(np.zeros((SIZE, SIZE)), continuum_header()).writeto(path)
    with pytest.raises(CubefocusError, match="no beam"):
        detect(TRUTH, TRUTH, as_catalogue(TRUTH), str(path), np.ones((SIZE, SIZE)), 0)


def test_cost_is_told_over_that_of_clean() -> None:
    nothing = {"sky": "main", "stage": "", "cpu_seconds": 1.0, "memory_mb": 1.0, "note": ""}
    seconds = {"RESOLVE": 600.0, "tclean natural": 20.0, "tclean briggs": np.nan}
    costs = [nothing | {"method": name, "seconds": each} for name, each in seconds.items()]
    assert list(cost_table(costs)["over_tclean"][:2]) == [30.0, 1.0]
