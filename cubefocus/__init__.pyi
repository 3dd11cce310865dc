from cubefocus.cube.cube import Cube as Cube
from cubefocus.engines.simulate import simulate as simulate
from cubefocus.instrument.observation import Observation as Observation
from cubefocus.learn.bundle import Bundle as Bundle
from cubefocus.report.score import evaluate as evaluate
from cubefocus.search.api import detect as detect

__version__: str
__all__ = ["Bundle", "Cube", "Observation", "__version__", "detect", "evaluate", "simulate"]
