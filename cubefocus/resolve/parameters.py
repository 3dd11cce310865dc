"""Parameters of the prior that are inferred with the sky: their names and what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cubefocus.settings.eso import PriorSettings

FAR = 3.0  # prior deviations; a parameter that is pushed further says that the prior is that of another sky


@dataclass(frozen=True)
class Parameter:
    """A parameter of the prior.

    Attributes
    ----------
    setting : str
        Its field in `cubefocus.settings.PriorSettings`.
    meaning : str
    nifty : str
        What NIFTy calls it.
    positive : bool
        Whether its prior is log-normal; else it is normal.
    unit : str
        Empty for a pure number.
    """

    setting: str
    meaning: str
    nifty: str = ""
    positive: bool = True
    unit: str = ""


PARAMETERS: dict[str, Parameter] = {
    "zero_mode": Parameter("zero_mode", "standard deviation of the level of the whole image, in e-folds", "zeromode"),
    "fluctuations": Parameter(
        "fluctuations", "standard deviation over the image of the logarithm of the sky", "fluctuations"
    ),
    "slope": Parameter("slope", "slope of its power spectrum in double logarithms", "loglogavgslope", positive=False),
    "flexibility": Parameter("flexibility", "how far the power spectrum leaves a power law", "flexibility"),
    "asperity": Parameter("asperity", "how rough the power spectrum is where it does", "asperity"),
}
"""Those that are inferred, in the order of Tables 1 and 3 of the report."""

OFFSET = Parameter("offset", "mean of the logarithm of the sky in Jy/sr; it is not inferred")
SPECTRAL_INDEX = Parameter("index", "spectral index s of the whole sky, brightness ~ frequency^s")


def recorded_prior(facts: Mapping[str, Any]) -> PriorSettings | None:
    """The prior that a posterior was inferred with.

    Parameters
    ----------
    facts : mapping
        Of the posterior: ``prior`` is the section of the settings, as JSON text or plain values.

    Returns
    -------
    PriorSettings or None
        None where it is not recorded.

    Raises
    ------
    CubefocusError
        If it is not one that this version knows.
    """
    if "prior" not in facts:
        return None
    found = facts["prior"]
    return PriorSettings.from_mapping(json.loads(found) if isinstance(found, str) else found)


def shift(values: np.ndarray, assumed: tuple[float, float]) -> float:
    """How far a parameter's posterior mean lies off its prior mean, in deviations of the prior."""
    return (float(np.mean(values)) - assumed[0]) / assumed[1]


def pushed(parameters: Mapping[str, np.ndarray], prior: PriorSettings) -> dict[str, float]:
    """Parameters of the prior that the data push further than `FAR`.

    Such an inference may have converged and predict all visibilities, and yet be wrong: where the data say nothing,
    as between short baselines and of the level of a dark sky, the posterior is this prior.

    Parameters
    ----------
    parameters : mapping of str to ndarray, shape (sample,)
        Of the posterior, by their names in `PARAMETERS`.
    prior : PriorSettings

    Returns
    -------
    dict
        Prior deviations by name, furthest first.
    """
    far = {name: shift(values, getattr(prior, PARAMETERS[name].setting)) for name, values in parameters.items()}
    return {name: far[name] for name in sorted(far, key=lambda name: -abs(far[name])) if abs(far[name]) > FAR}
