"""Every section of the config: defaults (those of config.yaml), limits and descriptions, and nothing holds them twice.

``workflow/schemas/<study>.schema.yaml`` and ``docs/reference/config.md`` are written from these classes: `make schema`.
The names of networks, finders and sky types are those of `cubefocus.specs`. A field of type `SkipJsonSchema` is no key
of the config; it is for those who call the package.
"""

from __future__ import annotations

from collections.abc import Mapping

from cubefocus.sections import Section
from cubefocus.settings.alma import AlmaSettings
from cubefocus.settings.detect import DetectSettings
from cubefocus.settings.detection import (
    BlobSettings,
    Criterion,
    DetectionSettings,
    EvaluationSettings,
    FitSettings,
    FocusSettings,
    SearchSettings,
    SpectraSettings,
)
from cubefocus.settings.eso import EsoSettings, InferenceSettings, PriorSettings
from cubefocus.settings.general import (
    ComparisonSettings,
    DrawSettings,
    GeneralSettings,
    ProposerShape,
    ProposerTraining,
)
from cubefocus.settings.kinds import SPLITS
from cubefocus.settings.lofar import DenoisedSettings, LofarSettings, LofarStudySettings, SweepSettings
from cubefocus.settings.networks import ModelsSettings, TrainingSettings
from cubefocus.settings.observation import SetupSettings
from cubefocus.settings.sky import SkySettings

CONFIGS: Mapping[str, type[Section]] = {
    "alma": AlmaSettings,
    "detect": DetectSettings,
    "eso": EsoSettings,
    "general": GeneralSettings,
    "lofar": LofarStudySettings,
}
"""The config of each study of `cubefocus.specs.STUDIES`."""

__all__ = [
    "CONFIGS",
    "SPLITS",
    "AlmaSettings",
    "BlobSettings",
    "ComparisonSettings",
    "Criterion",
    "DenoisedSettings",
    "DetectSettings",
    "DetectionSettings",
    "DrawSettings",
    "EsoSettings",
    "EvaluationSettings",
    "FitSettings",
    "FocusSettings",
    "GeneralSettings",
    "InferenceSettings",
    "LofarSettings",
    "LofarStudySettings",
    "ModelsSettings",
    "PriorSettings",
    "ProposerShape",
    "ProposerTraining",
    "SearchSettings",
    "SetupSettings",
    "SkySettings",
    "SpectraSettings",
    "SweepSettings",
    "TrainingSettings",
]
