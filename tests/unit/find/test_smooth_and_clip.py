"""Smooth and clip: its masks against plain loops, its linker against brute force, its sources against the truth."""

import ast
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from smooth_and_clip_reference import detect, friends_of_friends

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import COLUMNS
from cubefocus.find.linker import link, measure
from cubefocus.find.reliability import reliability
from cubefocus.find.smooth_and_clip import (
    PARAMETERS,
    SOFIA_DEFAULTS,
    GridFinder,
    checked,
    find,
    masks,
    smooth_and_clip,
)
from cubefocus.find.smoothing import passes, smooth
from cubefocus.tables.matching import match

SOFIA = Path(__file__).parent / "data" / "sofia-2.2.1.npz"
FEW = {"kernels_xy": (0, 3), "kernels_z": (0, 3)}
LOW = {"threshold": 3.2, "min_size_xy": 3, "min_size_z": 2, "kernels_xy": (0, 3, 5), "kernels_z": (0, 3, 5)}
BEAM, BEAM_AREA = 1.2, 4 * np.pi * 1.2**2  # noise that is correlated over so many pixels
ALL = {"reliability": 0.0, "min_size_xy": 1, "min_size_z": 1}  # every positive detection


def cube_with(sources, shape=(32, 64, 64), seed=1, beam=0.0):
    """Noise of 1, correlated over a beam where asked, and Gaussian sources (x, y, z, peak) of sigma 2 in each axis."""
    cube = np.random.default_rng(seed).normal(size=shape)
    if beam:
        cube = ndimage.gaussian_filter(cube, (0, beam, beam))
        cube /= cube.std()
    z, y, x = np.indices(shape)
    for x0, y0, z0, peak in sources:
        cube += peak * np.exp(-((x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2) / 8.0)
    return cube


def nested(cube):
    return [[[float(v) if np.isfinite(v) else None for v in row] for row in plane] for plane in cube]


def as_mask(voxels, shape):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(np.array(sorted(voxels)).T)] = True
    return mask


@pytest.mark.parametrize("threshold", [2.5, 4.0])
@pytest.mark.parametrize("blank", [False, True])
def test_masks_are_those_of_the_plain_loops_voxel_by_voxel(threshold, blank):
    cube = cube_with([(5, 9, 6, 8.0), (14, 3, 4, -6.0)], (12, 14, 17)).astype(np.float32)
    if blank:
        cube[:, :3] = np.nan
        cube[5, 10:, 4:9] = np.nan
    kernels = {"kernels_xy": (0, 3, 5.5), "kernels_z": (0, 3, 7)}
    mask = smooth_and_clip(cube, checked({**kernels, "threshold": threshold}))
    expected = detect(nested(cube), *kernels.values(), threshold, replacement=2.0)
    assert 20 < len(expected) < 1500
    np.testing.assert_array_equal(mask, as_mask(expected, cube.shape))


def test_smoothing_finds_what_is_too_faint_for_a_single_voxel():
    cube = cube_with([(30, 30, 15, 2.5)])
    assert len(find(cube, {"kernels_xy": (0,), "kernels_z": (0,)} | ALL)) == 0
    found = find(cube, ALL)
    assert len(found) == 1
    assert (found["x"][0], found["y"][0], found["z"][0]) == pytest.approx((30, 30, 15), abs=1.0)


def test_replacement_keeps_a_bright_source_from_growing_with_the_kernels():
    cube = cube_with([(30, 30, 15, 300.0)])
    sizes = [find(cube, ALL | {"replacement": value})["n_voxels"].max() for value in (2.0, 300.0)]
    assert sizes[0] < 0.5 * sizes[1]


@pytest.mark.parametrize("radii", [(1, 1), (2, 1), (1, 3), (3, 2), (5, 5)])
def test_linked_voxels_are_those_of_brute_force(radii):
    mask = np.random.default_rng(5).random((14, 30, 30)) < {1: 0.03, 2: 0.02, 3: 0.007, 5: 0.002}[max(radii)]
    mask[3:6, 10:14, 20:25] = True
    labels = link(mask, *radii)
    expected = friends_of_friends([tuple(map(int, place)) for place in np.argwhere(mask)], *radii)
    assert len(expected) > 3
    ours = [{tuple(map(int, place)) for place in np.argwhere(labels == n)} for n in range(1, labels.max() + 1)]
    assert sorted(map(sorted, ours)) == sorted(map(sorted, expected))


def test_voxels_are_friends_up_to_the_radius_and_no_further():
    mask = np.zeros((9, 20, 20), dtype=bool)
    mask[4, 5, 5] = mask[4, 8, 9] = True  # 5 pixels apart
    assert link(mask, 5, 1).max() == 1
    assert link(mask, 4, 5).max() == 2
    mask[7, 8, 9] = True
    assert link(mask, 5, 2).max() == 2
    assert link(mask, 5, 3).max() == 1


def test_the_window_of_the_linker_is_an_ellipsoid():
    mask = np.zeros((9, 20, 20), dtype=bool)
    mask[4, 10, 10] = mask[5, 10, 11] = True  # they share an edge, no face
    assert link(mask, 1, 1).max() == 2
    assert link(mask, 2, 2).max() == 1
    mask[5, 10, 11], mask[6, 10, 13] = False, True  # 9 / 16 + 4 / 9 is just above 1
    assert link(mask, 4, 3).max() == 2
    assert link(mask, 5, 3).max() == 1
    mask[6, 10, 13], mask[7, 14, 10] = False, True  # 16 / 25 + 9 / 25 is 1
    assert link(mask, 5, 5).max() == 1


@pytest.mark.parametrize("setting", ["no_smoothing_thr4", "defaults_thr4", "link22_thr4", "paper_kernels_thr4"])
def test_with_its_kernels_the_masks_are_those_of_sofia(setting):
    with np.load(SOFIA) as file:
        cube, raw, theirs = (file[name] for name in ("cube", f"raw_{setting}", f"mask_{setting}"))
        settings = ast.literal_eval(str(file[f"parameters_{setting}"])) | {"kernel": "boxcar"}
    detected, ours = smooth_and_clip(cube, checked(settings)), masks(cube, settings)
    assert overlap(detected, raw) > 0.9997
    assert overlap(ours > 0, theirs > 0) > 0.9997
    assert np.mean(detected == raw) > 0.9999
    pairs = np.unique(np.column_stack([ours.ravel(), theirs.ravel()]), axis=0)
    assert len(pairs[pairs.all(axis=1)]) == ours.max() == theirs.max()  # the same sources, none split or merged


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize(
    ("fwhm", "width"), [(1.0, 3.33), (3, 3.33), (5, 4.71), (6, 5.77), (7, 6.66), (9, 9.42), (11, 10.53), (40, 39.4)]
)
def test_passes_of_a_boxcar_are_about_as_wide_as_the_gaussian(fwhm, width):
    number, radius = passes(fwhm)
    assert 3 <= number <= 6
    assert radius >= 1
    point, scratch = np.zeros((1, 201, 201), np.float32), [np.empty((1, 201, 201), np.float32) for _ in range(2)]
    point[0, 100, 100] = 1.0
    seen = smooth(point, fwhm, 0, tuple(scratch), "boxcar")[0].astype(float)
    assert seen.sum() == pytest.approx(1.0, rel=1e-5)
    variance = (seen.sum(axis=0) * (np.arange(201) - 100) ** 2).sum()
    assert np.sqrt(8 * np.log(2) * variance) == pytest.approx(width, rel=2e-3)
    np.testing.assert_allclose(seen, seen.T, atol=1e-8)


def test_what_is_measured_of_a_source():
    cube, labels = np.zeros((5, 8, 9)), np.zeros((5, 8, 9), dtype=np.int32)
    cube[1:3, 4, 6], labels[1:3, 4, 6] = (1.0, 3.0), 1
    cube[4, 2, 1:4], labels[4, 2, 1:4] = (-2.0, -5.0, 1.0), 2
    seen = measure(cube, labels)
    assert seen.n_voxels.tolist() == [2, 3]
    assert seen.total.tolist() == [4.0, -6.0]
    assert seen.peak.tolist() == [3.0, -5.0]
    assert seen.size.tolist() == [[2, 1, 1], [1, 1, 3]]
    assert seen.centre[0].tolist() == [1.75, 4.0, 6.0]


def test_sources_are_reliable_and_where_they_are_and_the_noise_is_not():
    true = np.array([(12, 15, 8, 9), (85, 20, 20, 12), (20, 80, 45, 10), (50.4, 47.7, 24.3, 15)], dtype=float)
    cube = cube_with(true, (64, 128, 128), beam=BEAM)
    candidates, found = (find(cube, LOW | {"beam_area": BEAM_AREA, "reliability": least}) for least in (0.0, 0.9))
    assert len(candidates) > 60
    found = found[np.argsort(found["snr"])[-len(true) :]]
    assert (found["reliability"] > 0.99).all()
    np.testing.assert_allclose(np.column_stack([found[name] for name in "xyz"]), _by_peak(true)[:, :3], atol=0.7)
    np.testing.assert_allclose(found["snr"], _by_peak(true)[:, 3], atol=2.5)
    np.testing.assert_allclose(found["flux"], _by_peak(true)[:, 3] * (8 * np.pi) ** 1.5, rtol=0.2)


def _by_peak(sources):
    return sources[np.argsort(sources[:, 3])]


def test_pure_noise_has_detections_but_few_reliable_ones():
    cube = cube_with([], (64, 128, 128), beam=BEAM)
    settings = LOW | {"beam_area": BEAM_AREA}
    candidates = find(cube, settings | {"reliability": 0.0})
    assert len(candidates) > 60
    assert np.median(candidates["reliability"]) < 0.3
    assert len(find(cube, settings)) < 0.08 * len(candidates)


def test_the_reliability_comes_from_the_negative_detections():
    cube = cube_with([(30, 30, 15, 9.0)], beam=BEAM)
    alone = find(np.concatenate([cube, np.roll(cube_with([], beam=BEAM), 7)], axis=1), LOW | {"reliability": 0.0})
    both = find(np.concatenate([cube, -cube], axis=1), LOW | {"reliability": 0.0})
    assert alone["reliability"][np.argmax(alone["snr"])] > 0.99
    assert both["snr"].max() == pytest.approx(alone["snr"].max(), rel=0.05)
    assert both["reliability"][np.argmax(both["snr"])] < 0.05  # there is one like it that is negative


def test_reliability_compares_the_densities():
    rng = np.random.default_rng(2)
    negative = rng.normal(size=(500, 3))
    false, true = rng.normal(size=(500, 3)), rng.normal(size=(500, 3)) + 6.0
    score = reliability(np.concatenate([false, true]), negative, 0.4)
    assert np.median(score[:500]) < 0.5
    assert score[500:].min() > 0.99
    # where positive and negative ones are in the same places, P = N
    assert reliability(negative, negative, 0.4) == pytest.approx(0.0)
    # one of each in one dimension: kernels by hand
    line = np.array([[0.0], [1.0], [2.0]])
    p, n = 1.0, np.exp(-0.5 * np.array([9.0, 4.0, 1.0]) / 0.25).sum()
    assert reliability(np.array([[3.0]]), line, 0.5) == pytest.approx((p - n) / p)


def test_without_negative_detections_nothing_speaks_against_the_positive_ones():
    assert reliability(np.zeros((2, 3)), np.ones((3, 3)), 0.4).tolist() == [1.0, 1.0]


def test_the_summed_snr_decides_what_is_reliable():
    cube = cube_with([(30, 30, 15, 9.0)])
    snr = find(cube, {})["snr_sum"][0]
    assert len(find(cube, {"min_snr": snr * 0.99})) == 1
    assert len(find(cube, {"min_snr": snr * 1.01})) == 0
    assert find(cube, {"beam_area": 4.0})["snr_sum"][0] == pytest.approx(snr / 2)


def test_boxes_and_line_ranges_are_those_of_the_masks():
    cube = cube_with([(22, 30, 15, 20.0), (45, 40, 9, 20.0)])
    found, labels = find(cube, FEW), masks(cube, FEW)
    assert len(found) == labels.max() == 2
    for number, row in enumerate(found, start=1):
        z, y, x = np.nonzero(labels == number)
        assert (row["x0"], row["y0"], row["x1"], row["y1"]) == (x.min(), y.min(), x.max() + 1, y.max() + 1)
        assert (row["z0"], row["z1"]) == (z.min() - 0.5, z.max() + 0.5)
        assert row["flux"] == pytest.approx(cube[labels == number].sum(), rel=1e-5)
        assert row["peak"] == pytest.approx(cube[labels == number].max(), rel=1e-6)
        assert row["n_voxels"] == len(z)


def test_what_it_finds_can_be_matched_with_the_truth():
    found = find(cube_with([(30, 30, 15, 15.0)]), FEW)
    found["cube_id"] = 0
    box = {"x0": 26, "y0": 26, "x1": 35, "y1": 35, "z0": 10.3, "z1": 19.7}
    assert match(found, type(found)(rows=[{"cube_id": 0} | box]), line_iou=0.6).tp == 1


def test_only_the_region_in_the_middle_is_searched():
    cube = cube_with([(30, 30, 15, 15.0), (4, 60, 15, 15.0)])
    whole, middle = find(cube, FEW | {"region": 0}), find(cube, FEW | {"region": 40})
    assert (len(whole), len(middle)) == (2, 1)
    assert (middle["x"][0], middle["y"][0], middle["z"][0]) == pytest.approx((30, 30, 15), abs=0.3)
    assert masks(cube, {"region": 40}).shape == cube.shape
    assert masks(cube, {"region": 40})[15, 30, 30] == 1


def test_the_unit_and_blanked_voxels_change_nothing():
    cube = cube_with([(30, 30, 15, 15.0)])
    cube[:, :, 45:] = np.nan
    a, b = find(cube, {}), find(np.nan_to_num(cube) * 1e-3, {})
    assert len(a) == 1
    assert a["snr"] == pytest.approx(b["snr"], rel=1e-5)
    assert [list(row) for row in a["x0", "y1", "z0"]] == [list(row) for row in b["x0", "y1", "z0"]]


def test_noise_of_each_channel_can_be_scaled_away():
    cube = cube_with([(30, 30, 15, 12.0)])
    cube[20:] *= 6.0
    cube[31] = 0.0
    plain, scaled = find(cube, ALL), find(cube, ALL | {"scale_noise": True})
    assert len(plain) > 20
    assert len(scaled) == 1
    assert scaled["flux"][0] == pytest.approx(12 * (8 * np.pi) ** 1.5, rel=0.2)


def test_continuum_can_be_subtracted():
    cube = cube_with([(30, 30, 15, 12.0)])
    cube[:, 48:56, 48:56] += 8.0
    cube[3, 12, 5] = np.nan
    assert len(find(cube, FEW)) == 2
    without = find(cube, FEW | {"subtract_continuum": True})
    assert without["x"].tolist() == pytest.approx([30], abs=0.3)


def test_a_grid_search_gives_what_single_runs_give(monkeypatch):
    cubes, smoothed = [cube_with([(30, 30, 15, 9.0)], seed=seed) for seed in (1, 2)], []
    monkeypatch.setattr(
        "cubefocus.find.smooth_and_clip.smooth_and_clip",
        lambda image, settings: smoothed.append(settings["threshold"]) or smooth_and_clip(image, settings),
    )
    finder = GridFinder()
    points = [ALL | {"threshold": t, "radius_xy": r, "region": 50} for t in (3.5, 5.0) for r in (1, 2)]
    ours = [finder(cube, point) for point in points for cube in cubes]
    assert smoothed == [3.5, 3.5, 5.0, 5.0]
    for got, expected in zip(ours, [find(cube, point) for point in points for cube in cubes], strict=True):
        assert len(got)
        assert [list(row) for row in got] == [list(row) for row in expected]


def test_a_cube_without_detections_gives_an_empty_table_with_all_columns():
    found = find(cube_with([], shape=(8, 16, 16)), {"threshold": 20.0})
    assert len(found) == 0
    assert set(COLUMNS) | {"z0", "z1"} < set(found.colnames)
    assert not masks(cube_with([], shape=(8, 16, 16)), {"threshold": 20.0}).any()


@pytest.mark.parametrize(
    "bad",
    [
        {"treshold": 5.0},
        {"threshold": -1.0},
        {"radius_xy": 0},
        {"kernels_z": (0, 4)},
        {"kernels_xy": ("3",)},
        {"kernels_xy": 3},
        {"kernels_xy": ()},
        {"beam_area": 0.5},
        {"kernel": "box"},
    ],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(CubefocusError, match=next(iter(bad))):
        find(cube_with([], shape=(4, 8, 8)), bad)


def test_what_is_no_dirty_cube_is_refused():
    with pytest.raises(CubefocusError, match="2 axes"):
        find(np.ones((8, 8)), {})
    with pytest.raises(CubefocusError, match="no negative voxel"):
        find(np.ones((4, 8, 8)), {})


def test_the_paper_s_kernels_and_sofia_s_own():
    assert PARAMETERS["kernels_xy"] == PARAMETERS["kernels_z"] == (0, 3, 5, 7, 9, 11)
    assert set(SOFIA_DEFAULTS) == set(PARAMETERS)
    assert (PARAMETERS["kernel"], SOFIA_DEFAULTS["kernel"]) == ("gaussian", "boxcar")
