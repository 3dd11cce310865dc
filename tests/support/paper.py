"""The paper's sky and set-up, which are not the defaults: those are the demo's."""

from pathlib import Path

from cubefocus.files import read_yaml
from cubefocus.instrument.observation import Observation

CONFIG = read_yaml(Path(__file__).parents[2] / "experiments" / "paper.yaml")
SKY = CONFIG["sky"]
"""MNRAS Table 1."""
OBSERVATION = Observation.list_from_mapping(CONFIG["observation"])[0]
"""MNRAS Table 2."""
