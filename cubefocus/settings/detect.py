"""The config of the study ``detect``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cubefocus.sections import Flag, OneOf, Positive, Section, section
from cubefocus.settings.detection import Proposals, SearchSettings
from cubefocus.settings.kinds import Name, Share
from cubefocus.specs import STUDIES

FilePath = Annotated[str, Field(min_length=1)]
Files = Annotated[tuple[FilePath, ...], Field(json_schema_extra={"uniqueItems": True})]


@section("")
class DetectSettings(Section):
    """A whole config of the study ``detect``."""

    experiment: Name = Field(
        default="found",
        description="name of the list, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default="detect",
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    cubes: Files = Field(default=(), description="FITS cubes to search, one job each; none is searched twice")
    psf: tuple[FilePath, ...] = Field(
        default=(), description="dirty beam of each cube, in their order; none for cubes that were restored by CLEAN"
    )
    pb: tuple[FilePath, ...] = Field(
        default=(), description="primary beam of each cube, in their order; none for cubes that were divided by it"
    )
    purity: Share = Field(default=0.95, description="share of the sources of a restored cube that are to be true")
    proposals: Proposals = SearchSettings.proposals
    rest_frequency_ghz: Positive | None = Field(
        default=None, description="rest frequency of the line in GHz; null: that of each header"
    )
    memory: Positive = Field(
        default=4.0, description="GB that the search of a cube may take; one that needs more is searched in parts"
    )
    pictures: Flag = Field(default=True, description="whether PNG files and pages are made")
