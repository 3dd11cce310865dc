"""False detections and blended sources: each branch of Fig. 14 on its own."""

import numpy as np
import pytest

from cubefocus.alma.deblend import focus_field, grow
from cubefocus.alma.field import Field
from cubefocus.alma.rows import Blob, Line, Peaks, Reason
from cubefocus.settings import FocusSettings

SETTINGS = FocusSettings()


def peaks_of(number, box, lines, centre=None):
    x, y = centre or (0.5 * (box[0] + box[2] - 1), 0.5 * (box[1] + box[3] - 1))
    return Peaks(Blob(number, box, 0.9, (x, y)), np.zeros(40), tuple(lines), Reason.PENDING, frozenset())


def parts_of(scene, box, lines, *others, settings=SETTINGS):
    """What deblending makes of a blob with some lines, beside other blobs."""
    return focus_field(Field.of(scene.cube, 0), [peaks_of(0, box, lines), *others], settings)


def reasons(parts):
    return [part.reason for part in parts]


def test_bright_source_is_kept_without_a_rise(scene, source):
    made = scene([source(48, 48, 20, line=0.0, continuum=1.0)], noise=0.01)
    parts = parts_of(made, (38, 38, 59, 59), [Line(20, 4, 1.0)], settings=FocusSettings(bright_snr=1.0, min_snr=0.1))
    assert reasons(parts) == [Reason.PENDING]


def test_condition_1_faint_and_darker_in_the_line(scene, source):
    # Same continuum source, but "line" channels in which it is fainter than on average.
    made = scene([source(48, 48, 20, line=-1.2, continuum=1.0)], noise=0.5)
    parts = parts_of(made, (42, 42, 55, 55), [Line(20, 4, 1.0)])
    assert reasons(parts) == [Reason.CONDITION_1]
    assert parts[0].snr_integrated < SETTINGS.bright_snr


def test_faint_source_that_rises_is_kept(scene, source):
    made = scene([source(48, 48, 20, line=2.0, continuum=0.0)], noise=0.1)
    parts = parts_of(made, (42, 42, 55, 55), [Line(20, 4, 1.0)])
    (candidate,) = parts
    assert candidate.reason is Reason.PENDING
    assert candidate.snr_focused > candidate.snr_integrated


def test_noise_blob_is_dropped(scene):
    made = scene([], noise=1.0)
    parts = parts_of(made, (40, 40, 55, 55), [Line(20, 4, 0.3)])
    assert reasons(parts)[0] in (Reason.CONDITION_1, Reason.LOW_SNR)


def test_two_sources_at_different_frequencies_are_told_apart(scene, source):
    made = scene([source(44, 48, 10, line=2.0), source(54, 48, 28, line=1.2)], noise=0.02)
    parts = parts_of(made, (36, 40, 62, 57), [Line(10, 4, 1.0), Line(28, 4, 0.6)])
    primary, second = parts
    assert reasons(parts) == [Reason.PENDING, Reason.PENDING]
    assert "deblended" in second.flags
    assert "blended" in primary.flags
    assert second.peaks is primary.peaks
    assert (primary.rank, second.rank) == (0, 1)
    assert second.centre == pytest.approx((54, 48), abs=0.5)
    assert primary.centre == pytest.approx((44, 48), abs=0.5)
    assert second.box[0] > 48
    assert primary.box[2] < 51
    assert primary.peaks.blob.box == (36, 40, 62, 57)


def test_continuum_of_the_primary_does_not_hide_the_second_source(scene, source):
    made = scene([source(44, 48, 10, line=2.0, continuum=3.0), source(54, 48, 28, line=1.0)], noise=0.02)
    parts = parts_of(made, (36, 40, 62, 57), [Line(10, 4, 1.0), Line(28, 4, 0.6)])
    assert parts[1].centre == pytest.approx((54, 48), abs=0.5)


def test_condition_2_overlapping_peak_that_adds_only_noise(scene, source):
    made = scene([source(48, 48, 20, line=1.0, fwhm_z=3.0)], noise=0.3)
    lines = [Line(20, 3, 1.0), Line(25, 4, 0.2)]
    # The wing of the primary's line in channels 21-23 puts the further peak at its place.
    parts = parts_of(made, (42, 42, 55, 55), lines)
    assert parts[1].reason is Reason.CONDITION_2
    assert parts[0].line is lines[0]


def test_one_line_seen_as_two_peaks_is_merged(scene, source):
    made = scene([source(48, 48, 20, line=1.0, fwhm_z=10.0)], noise=0.3)
    parts = parts_of(made, (42, 42, 55, 55), [Line(18, 2.5, 1.0), Line(22, 2.5, 0.9)])
    primary, second = parts
    assert second.reason is Reason.MERGED
    assert primary.line.range == pytest.approx((15.5, 24.5))
    assert "extended_range" in primary.flags


def test_further_peak_at_the_same_place_is_no_new_source(scene, source):
    made = scene([source(48, 48, 8, line=2.0), source(48, 48, 30, line=1.0)], noise=0.02)
    parts = parts_of(made, (40, 40, 57, 57), [Line(8, 4, 1.0), Line(30, 4, 0.5)])
    assert reasons(parts) == [Reason.PENDING, Reason.SAME_PLACE]


def test_further_peak_of_noise_is_no_new_source(scene, source):
    made = scene([source(48, 48, 8, line=2.0, sigma=5.0)], noise=0.3)
    parts = parts_of(made, (34, 34, 63, 63), [Line(8, 4, 1.0), Line(30, 4, 0.2)])
    assert reasons(parts)[0] is Reason.PENDING
    assert parts[1].reason in (Reason.FAINT_PIXEL, Reason.SAME_PLACE)


def test_peak_of_a_neighbour_is_left_to_it(scene, source):
    made = scene([source(40, 48, 8, line=2.0), source(56, 48, 30, line=2.0)], noise=0.02)
    parts = parts_of(
        made,
        (32, 40, 60, 57),
        [Line(8, 4, 1.0), Line(30, 4, 0.5)],
        peaks_of(1, (48, 40, 65, 57), [Line(30, 4, 1.0)], (56, 48)),
    )
    assert reasons(parts) == [Reason.PENDING, Reason.PENDING, Reason.OTHER_CANDIDATE]


def test_last_cut_removes_low_snr(scene, source):
    made = scene([source(48, 48, 20, line=1.0)], noise=0.1)
    parts = parts_of(made, (42, 42, 55, 55), [Line(20, 4, 1.0)], settings=FocusSettings(min_snr=1e6))
    assert reasons(parts) == [Reason.LOW_SNR]


def test_growth_of_a_gaussian_stops_where_the_aperture_s_snr_peaks():
    # Sum over square root of the area of a Gaussian cut at level L peaks at L = 0.285: half width 1.585 sigma.
    y, x = np.mgrid[:61, :61] - 30
    image = np.exp(-(x**2 + y**2) / (2 * 8.0**2))
    members = grow(image, (0, 0, 61, 61), (30, 30))
    assert image[members].min() == pytest.approx(0.285, abs=0.02)
    assert np.sqrt(members.sum() / np.pi) == pytest.approx(1.585 * 8.0, rel=0.02)


def test_growth_joins_only_friends():
    y, x = np.mgrid[:40, :80]
    image = np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / 18) + 3 * np.exp(-((x - 60) ** 2 + (y - 20) ** 2) / 18)
    members = grow(image, (0, 0, 80, 40), (20, 20))
    assert members[20, 20]
    assert not members[:, 40:].any()


def test_growth_stays_in_the_box():
    members = grow(np.ones((20, 20)), (5, 6, 10, 12), (7, 8))
    assert members.sum() == 5 * 6
    assert members[6:12, 5:10].all()
