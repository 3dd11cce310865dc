"""Steps 4-5: focusing, false detections and blended sources (MNRAS 4.4 iii, Fig. 14)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.morphology import reconstruction

from cubefocus.alma.field import Field
from cubefocus.alma.rows import Box, Line, Part, Peaks, Reason, Stage
from cubefocus.alma.snr import global_snr, pixel_snr
from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.settings import FocusSettings

# Standard deviation in pixels of the smoothing of a cube whose header names no beam.
DEFAULT_BEAM_SIGMA = 1.5


def focus_field(field: Field, peaks: Sequence[Peaks], settings: FocusSettings) -> tuple[Part, ...]:
    """Test, focus and deblend all blobs of a cube that have a line.

    Parameters
    ----------
    field : Field
    peaks : sequence of Peaks
    settings : FocusSettings

    Returns
    -------
    tuple of Part
        The highest peak of each blob in their order, then the further ones. They are told apart as in MNRAS Fig. 14;
        each that is dropped keeps its reason (`Reason`).
    """
    primaries = [_primary(row) for row in peaks if row.lines]
    further: list[Part] = []
    for place, primary in enumerate(primaries):
        others = primaries[:place] + primaries[place + 1 :]
        if len(primary.peaks.lines) == 1:
            primaries[place] = judge_primary(field, primary, [primary.box], settings)
        else:
            primaries[place], parted = _judge_flagged(field, primary, others, settings)
            further += parted
    return tuple(_last_cut(part, settings) for part in [*primaries, *further])


def _primary(row: Peaks) -> Part:
    return Part(row, 0, row.lines[0], row.blob.box, row.blob.centre, Stage.FOCUS, row.flags)


def _last_cut(part: Part, settings: FocusSettings) -> Part:
    if not part.alive:
        return part
    enough = part.snr_focused >= settings.min_snr
    return replace(part, stage=Stage.FINAL, reason=Reason.PENDING if enough else Reason.LOW_SNR)


def judge_primary(field: Field, part: Part, boxes: Sequence[Box], settings: FocusSettings) -> Part:
    """Measure a part's SNR before and after focusing, and drop it if it is faint and focusing does not help.

    Parameters
    ----------
    field : Field
    part : Part
    boxes : sequence of Box
        One in which it passes is enough.
    settings : FocusSettings

    Returns
    -------
    Part
        With ``snr_integrated`` of the first box, and ``snr_focused``, the highest of all boxes.

    Notes
    -----

    That is condition 1: a source below ``bright_snr`` in the integrated image whose Global SNR does not rise when only
    the channels of its line are summed was focused on a spike of the noise.

    Whether it rises is asked with the variance of the ring by default (``rise_noise``), as Eq. 17 is printed: the
    unit cancels in a comparison, and since the variance grows with the number of channels the question is whether
    the source is brighter per channel in its line than in the whole band. With the standard deviation a source with
    continuum loses by focusing, because it gives up most of its signal for less than the square root of the channels:
    at the settings of MNRAS Table 1-2 seven of eight true sources below ``bright_snr`` would fail.
    """
    whole, focused = field.integrated, field.channel_sum(*part.line.range)
    snr_integrated = global_snr(whole, boxes[0], settings.snr_noise)
    rises = [
        global_snr(focused, box, settings.rise_noise) > global_snr(whole, box, settings.rise_noise) for box in boxes
    ]
    # An image has nothing to focus on: the least SNR alone decides, in the end.
    fails = snr_integrated < settings.bright_snr and not any(rises) and not field.is_image
    return replace(
        part,
        snr_integrated=snr_integrated,
        snr_focused=max(global_snr(focused, box, settings.snr_noise) for box in boxes),
        reason=Reason.CONDITION_1 if fails else Reason.PENDING,
    )


def _judge_flagged(
    field: Field, primary: Part, others: Sequence[Part], settings: FocusSettings
) -> tuple[Part, list[Part]]:
    """Judge a blob of several peaks by its highest one, then each further peak on its own.

    The blob of a blend is wider than each of its sources, so its circle can lie between them and its ring on them:
    the box grown around the primary's brightest pixel counts as well.
    """
    peaks = primary.peaks
    continuum = field.continuum(primary.ranges)
    image = _line_map(field, peaks.lines[0], continuum)
    reference = brightest(image, primary.box)
    grown = bounding_box(grow(image, peaks.blob.box, reference))
    primary = judge_primary(field, primary, [primary.box, grown], settings)
    if not primary.alive:
        return primary, []
    parted: list[Part] = []
    for rank in range(1, len(peaks.lines)):
        primary, second = _further_peak(field, primary, others, rank, (continuum, reference), settings)
        parted.append(second)
    if any(second.alive for second in parted):
        primary = replace(primary, flags=primary.flags | {"blended"})
        if settings.regrow_primary:
            primary = _give_box(field, primary, image, reference, settings)
    return primary, parted


def _further_peak(
    field: Field,
    primary: Part,
    others: Sequence[Part],
    rank: int,
    background: tuple[np.ndarray, tuple[int, int]],
    settings: FocusSettings,
) -> tuple[Part, Part]:
    """Decide about a further peak: a blended source, a part of the primary's line, or a false detection.

    ``background`` is the continuum image and the primary's brightest pixel. Returns the primary, whose line the peak
    may have extended, and the further peak.
    """
    continuum, reference = background
    line = primary.peaks.lines[rank]
    flags = primary.peaks.flags | {"deblended"}
    second = Part(primary.peaks, rank, line, primary.box, primary.centre, Stage.DEBLEND, flags)
    image = _line_map(field, line, continuum)
    place = brightest(image, primary.box)
    if math.dist(place, reference) > settings.min_distance:
        return primary, _second_source(field, second, primary, others, (image, place), settings)
    if line.overlaps(primary.line):
        primary, reason = _merge(field, primary, line, settings)
        return primary, replace(second, reason=reason)
    return primary, replace(second, reason=Reason.SAME_PLACE)


def _line_map(field: Field, line: Line, continuum: np.ndarray) -> np.ndarray:
    """Continuum-free plane of a line, smoothed with the beam.

    The continuum goes because outside its own line the brighter source is as bright as its continuum, and would take
    the brightest pixel of every further peak. Smoothing keeps single noisy voxels from being that pixel.
    """
    image = field.line_sum(line, continuum)
    beam, cell = field.cube.beam, field.cell_arcsec
    sigma = DEFAULT_BEAM_SIGMA
    if beam is not None and cell > 0:  # NaN without celestial axes
        sigma = math.sqrt(beam[0] * beam[1]) / cell / SIGMA_TO_FWHM
    smooth = gaussian_filter(np.nan_to_num(image), sigma)
    return np.where(np.isnan(image), np.nan, smooth)


def brightest(image: np.ndarray, box: Box) -> tuple[int, int]:
    """Brightest pixel (x, y) of an image within a half-open box."""
    x0, y0, x1, y1 = box
    patch = np.nan_to_num(image[y0:y1, x0:x1], nan=-np.inf)
    row, column = np.unravel_index(int(np.argmax(patch)), patch.shape)
    return x0 + int(column), y0 + int(row)


def _second_source(
    field: Field,
    second: Part,
    primary: Part,
    others: Sequence[Part],
    bright: tuple[np.ndarray, tuple[int, int]],
    settings: FocusSettings,
) -> Part:
    """Make a further peak a source of its own, if it stands out of the noise and is nobody else's.

    ``bright`` is the image of its line and the brightest pixel in it.
    """
    image, place = bright
    second = replace(second, pixel_snr=float(pixel_snr(image, settings.snr_noise)[place[1], place[0]]))
    if second.line.overlaps(primary.line):
        second = replace(second, flags=second.flags | {"overlapping_line"})
    if _belongs_elsewhere(second, others, place):
        return replace(second, reason=Reason.OTHER_CANDIDATE)
    if second.pixel_snr < settings.min_pixel_snr:
        return replace(second, reason=Reason.FAINT_PIXEL)
    second = _give_box(field, second, image, place, settings)
    return replace(second, snr_integrated=global_snr(field.integrated, second.box, settings.snr_noise))


def _belongs_elsewhere(second: Part, others: Sequence[Part], place: tuple[int, int]) -> bool:
    """Whether the pixel lies in the box of another blob with a line there: boxes overlap where blobs do not."""
    for other in others:
        x0, y0, x1, y1 = other.box
        inside = x0 <= place[0] < x1 and y0 <= place[1] < y1
        if inside and any(second.line.overlaps(line) for line in other.peaks.lines):
            return True
    return False


def _give_box(field: Field, part: Part, image: np.ndarray, place: tuple[int, int], settings: FocusSettings) -> Part:
    """Grow a source from its brightest pixel within the blob's box; box, centre and focused SNR follow."""
    members = grow(image, part.peaks.blob.box, place)
    rows, columns = np.nonzero(members)
    box = bounding_box(members)
    weights = image[rows, columns] - image[rows, columns].min()
    weights = weights if weights.sum() > 0 else np.ones(len(rows))
    centre = (float(np.average(columns, weights=weights)), float(np.average(rows, weights=weights)))
    focused = field.channel_sum(*part.line.range)
    return replace(part, box=box, centre=centre, snr_focused=global_snr(focused, box, settings.snr_noise))


def bounding_box(members: np.ndarray) -> Box:
    """Smallest half-open box around the pixels of a mask (y, x) that holds at least one."""
    rows, columns = np.nonzero(members)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def grow(image: np.ndarray, box: Box, place: tuple[int, int]) -> np.ndarray:
    """Friends of friends from a pixel: add neighbours in order of brightness until the SNR stops rising.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    box : (x0, y0, x1, y1)
        Half-open; no pixel outside joins.
    place : (x, y)
        Pixel to start from, in the box.

    Returns
    -------
    ndarray of bool, shape (y, x)

    Notes
    -----
    The SNR of the growing set is its sum over noise times the square root of its size. Eq. 17 itself cannot steer the
    growth: around a few pixels its ring lies within the source, so it measures the slope of the source and not noise,
    and starts near infinity; with fixed noise its median can only fall as fainter pixels join.

    A pixel's turn comes when the brightness falls to the lowest pixel on the best path to it, which is grey-scale
    reconstruction of the image from the start; the pixels are then added in one sorted, cumulative sum.
    """
    x0, y0, x1, y1 = box
    patch = np.nan_to_num(image[y0:y1, x0:x1].astype(np.float64), nan=-np.inf)
    finite = np.isfinite(patch)
    patch[~finite] = patch[finite].min()
    start = (place[1] - y0, place[0] - x0)
    marker = np.full(patch.shape, patch.min())
    marker[start] = patch[start]
    turn = reconstruction(marker, patch, method="dilation", footprint=np.ones((3, 3)))
    order = np.lexsort((-patch.ravel(), -turn.ravel()))
    sums = np.cumsum(patch.ravel()[order])
    # The noise is one number for all sizes, so it scales the SNR and does not move its maximum.
    snr = sums / np.sqrt(np.arange(1, len(sums) + 1))
    # Pixels of one turn join together: only their last one may end the growth.
    turns = turn.ravel()[order]
    ends = np.flatnonzero(np.append(np.diff(turns) != 0, True))
    falls = np.flatnonzero(np.diff(snr[ends]) <= 0)
    count = ends[falls[0]] + 1 if len(falls) else ends[-1] + 1
    members = np.zeros(image.shape, dtype=bool)
    grown = np.zeros(patch.size, dtype=bool)
    grown[order[:count]] = True
    members[y0:y1, x0:x1] = grown.reshape(patch.shape) & finite
    return members


def _merge(field: Field, primary: Part, line: Line, settings: FocusSettings) -> tuple[Part, Reason]:
    """Extend the primary's range by an overlapping peak at its place if that raises its SNR, else condition 2."""
    z0, z1 = min(primary.line.range[0], line.range[0]), max(primary.line.range[1], line.range[1])
    snr = global_snr(field.channel_sum(z0, z1), primary.box, settings.snr_noise)
    if not snr > global_snr(field.channel_sum(*primary.line.range), primary.box, settings.snr_noise):
        return primary, Reason.CONDITION_2
    extended = Line(0.5 * (z0 + z1), 0.5 * (z1 - z0), primary.line.height, fitted=False)
    best, flags = max(snr, primary.snr_focused), primary.flags | {"extended_range"}
    return replace(primary, line=extended, snr_focused=best, flags=flags), Reason.MERGED
