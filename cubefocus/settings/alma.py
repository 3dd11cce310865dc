"""The config of the study ``alma``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cubefocus.contradictions import of_experiment
from cubefocus.errors import CubefocusError
from cubefocus.sections import Count, Flag, OneOf, Section, Whole, section
from cubefocus.settings.detection import DetectionSettings, EvaluationSettings, FindersSettings
from cubefocus.settings.kinds import Name, part
from cubefocus.settings.networks import FinetuningSection, ModelsSettings, TrainingSection
from cubefocus.settings.observation import ObservationSettings
from cubefocus.settings.sky import EngineSettings, NoiseSettings, SkySettings
from cubefocus.specs import STUDIES


@section("cubes")
class CubesSettings(Section):
    """How many cubes there are, and how they are handled."""

    train: Count = Field(default=256, description="cubes that the networks learn from")
    validation: Count = Field(default=32, description="cubes for early stopping and for choosing thresholds")
    test: Count = Field(default=24, description="cubes that the tables are made from")
    batch_size: Count = Field(default=64, description="cubes that one job handles")
    keep: Flag = Field(default=True, description="whether cubes stay when no job needs them any longer")
    compress: Flag = Field(default=False, description="whether dirty cubes are compressed and sky cubes not kept")


@section("")
class AlmaSettings(Section):
    """A whole config of the study ``alma``."""

    experiment: Name = Field(
        default="demo",
        description="name of the experiment, of letters, digits, '_', '-' and '.'; results go to results/<experiment>/",
    )
    study: Annotated[str, OneOf(*STUDIES)] = Field(
        default=STUDIES[0],
        description="what is studied, which decides the stages of the workflow and the keys of the config",
    )
    trained_by: Name | None = Field(
        default=None,
        description="name (letters, digits, '_', '-', '.') of the experiment whose networks, thresholds and tuned "
        "finders are used; only the test cubes are made then, and nothing is trained or tuned",
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(default=1, description="seed of everything random")
    cubes: CubesSettings = part(CubesSettings, "how many cubes there are, and how they are handled")
    observation: ObservationSettings = part(ObservationSettings, "observing set-up (MNRAS Table 2)")
    sky: SkySettings = part(SkySettings, "distributions that sources are drawn from (MNRAS Table 1)")
    noise: NoiseSettings = part(NoiseSettings, "noise of the simulated cubes")
    engine: EngineSettings = part(EngineSettings, "what makes the dirty cubes of each split")
    models: ModelsSettings = part(ModelsSettings, "shapes of the networks")
    training: TrainingSection = part(TrainingSection, "training on products cut out with the true parameters")
    finetuning: FinetuningSection = part(
        FinetuningSection, "training on products cut out with the predictions of the networks upstream"
    )
    detection: DetectionSettings = part(DetectionSettings, "the chain that finds and measures sources")
    finders: FindersSettings = part(FindersSettings, "other ways to find sources, for comparison")
    evaluation: EvaluationSettings = part(EvaluationSettings, "matching and intervals")

    def __post_init__(self) -> None:
        for problem in of_experiment(self.to_dict()):
            raise CubefocusError(problem)
