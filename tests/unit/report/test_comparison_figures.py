"""Maps of several networks beside the sky, and residuals of Blobs Finder and tclean in units of one sigma."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.errors import CubefocusError
from cubefocus.report.figures.maps import MapPanel, map_panels
from cubefocus.report.figures.residual_maps import ResidualPanel, at_beam, residual_panels, residuals
from cubefocus.report.figures.style import PREDICTED, TRUE

BEAM = (8.0, 5.0, 30.0)
NOISE = 0.01


def blob(size, x, y, sigma=3.0):
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2.0 * sigma**2))


def box(x, y, half=8):
    return [x - half, y - half, x + half, y + half]


def map_panel(size=200, **more):
    sky = 5.0 * blob(size, 40, 50) + 4.0 * blob(size, 100, 60) + 6.0 * blob(size, 180, 190)
    maps = {"blobs_finder": sky / sky.max(), "decoras": np.zeros((size, size))}
    given = {"true": np.array([box(40, 50), box(100, 60), box(180, 190)]), "found": {"decoras": [box(41, 50)]}}
    return MapPanel("cube 7", sky, maps, **(given | more))


def residual_panel(size=96, **more):
    sky = 7.0 * blob(size, 40, 50) + 3.0 * blob(size, 70, 30)
    noise = NOISE * np.random.default_rng(2).normal(size=(size, size))
    seen = at_beam(sky, BEAM) / 9.0
    given = {"dirty": seen + noise, "sky": sky, "ours": sky / sky.max(), "clean": seen + noise, "beam": BEAM}
    return ResidualPanel("cube 7", **(given | {"noise": NOISE} | more))


def draw(figure):
    figure.draw_without_rendering()


def outlines(axes, colour):
    return [patch.get_bbox().extents.tolist() for patch in axes.patches if patch.get_edgecolor() == to_rgba(colour)]


@pytest.mark.parametrize("number", [1, 3])
def test_maps_draw_beside_the_sky_with_their_likeness_and_their_own_boxes(number):
    figure = map_panels([map_panel()] * number)
    draw(figure)
    first, sky, second = figure.axes[:3]
    assert len(figure.axes) == 3 * number + 1  # one colour bar
    assert [axes.get_title() for axes in (first, sky)] == ["Blobs Finder\nSSIM 1.000", "true sky"]
    name, likeness = second.get_title().split("\nSSIM ")
    assert name == "DECORAS"
    assert float(likeness) < 0.99
    assert all(axes.images[0].get_clim() == (0, 1) for axes in (first, sky, second))
    assert np.max(sky.images[0].get_array()) == pytest.approx(5.0 / 6.0, abs=1e-3)  # the brightest one is not shown
    assert [len(outlines(axes, TRUE)) for axes in (first, sky, second)] == [3, 3, 3]
    assert [outlines(axes, PREDICTED) for axes in (first, sky)] == [[], []]
    assert outlines(second, PREDICTED) == [[32.5, 41.5, 48.5, 57.5]]


def shown(panel, **more):
    axes = map_panels([panel], **more).axes[0]
    assert axes.images[0].get_extent() == [*axes.get_xlim(), *axes.get_ylim()]
    return [int(edge + 0.5) for edge in (*axes.get_xlim(), *axes.get_ylim())]


def test_the_part_shown_is_around_the_brightest_sources_that_fit_into_it():
    assert shown(map_panel()) == [6, 134, 0, 128]  # these two sources together outshine the brightest one
    assert shown(map_panel(), crop=32) == [164, 196, 168, 200]
    assert shown(map_panel(), crop=500) == [0, 200, 0, 200]
    assert shown(map_panel(true=np.empty((0, 4)))) == [36, 164, 36, 164]


def test_pixels_without_data_are_blank_and_count_as_no_flux():
    panel = map_panel(100, true=np.empty((0, 4)))
    panel.sky[:10] = np.nan
    panel.maps["blobs_finder"][:10] = np.nan
    figure = map_panels([panel])
    draw(figure)
    assert np.ma.getmaskarray(figure.axes[1].images[0].get_array())[:10].all()
    assert figure.axes[0].get_title().endswith("1.000")


def test_maps_that_do_not_fit_are_told():
    panel = map_panel()
    with pytest.raises(CubefocusError, match="at least one"):
        map_panels([])
    with pytest.raises(CubefocusError, match="no network"):
        map_panels([replace(panel, maps={}, found={})])
    with pytest.raises(CubefocusError, match="maps of decoras, the first one of blobs_finder, decoras"):
        map_panels([panel, replace(panel, maps={"decoras": panel.sky})])
    with pytest.raises(CubefocusError, match="boxes of other"):
        map_panels([replace(panel, found={"other": []})])
    with pytest.raises(CubefocusError, match=r"decoras \(9, 9\)"):
        map_panels([replace(panel, maps=panel.maps | {"decoras": np.zeros((9, 9))})])
    with pytest.raises(CubefocusError, match=r"\[0, 1\]"):
        map_panels([replace(panel, maps=panel.maps | {"decoras": panel.sky})])


def test_a_beam_keeps_flux_and_has_its_width_along_its_own_axes():
    point = np.zeros((101, 101))
    point[50, 50] = 2.0
    smooth = at_beam(point, (16.0, 8.0, 90.0))  # the long axis from +y by 90 deg: along x
    assert smooth.sum() == pytest.approx(2.0)
    rows, columns = np.mgrid[:101, :101] - 50
    widths = [np.sqrt((smooth * offset**2).sum() / 2.0) * SIGMA_TO_FWHM for offset in (columns, rows)]
    assert widths == pytest.approx([16.0, 8.0], rel=0.01)
    turned = at_beam(point, (16.0, 8.0, 30.0))
    assert (turned * rows * columns).sum() < 0  # from +y (up) towards -x (left)


def test_a_perfect_map_leaves_nothing_and_a_perfect_clean_image_its_noise():
    left = residuals(residual_panel())
    assert left.ours == pytest.approx(np.zeros((96, 96)), abs=1e-9)
    assert left.clean[~left.sources].std() == pytest.approx(1.0, abs=0.05)
    assert left.clean[left.sources].mean() == pytest.approx(0.0, abs=0.2)


def test_no_unit_matters():
    panel, left = residual_panel(noise=None), residuals(residual_panel(noise=None))
    scaled = residuals(replace(panel, sky=1e-6 * panel.sky, ours=0.5 * panel.ours, clean=30.0 * panel.clean))
    assert scaled.ours == pytest.approx(left.ours, abs=1e-6)
    assert scaled.clean == pytest.approx(left.clean, abs=1e-6)
    dimmed = residuals(replace(panel, dirty=1e-3 * panel.dirty))
    assert dimmed.clean == pytest.approx(left.clean, abs=1e-6)


def test_both_residuals_have_one_sigma():
    panel = residual_panel()
    missed = residuals(replace(panel, ours=7.0 * blob(96, 40, 50), clean=at_beam(7.0 * blob(96, 40, 50), BEAM)))
    wanted = -3.0 / (9.0 * NOISE)  # the missed source's peak over the noise, both in units of the sky
    assert missed.ours[30, 70] == pytest.approx(wanted, rel=0.05)
    smooth = at_beam(3.0 * blob(96, 70, 30), BEAM)[30, 70]
    assert missed.clean[30, 70] == pytest.approx(wanted * smooth / 3.0, rel=0.05)
    assert abs(missed.ours[50, 40]) < 1.0
    louder = residuals(replace(panel, ours=0.0 * panel.ours, noise=2.0 * NOISE))
    assert louder.ours == pytest.approx(residuals(replace(panel, ours=0.0 * panel.ours)).ours / 2.0)


def test_a_clean_image_is_compared_at_its_resolution_and_behind_the_primary_beam():
    panel = residual_panel()
    sharp, fair = residuals(replace(panel, beam=None)), residuals(panel)
    assert np.abs(sharp.clean[sharp.sources]).mean() > 3 * np.abs(fair.clean[fair.sources]).mean()
    primary = np.tile(np.linspace(1.0, 0.4, 96), (96, 1))
    noise = panel.clean - at_beam(panel.sky, BEAM) / 9.0
    dimmed = at_beam(panel.sky * primary, BEAM) / 9.0 + noise
    behind = replace(panel, dirty=dimmed, clean=dimmed)
    corrected = residuals(replace(behind, primary_beam=primary))
    assert corrected.clean.std() == pytest.approx(1.0, abs=0.05)
    assert corrected.clean[corrected.sources].mean() == pytest.approx(0.0, abs=0.2)
    bright, faint = (residuals(behind).clean[place] for place in ((50, 40), (30, 70)))
    assert bright - faint > 2.0  # the one nearer to the middle of the beam
    assert corrected.ours == pytest.approx(np.zeros((96, 96)), abs=1e-9)


@pytest.mark.parametrize("number", [1, 3])
def test_residuals_draw_with_one_range_of_colours_and_their_means(number):
    panel = residual_panel()
    panel.dirty[:12] = panel.clean[:12] = np.nan
    empty = replace(panel, ours=np.zeros((96, 96)), beam=None)
    figure = residual_panels([panel, empty, panel][:number], limit=4.0)
    draw(figure)
    assert len(figure.axes) == 6 * number + 2
    ours, clean = figure.axes[4:6]
    assert all(axes.images[0].get_clim() == (-4.0, 4.0) for axes in (ours, clean))
    assert all(np.ma.getmaskarray(axes.images[0].get_array())[:12].all() for axes in (ours, clean))
    assert ours.get_ylim() == (11.5, 95.5)  # without the rows that hold no data
    assert "mean $|r|$ 0.00$" in ours.get_title()
    assert "clean beam" in clean.get_title()
    left = residuals(panel)
    mean, there = (np.abs(left.clean[part]).mean() for part in (np.isfinite(left.clean), left.sources))
    assert f"{mean:.2f}$\\sigma$, sources {there:.2f}$\\sigma$" in clean.get_title()
    if number > 1:
        assert "sharp sky" in figure.axes[11].get_title()


def test_without_a_cube_the_figure_says_that_there_is_none():
    assert residual_panels([]).axes[0].texts[0].get_text() == "no sources"


def test_what_has_no_scale_is_told():
    panel = residual_panel()
    nothing = np.zeros((96, 96))
    beyond = np.where(panel.sky > 0.001, np.nan, panel.clean)
    for wrong, told in (
        ({"sky": nothing}, "sky is empty"),
        ({"dirty": nothing}, "no sigma"),
        ({"dirty": -panel.dirty}, "no sigma"),
        ({"noise": 0.0}, "noise 0"),
        ({"clean": beyond}, "no source lies"),
        ({"ours": np.zeros((9, 9))}, r"ours \(9, 9\)"),
        ({"primary_beam": np.zeros((9, 9))}, r"primary beam \(9, 9\)"),
        ({"beam": (5.0, 8.0, 0.0)}, "a beam of 5 x 8 px"),
        ({"beam": (5.0, np.nan, 0.0)}, "a beam of 5 x nan px"),
    ):
        with pytest.raises(CubefocusError, match=told):
            residual_panels([replace(panel, **wrong)])
    with pytest.raises(CubefocusError, match="end at 0 sigma"):
        residual_panels([panel], limit=0.0)
