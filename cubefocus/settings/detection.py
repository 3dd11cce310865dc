"""How sources are found, measured and matched: by the chain, the fit, the search and other finders."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from cubefocus.sections import Count, Flag, Number, OneOf, Positive, Section, Whole, section
from cubefocus.settings.kinds import MEASURES, SPLITS, Share, Weight, part
from cubefocus.specs import FINDERS, PROPOSERS


@section("detection.blobs")
class BlobSettings(Section):
    """Steps 1-2, from Blobs Finder's map to boxes."""

    threshold: Share = Field(default=0.15, description="level of the map above which a pixel belongs to a blob")
    min_pixels: Count = Field(default=1, description="smallest number of pixels of a blob")
    split: Annotated[str, OneOf(*SPLITS)] = Field(
        default="watershed", description="how blobs that touch are told apart: none, or between the maxima of the map"
    )
    split_smoothing: Positive = Field(
        default=1.5, description="px, standard deviation of the smoothing of the map before its maxima are sought"
    )
    split_prominence: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="least depth of the valley between a maximum and a higher one as a share of the maximum",
    )
    field: Annotated[str, OneOf("tiles", "centre")] = Field(
        default="tiles", description="whether tiles cover all pixels with data, or only the central square is searched"
    )
    overlap: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.25, description="overlap of neighbouring tiles as a share of their side"
    )


@section("detection.spectra")
class SpectraSettings(Section):
    """Step 3, from Deep GRU's spectra to line ranges."""

    peak_height: Share = Field(default=0.1, description="lowest peak that is a line")
    peak_prominence: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.0, description="least rise of a peak above its surroundings"
    )


@section("detection.focus")
class FocusSettings(Section):
    """Steps 4-5. ``rise_noise`` is the noise measure in the question whether focusing raises the SNR."""

    size: Annotated[Whole, Field(ge=32, multiple_of=2)] = Field(default=64, description="side of the cut-outs in px")
    snr_noise: Annotated[str, OneOf(*MEASURES)] = Field(
        default="std",
        description="noise measure of the SNR, standard deviation, variance, or scaled median absolute deviation",
    )
    rise_noise: SkipJsonSchema[Annotated[str, OneOf(*MEASURES)]] = "var"
    bright_snr: Positive = Field(default=6.0, description="SNR at which a single peak is kept without a further test")
    min_snr: Weight = Field(default=1.0, description="lowest SNR of a catalogued source")
    min_distance: Weight = Field(default=3.0, description="distance in px above which a further peak is another source")
    min_pixel_snr: Weight = Field(default=4.0, description="least SNR of the brightest pixel of a further source")
    regrow_primary: Flag = Field(
        default=True, description="whether the brightest source of a blend gets a box of its own"
    )


@section("detection.flux")
class FluxSettings(Section):
    """Steps 7-8, masks and line images."""

    dilation: Annotated[Number, Field(ge=1)] = Field(
        default=1.5, description="factor on the extents of a source's 3D model"
    )


@section("detection.fit")
class FitSettings(Section):
    """The fit of all sources of a cube through the dirty beam: significances, square roots of a chi^2 explained."""

    search: Positive = Field(default=5.5, description="significance of a peak of the residual that is fitted as well")
    keep: Positive = Field(default=7.0, description="significance of a source that is kept, unless it is tuned")
    line: Positive = Field(default=5.0, description="significance of a line that a source keeps, or of a further one")
    most: Count = Field(default=100, description="sources of a cube at most")


Proposals = Annotated[
    tuple[Annotated[str, OneOf(*PROPOSERS)], ...],
    Field(
        min_length=1,
        description="what tells how far voxels stand out of the noise: matched, a bank of templates; network, the one "
        "that is shipped; of both the higher",
        json_schema_extra={"uniqueItems": True},
    ),
]


@section("search")
class SearchSettings(Section):
    """The search of a restored cube: signal-to-noise ratios of the best template."""

    link: Positive = Field(default=4.0, description="significance of the voxels that are linked to islands")
    least: Positive = Field(default=5.0, description="significance that every source has at least")
    purity: Share = Field(
        default=0.95, description="share of the sources that are true, as the islands of the cube times -1 tell"
    )
    line: Positive = Field(default=5.0, description="significance of a line that a source keeps")
    memory: Positive = Field(
        default=4.0, description="GB that the search may take; a cube that needs more is searched in parts"
    )
    proposals: Proposals = ("matched",)


@section("detection")
class DetectionSettings(Section):
    """All settings of the chain; a rest frequency gives velocities and redshifts."""

    blobs: BlobSettings = part(BlobSettings, "from Blobs Finder's map to boxes")
    spectra: SpectraSettings = part(SpectraSettings, "from Deep GRU's spectra to line ranges")
    focus: FocusSettings = part(FocusSettings, "focusing, false detections and deblending")
    flux: FluxSettings = part(FluxSettings, "masks and line images")
    fit: FitSettings = part(FitSettings, "fit of all sources of a cube through the dirty beam")
    rest_frequency_ghz: Positive | None = Field(
        default=None,
        description="rest frequency of the line in GHz; null: that of the cube's header (RESTFRQ), where it has one",
    )


@section("finders")
class FindersSettings(Section):
    """Other ways to find sources, for comparison."""

    methods: Annotated[tuple[Annotated[str, OneOf(*FINDERS)], ...], Field(json_schema_extra={"uniqueItems": True})] = (
        Field(
            ("threshold", "blobcat", "bdsf", "aegean", "decoras", "matched_filter"),
            description="those that are run, each tuned on the validation split",
        )
    )
    tuning_cubes: Count = Field(
        default=8, description="validation cubes on which the parameters of slow finders are chosen"
    )
    inverted_cubes: Count = Field(
        default=8, description="test cubes that slow finders and the fit search times -1 as well"
    )


class Criterion(TypedDict):
    """Keyword arguments of `cubefocus.tables.matching.match`."""

    iou: float | None
    distance: float
    line_iou: float | None


Overlap = Annotated[Number, Field(gt=0, le=1)]


@section("evaluation")
class EvaluationSettings(Section):
    """When a prediction counts as a detection (MNRAS 5.1; the ECML paper takes an IoU of 0.8), and the intervals."""

    iou: Overlap = Field(default=0.6, description="smallest overlap of the boxes of a match")
    distance: Positive = Field(default=3.0, description="distance of the centres in px below which boxes can match")
    line_iou: Overlap = Field(default=0.6, description="smallest overlap of the line ranges of a match")
    interval: Share = Field(default=0.68, description="confidence of the intervals")
    bootstrap: Annotated[Whole, Field(ge=10)] = Field(default=1000, description="number of resamplings")

    def criterion(self, with_line: bool = False, with_box: bool = True) -> Criterion:
        """Keyword arguments of `cubefocus.tables.matching.match` for a method that finds lines and boxes or not."""
        return {
            "iou": self.iou if with_box else None,
            "distance": self.distance,
            "line_iou": self.line_iou if with_line else None,
        }

    def describe(self, with_line: bool = False, with_box: bool = True) -> str:
        """The criterion in words, for a table."""
        parts = [f"IoU >= {self.iou:g}"] if with_box else []
        parts += [f"centres < {self.distance:g} px"]
        parts += [f"line IoU >= {self.line_iou:g}"] if with_line else []
        return ", ".join(parts)
