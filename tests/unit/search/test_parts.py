"""Islands of several sources: each has a row of its own, with its own values; what is one source stays one."""

from __future__ import annotations

import numpy as np
import pytest
from test_search import FWHM, Line, cube_of, noise, run

from cubefocus.search.maps import fill_mask, maps_of
from cubefocus.search.parts import with_parts
from cubefocus.search.sources import portraits_of

APART = 1.5 * FWHM
PAIRS = {
    "along x": (Line(44.0, 48.3, 11.0, 1.2), Line(44.0 + APART, 48.3, 11.5, 1.0)),
    "of other lines": (Line(44.0, 48.3, 9.0, 0.6), Line(44.0 + APART, 48.3, 13.0, 0.6)),
    "aslant": (Line(44.0, 44.0, 12.0, 1.0), Line(44.0 + 0.7 * APART, 44.0 + 0.7 * APART, 12.0, 1.4)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_neighbours_in_one_island_are_two_sources(pair):
    found = run(sum(one.cube() for one in pair) + noise(31))
    assert len(found.catalogue) == 2
    assert len(set(found.catalogue["candidate_id"])) <= 2
    for one in pair:
        row = min(found.catalogue, key=lambda row, one=one: abs(row["x"] - one.x) + abs(row["y"] - one.y))
        for name in ("x", "y", "z"):
            assert abs(row[name] - getattr(one, name)) < 5.0 * row[f"{name}_err"], name
        assert "from_voxels" not in str(row["flags"])
    assert len({row["name"] for row in found.catalogue}) == 2


def test_products_of_neighbours_in_one_island_are_their_own():
    """Each has its spectrum and its card, and the island that they share is once in the maps."""
    pair = PAIRS["of other lines"]
    data = (sum(one.cube() for one in pair) + noise(31)).astype(np.float32)
    found = run(data)
    assert len(set(found.catalogue["candidate_id"])) == 1
    portraits = portraits_of(found.described)
    assert [one.source_id for one in portraits] == list(found.catalogue["source_id"]) == [0, 1]
    for row, portrait in zip(found.catalogue, portraits, strict=True):
        model = portrait.spectrum["flux_density_model"]
        assert abs(int(np.argmax(model)) - row["z"]) < 1.0
    labels = np.zeros(data.shape, dtype=np.int32)
    fill_mask(found, labels)
    assert set(np.unique(labels)) == {0, *found.catalogue["candidate_id"]}
    peak, _ = maps_of(cube_of(data), found)["peak"]
    total, _ = maps_of(cube_of(data), found)["moment0"]
    assert np.nanmax(peak) == data[labels > 0].max()
    kms = np.abs(np.gradient(cube_of(data).frequencies_hz)) / cube_of(data).frequencies_hz * 299792.458
    summed = (np.where(labels > 0, data, 0.0) * kms[:, None, None]).sum()
    assert np.nansum(total) == pytest.approx(summed, rel=1e-4)


def test_three_sources_with_continuum_are_told_apart_and_each_has_its_own_flux():
    """Their continua link them through the whole band; what the residual holds elsewhere has no say."""
    lines = [
        Line(30.0, 48.0, 6.0, 0.8, continuum=0.05),
        Line(30.0 + 1.6 * FWHM, 50.0, 17.0, 0.6, continuum=0.06),
        Line(30.0 + 3.2 * FWHM, 47.0, 12.0, 0.9, continuum=0.04),
    ]
    found = run(sum(one.cube() for one in lines) + noise(35))
    assert len(found.catalogue) == len(lines)
    assert len(set(found.catalogue["candidate_id"])) == 1
    assert list(found.candidates["reason"]).count("kept") == 1
    for one in lines:
        row = min(found.catalogue, key=lambda row, one=one: abs(row["x"] - one.x) + abs(row["y"] - one.y))
        for name in ("x", "y", "z"):
            assert abs(row[name] - getattr(one, name)) < 5.0 * row[f"{name}_err"], name
        assert row["continuum_mjy"] == pytest.approx(1e3 * one.continuum, rel=0.2)


def test_at_least_one_of_the_pairs_is_one_island():
    """Else the others tell nothing of islands that hold several sources."""
    held = [run(sum(one.cube() for one in pair) + noise(31)).catalogue["candidate_id"] for pair in PAIRS.values()]
    assert any(len(set(one)) == 1 for one in held)


def test_one_source_stays_one():
    (row,) = run(Line(44.0, 48.3, 11.0, 1.5, sigma=2.0).cube() + noise(32)).catalogue
    assert "from_voxels" not in str(row["flags"])


def test_where_nothing_is_left_nothing_is_fitted_again():
    data = (Line(44.0, 48.3, 11.0, 0.5).cube() + noise(33)).astype(np.float32)
    found = run(data)
    (described,) = found.described
    islands = found.islands.of([0], described.window.corner, described.window.of(cube_of(data)).data.shape)
    parted = with_parts(described.fitted, islands, 1, 5.0, data)
    assert parted.fitted is described.fitted
    assert parted.islands is islands
    assert (parted.owners, parted.composed) == ([0], [False])


def test_many_sources_of_one_window_are_measured_as_well_as_few():
    """Twenty-five in a cube, some of them nearer than two beams: found, and within their errors."""
    rng, lines = np.random.default_rng(7), []
    for x in np.arange(14.0, 140.0, 30.0):
        for y in np.arange(14.0, 140.0, 30.0):
            x0, y0 = np.array([x, y]) + rng.uniform(-6.0, 6.0, 2)
            lines.append(Line(x0, y0, rng.uniform(5.0, 19.0), rng.uniform(0.6, 1.5)))
    lines.append(Line(lines[7].x + 1.7 * FWHM, lines[7].y, 12.0, 1.0))
    shape = (24, 150, 150)
    found = run(sum(one.cube(shape) for one in lines) + noise(36, shape))
    assert len(found.catalogue) == len(lines)
    pulls = []
    for one in lines:
        row = min(found.catalogue, key=lambda row, one=one: abs(row["x"] - one.x) + abs(row["y"] - one.y))
        pulls.append([(row[name] - getattr(one, name)) / row[f"{name}_err"] for name in ("x", "y", "z")])
        assert "not_converged" not in str(row["flags"])
    assert np.abs(pulls).max() < 4.5
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1.0, abs=0.3)
