"""All sky types by name, and the columns of a catalogue of some of them."""

from __future__ import annotations

from cubefocus import specs
from cubefocus.settings import SkySettings
from cubefocus.sky.base import SkyType
from cubefocus.sky.columns import CATALOGUE
from cubefocus.tables.columns import Column

SKY_TYPES: dict[str, SkyType] = {name: specs.load(place)() for name, place in specs.SKY_TYPES.items()}


def catalogue_columns(settings: SkySettings) -> tuple[Column, ...]:
    """Columns of a catalogue: the common ones and those of the types that occur."""
    return CATALOGUE + tuple(info for name in settings.used_types for info in SKY_TYPES[name].columns)
