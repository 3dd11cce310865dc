"""What a network of a bundle has learnt from, and whether an image is like it.

A network of a bundle is named by its kind and by the images that it is for, such as ``residual_noise``. The bundle has
the size of their pixels among its ranges, and the rest in the settings of each network.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from astropy.wcs.utils import proj_plane_pixel_scales

from cubefocus.cube.beams import header_beam
from cubefocus.cube.celestial import celestial_wcs
from cubefocus.denoise.image import ImageFile
from cubefocus.errors import CubefocusError
from cubefocus.learn.ranges import Range
from cubefocus.specs import KINDS
from cubefocus.stats.noise import robust_width

logger = logging.getLogger(__name__)

SAME_SIZE = 1.25  # factor by which pixels and beam may differ from those of the training
SAME_NOISE = 2.0  # the same of the noise, which differs by as much within an image
APART = 4  # px from a pixel to those that it is compared with: more than a beam, so that their noise is not the same
STRIPS, STRIP_PIXELS = 32, 65_536  # of an image, spread over it, in which its noise is measured


def name_of(network: str, kind: str) -> str:
    """Name in a bundle of a network for images of a kind."""
    return f"{network}_{kind}"


def held_kinds(names: Mapping[str, Any], network: str) -> list[str]:
    """Kinds of images for which a bundle has such a network, in the order of `cubefocus.specs.KINDS`."""
    return [kind for kind in KINDS if name_of(network, kind) in names]


@dataclass(frozen=True)
class Known:
    """Images that a network has learnt from.

    Attributes
    ----------
    cell_arcsec : float
        Side of a pixel.
    noise_jy_arcsec2 : float
        Standard deviation, as `noise_in` measures it.
    beam_arcsec : float or None
        FWHM of the beam, the geometric mean of both axes; None of images without one.
    """

    cell_arcsec: float
    noise_jy_arcsec2: float
    beam_arcsec: float | None

    @classmethod
    def of(cls, ranges: Mapping[str, Range], settings: Mapping[str, Any]) -> Known | None:
        """What a bundle says in its ranges and in the settings of a network; None if it does not say all."""
        cell, noise = ranges.get("cell_arcsec", (None, None))[0], settings.get("noise_jy_arcsec2")
        return None if cell is None or noise is None else cls(cell, noise, settings.get("beam_arcsec"))

    def settings(self) -> dict[str, float | None]:
        """What stands in the settings of the network."""
        return {key: value for key, value in asdict(self).items() if key != "cell_arcsec"}

    def unlike(self, image: ImageFile) -> Iterator[str]:
        """One phrase for each thing in which an image differs; what its header does not say is not compared."""
        cell: float | None = None
        beam = header_beam(image.header)
        try:
            wcs = celestial_wcs(image.header)
            if wcs.naxis == 2:
                cell = 3600.0 * math.sqrt(math.prod(proj_plane_pixel_scales(wcs)))
        except CubefocusError as error:  # the network does without, so it is no reason to refuse the image
            yield f"the size of its pixels is not known ({error})"
        width = None if beam is None else math.sqrt(beam[0] * beam[1])
        for what, has, learnt in (("pixels", cell, self.cell_arcsec), ("a beam", width, self.beam_arcsec)):
            if has is not None and learnt is not None and _differ(has, learnt, SAME_SIZE):
                yield f"{what} of {has:.3g} arcsec and not of {learnt:.3g}"
        noise = noise_in(image)
        if noise is not None and _differ(noise, self.noise_jy_arcsec2, SAME_NOISE):
            yield f"noise of {noise:.2g} Jy/arcsec2 and not of {self.noise_jy_arcsec2:.2g}"


def warn_unlike(known: Known, image: ImageFile, network: str) -> None:
    """Say in one warning in what an image differs from those that a network has learnt from."""
    told = ", ".join(known.unlike(image))
    if told:
        learnt = f"unlike the images that the network '{network}' was trained on"
        logger.warning("%s: %s: %s; what it makes of it may be wrong", image.path, learnt, told)


def _differ(one: float, other: float, factor: float) -> bool:
    return not 1.0 / factor <= one / other <= factor


def noise_in(image: ImageFile) -> float | None:
    """Standard deviation of the noise of an image, Jy/arcsec^2; None without pixels that differ.

    It is measured in what pixels have more than the mean of those `APART` before and after them in a row, whose
    variance is 3/2 of that of independent noise: emission that changes slowly falls out. Of a large image some strips
    are read, spread over it.
    """
    n_y, n_x = image.shape
    height = max(1, min(n_y, STRIP_PIXELS // n_x))
    starts = np.unique(np.linspace(0, n_y - height, min(STRIPS, max(1, n_y // height))).astype(int))
    found = []
    for start in starts.tolist():
        strip = image.read((start, start + height), (0, n_x))
        rest = strip[:, APART:-APART] - 0.5 * (strip[:, : -2 * APART] + strip[:, 2 * APART :])
        found.append(rest[np.isfinite(rest) & (rest != 0)])  # blank pixels may be filled with 0
    rest = np.concatenate(found)
    return robust_width(rest, 0.0) / math.sqrt(1.5) if rest.size else None
