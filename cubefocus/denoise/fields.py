"""Images of the radio sky: slabs of the cosmic web at increasing redshift, stacked along the line of sight.

Each slab is a whole box, seen along one of its axes, moved, turned and mirrored at random, as the snapshots of Gheller
& Vazza (2022), section 3.1, are. A field is much smaller than a box: what it shows hangs on where it is put, so that
one of its slabs may be put on a cluster or a group (their sky1 and sky2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u

from cubefocus.denoise.cosmology import Cosmology
from cubefocus.denoise.fronts import FrontSettings, add_fronts
from cubefocus.denoise.sheet import Emitters, Sheet
from cubefocus.denoise.splat import REACH, splat
from cubefocus.errors import CubefocusError

ALPHA = 1.2  # spectral index, flux ~ frequency^-alpha, as relics have it
JANSKY = 1e-26  # W / m^2 / Hz
CLUSTER = 2e25  # W/Hz in a cubic Mpc, from which on a peak is taken as a cluster
GROUP = (2e23, 2e24)  # between which it is taken as a group
KINDS = ("cluster", "group", "any")
MARGIN = 4.0  # distances of particles, from outside of a field in which pieces of the sheet are drawn
TRIES = 1000  # places that are tried for a slab without clusters
OFF_CENTRE = 0.25  # of a field's side, how far from its middle its cluster or group may be


@dataclass(frozen=True)
class FieldSettings:
    """What images of the sky are like.

    Attributes
    ----------
    n_pixels : int
        A side.
    cell_arcsec : float
    redshifts : tuple of float
        Of the slabs.
    fronts : FrontSettings
    """

    n_pixels: int = 2000
    cell_arcsec: float = 2.0
    redshifts: tuple[float, ...] = (0.06, 0.09, 0.12, 0.15)
    fronts: FrontSettings = field(default_factory=FrontSettings)

    def __post_init__(self) -> None:
        if self.n_pixels < 1 or not self.cell_arcsec > 0:
            raise CubefocusError(
                f"a sky of {self.n_pixels} pixels of {self.cell_arcsec} arcsec; give at least one, larger than 0"
            )
        if not self.redshifts or not min(self.redshifts) > 0:
            raise CubefocusError(f"the redshifts of the slabs are {list(self.redshifts)}; give one or more above 0")


@dataclass(frozen=True)
class Slab:
    """How a box is seen.

    Attributes
    ----------
    box : int
        Which of the boxes.
    redshift : float
    axis : int
        Along the line of sight.
    centre : (float, float)
        What is in the middle of the field, comoving Mpc along the two axes that come after ``axis``, in cyclic order.
    angle : float
        By which the image is turned, radians.
    mirrored : bool
    """

    box: int
    redshift: float
    axis: int
    centre: tuple[float, float]
    angle: float
    mirrored: bool


@dataclass(frozen=True)
class View:
    """How large things are at a redshift.

    Attributes
    ----------
    mpc_per_pixel : float
        Comoving.
    kpc_per_pixel : float
        Proper.
    jy : float
        Flux density of 1 W/Hz, (1 + z)^(1 - alpha) / (4 pi D_L^2) (Hogg 1999, eq. 22, for a power law).
    """

    mpc_per_pixel: float
    kpc_per_pixel: float
    jy: float

    @classmethod
    def of(cls, redshift: float, cell_arcsec: float, cosmology: Cosmology | None = None) -> View:
        """View of pixels of ``cell_arcsec`` at a redshift."""
        distances = (cosmology or Cosmology()).distances
        pixel = float(distances.comoving_transverse_distance(redshift).to_value(u.Mpc)) * math.radians(
            cell_arcsec / 3600
        )
        far = float(distances.luminosity_distance(redshift).to_value(u.m))
        jy = (1.0 + redshift) ** (1.0 - ALPHA) / (4.0 * math.pi * far**2) / JANSKY
        return cls(pixel, 1000.0 * pixel / (1.0 + redshift), jy)


def draw_sky(
    sheets: Sequence[Sheet], settings: FieldSettings, seed: int, kind: str = "any", cosmology: Cosmology | None = None
) -> tuple[np.ndarray, list[Slab]]:
    """Image of the sky of a seed.

    Parameters
    ----------
    sheets : sequence of Sheet
        Boxes, of which each slab is one.
    settings : FieldSettings
    seed : int
        Of all that is drawn: slabs, fronts and turbulence.
    kind : str
        ``cluster``: one slab has a cluster in the field; ``group``: one has a group there, and none a cluster;
        ``any``: wherever it falls.
    cosmology : Cosmology, optional

    Returns
    -------
    ndarray of float32, shape (y, x)
        Jy/arcsec^2, nowhere negative.
    list of Slab

    Raises
    ------
    CubefocusError
        If the kind is unknown, or the boxes have no such place.
    """
    rng = np.random.default_rng(seed)
    slabs = draw_slabs(sheets, settings, rng, kind, cosmology)
    image = np.zeros((settings.n_pixels, settings.n_pixels))
    for slab in slabs:
        view = View.of(slab.redshift, settings.cell_arcsec, cosmology)
        plain = project(sheets[slab.box], slab, settings.n_pixels, settings.cell_arcsec, cosmology)
        image += add_fronts(plain, view.kpc_per_pixel, rng, settings.fronts)
    return image.astype(np.float32), slabs


def draw_slabs(
    sheets: Sequence[Sheet],
    settings: FieldSettings,
    rng: np.random.Generator,
    kind: str = "any",
    cosmology: Cosmology | None = None,
) -> list[Slab]:
    """Draw how the slabs of a field are seen; see `draw_sky`."""
    if kind not in KINDS:
        raise CubefocusError(f"fields of kind '{kind}' are not known; give one of {', '.join(KINDS)}")
    shown = int(rng.integers(len(settings.redshifts)))  # the slab with the cluster or group
    slabs = []
    for number, redshift in enumerate(settings.redshifts):
        half = 0.5 * settings.n_pixels * View.of(redshift, settings.cell_arcsec, cosmology).mpc_per_pixel
        wanted = kind if number == shown else "faint" if kind == "group" else "any"
        slabs.append(_draw_slab(sheets, redshift, half, wanted, rng))
    return slabs


def _draw_slab(sheets: Sequence[Sheet], redshift: float, half: float, wanted: str, rng: np.random.Generator) -> Slab:
    for _ in range(TRIES):
        box, axis = int(rng.integers(len(sheets))), int(rng.integers(3))
        angle, mirrored = float(rng.uniform(0.0, 2.0 * math.pi)), bool(rng.integers(2))
        sheet, across = sheets[box], [(axis + 1) % 3, (axis + 2) % 3]
        side = sheet.emission.side
        centre = rng.uniform(0.0, side, 2)
        places, power = sheet.peaks
        if wanted in ("cluster", "group"):
            bright = power >= CLUSTER if wanted == "cluster" else (power >= GROUP[0]) & (power < GROUP[1])
            if not bright.any():
                continue
            target = places[rng.choice(np.flatnonzero(bright))]
            centre = (target[across] + 2.0 * OFF_CENTRE * half * rng.uniform(-1.0, 1.0, 2)) % side
        if wanted in ("group", "faint") and _brightest(sheet, across, centre, half) >= GROUP[1]:
            continue
        return Slab(box, redshift, axis, (float(centre[0]), float(centre[1])), angle, mirrored)
    raise CubefocusError(
        f"none of {len(sheets)} boxes has a place for a field {2 * half:.1f} Mpc wide "
        f"{'with a ' + wanted if wanted != 'faint' else 'without a cluster'}; "
        "use more or larger boxes, or fields of kind any"
    )


def _brightest(sheet: Sheet, across: list[int], centre: np.ndarray, half: float) -> float:
    """Power of the brightest peak that is in a field, however it is turned."""
    places, power = sheet.peaks
    apart = places[:, across] - centre
    apart -= sheet.emission.side * np.round(apart / sheet.emission.side)
    return float(power[np.hypot(*apart.T) < math.sqrt(2.0) * half + 1.0].max(initial=0.0))


def project(
    sheet: Sheet, slab: Slab, n_pixels: int, cell_arcsec: float, cosmology: Cosmology | None = None
) -> np.ndarray:
    """Image of one slab, as the particles have it.

    Parameters
    ----------
    sheet : Sheet
    slab : Slab
    n_pixels : int
        A side.
    cell_arcsec : float
    cosmology : Cosmology, optional

    Returns
    -------
    ndarray of float64, shape (y, x)
        Jy/arcsec^2.
    """
    view = View.of(slab.redshift, cell_arcsec, cosmology)
    side, n = sheet.emission.side, len(sheet.emission.log_power)
    across = [(slab.axis + 1) % 3, (slab.axis + 2) % 3]
    # The corners of a piece may lie as far apart as matter has moved on the way to a cluster.
    reach = math.sqrt(2.0) * 0.5 * n_pixels * view.mpc_per_pixel + MARGIN * side / n
    apart = sheet.places[..., across] - np.array(slab.centre, np.float32)
    apart -= np.float32(side) * np.round(apart / np.float32(side))
    chosen = np.argwhere((apart**2).sum(axis=-1) < reach**2)
    image = np.zeros((n_pixels, n_pixels))
    for emitters in sheet.emitters(chosen):
        image += _drawn(emitters, slab, view, side, n_pixels)
    return image / cell_arcsec**2


def _drawn(emitters: Emitters, slab: Slab, view: View, side: float, n_pixels: int) -> np.ndarray:
    """Flux of emitters in pixels, Jy, with the periodic box repeated over the field."""
    across = emitters.places[:, [(slab.axis + 1) % 3, (slab.axis + 2) % 3]].astype(float) - slab.centre
    across -= side * np.round(across / side)
    cos, sin, middle = math.cos(slab.angle), math.sin(slab.angle), 0.5 * (n_pixels - 1)
    sigma = emitters.sizes / view.mpc_per_pixel
    reach = math.sqrt(2.0) * (0.5 * n_pixels + REACH * float(sigma.max(initial=0.0))) * view.mpc_per_pixel
    times = max(0, math.ceil(reach / side - 0.5))
    image = np.zeros((n_pixels, n_pixels))
    for i in range(-times, times + 1):
        for j in range(-times, times + 1):
            x, y = (across + np.array([i, j]) * side).T / view.mpc_per_pixel
            x = -x if slab.mirrored else x
            place = cos * x - sin * y + middle, sin * x + cos * y + middle
            image += splat(*place, emitters.power * view.jy, sigma, n_pixels)
    return image
