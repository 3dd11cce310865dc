"""What other programs call their columns, in which unit they are, what their pixels are counted from and their angles.

The one table of it; units are those of a file that states none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cubefocus.cube.scale import SIGMA_TO_FWHM
from cubefocus.tables.columns import BOX, LINE_RANGE

# How an angle is measured.
OURS = "clockwise"  # from +x, clockwise with y up, of the first axis
COUNTER = "counterclockwise"  # from +x, counter-clockwise with y up, of the major axis
NORTH = "north"  # from north through east, of the major axis
ANGLES = {
    OURS: "from +x, clockwise",
    COUNTER: "from +x, counter-clockwise",
    NORTH: "from north through east",
}


@dataclass(frozen=True)
class Name:
    """A column by the name that some program gives it.

    Attributes
    ----------
    name : str
        In lower case; upper and lower case are the same.
    program : str
        Which has it; empty for a name that several programs have.
    origin : int
        Number of the first pixel or channel.
    """

    name: str
    program: str = ""
    origin: int = 0


@dataclass(frozen=True)
class Shape:
    """Axes and angle of an ellipse as some program gives them.

    Attributes
    ----------
    program : str
    major, minor, angle : str
        Columns, in lower case.
    unit : str or None
        Of the axes; None: they are read only if the file states it.
    to_sigma : float
        What an axis is multiplied by to be a standard deviation.
    reference : str
        Of the angle, among `ANGLES`.
    angle_unit : str
    """

    program: str
    major: str
    minor: str
    angle: str
    unit: str | None
    to_sigma: float = 1.0
    reference: str = NORTH
    angle_unit: str = "deg"


_FWHM = 1.0 / SIGMA_TO_FWHM
SHAPES = (
    Shape("SExtractor", "a_image", "b_image", "theta_image", "pix", reference=COUNTER),
    Shape("SExtractor", "awin_image", "bwin_image", "thetawin_image", "pix", reference=COUNTER),
    Shape("SExtractor", "a_world", "b_world", "theta_j2000", "deg"),
    Shape("SExtractor", "a_world", "b_world", "theta_sky", "deg"),
    Shape("photutils", "semimajor_sigma", "semiminor_sigma", "orientation", "pix", reference=COUNTER),
    Shape("photutils", "semimajor_axis", "semiminor_axis", "orientation", "pix", reference=COUNTER),
    Shape("sep", "a", "b", "theta", "pix", reference=COUNTER, angle_unit="rad"),
    Shape("Aegean", "a", "b", "pa", "arcsec", _FWHM),
    Shape("PyBDSF", "maj", "min", "pa", "deg", _FWHM),
    Shape("Selavy", "maj_axis", "min_axis", "pos_ang", "arcsec", _FWHM),
    Shape("", "majaxis", "minaxis", "pa", None, _FWHM),
    Shape("", "fwhm_maj", "fwhm_min", "pa", None, _FWHM),
    Shape("", "major", "minor", "pa", None, _FWHM),
)


def _common(axis: str, *forms: str) -> list[Name]:
    return [Name(form.format(axis)) for form in forms]


def _centre(axis: str) -> tuple[Name, ...]:
    common = _common(axis, "{}", "{}cen", "{}_cen", "{}centre", "{}_centre", "{}center", "{}_center", "{}pix", "{}_pix",
                     "{}pos", "{}_pos")  # fmt: skip
    photutils = [Name(form.format(axis), "photutils") for form in ("{}centroid", "{}_centroid")]
    # "Source Extractor follows the FITS convention": the centre of the first pixel is 1.
    sextractor = [Name(f"{axis}{kind}_image", "SExtractor", 1) for kind in ("", "win", "psf", "model", "peak")]
    fits = [Name(form.format(axis), "FITS", 1) for form in ("{}_fits", "{}fits", "{}_ds9")]
    return (*common, *photutils, Name(f"{axis}posn", "PyBDSF"), *sextractor, *fits)


def _end(axis: str, end: str) -> tuple[Name, ...]:
    photutils = Name(f"bbox_{axis}{end}", "photutils")
    return (*_common(axis, f"{{}}_{end}", f"{{}}{end}"), photutils, Name(f"{axis}{end}_image", "SExtractor", 1))


def _names(*names: str) -> tuple[Name, ...]:
    return tuple(map(Name, names))


NAMES: dict[str, tuple[Name, ...]] = {
    "cube_id": _names("cube_id", "cube", "cubeid", "image_id", "field_id"),
    **{axis: _centre(axis) for axis in "xy"},
    "ra": (*_names("ra", "ra_deg", "radeg", "raj2000", "ra_j2000", "_raj2000", "ra_icrs", "right_ascension"),
           Name("alpha_j2000", "SExtractor"), Name("alpha_sky", "SExtractor"), Name("ra_deg_cont", "Selavy"),
           *_names("ra_str", "ra_hms")),
    "dec": (*_names("dec", "dec_deg", "decdeg", "dej2000", "decj2000", "dec_j2000", "_dej2000", "de_icrs", "dec_icrs",
                    "declination"),
            Name("delta_j2000", "SExtractor"), Name("delta_sky", "SExtractor"), Name("dec_deg_cont", "Selavy"),
            *_names("dec_str", "dec_dms")),
    "glon": _names("glon", "_glon", "gal_lon"),
    "glat": _names("glat", "_glat", "gal_lat"),
    **{name: _names(name) for name in BOX},
    **{f"{axis}_{end}": _end(axis, end) for end in ("min", "max") for axis in "xy"},
    "width": _names("width", "box_width", "bbox_width", "w", "x_size", "size_x"),
    "height": _names("height", "box_height", "bbox_height", "h", "y_size", "size_y"),
    "z": _names("z", "zcen", "z_cen", "zpix", "z_pix", "channel", "chan"),
    **{name: _names(name) for name in LINE_RANGE},
    "z_min": _names("z_min", "zmin", "chan_min", "channel_min"),
    "z_max": _names("z_max", "zmax", "chan_max", "channel_max"),
    "fwhm_z": _names("fwhm_z"),
}  # fmt: skip
"""Names of each column that is read, the first one that a table has."""

# Measured differently by different programs: taken by these very names only, by the columns of SHAPES, or by an option.
OWN_NAMES = ("sigma_x", "sigma_y", "fwhm_x", "fwhm_y", "pa", "flux")
TARGETS = (*NAMES, *OWN_NAMES)


def known_shape(columns: Iterable[str]) -> Shape | None:
    """The shape whose columns a table has."""
    there = {name.lower() for name in columns}
    return next((shape for shape in SHAPES if {shape.major, shape.minor, shape.angle} <= there), None)
