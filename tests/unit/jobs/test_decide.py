"""The threshold of the fit: the lowest at which at most one source in 100 cubes is none."""

import math

import numpy as np
from astropy.table import Table

from cubefocus.jobs.decide import STEP, choose
from cubefocus.settings import EvaluationSettings

SETTINGS = EvaluationSettings()


def tables(false, n_true=5):
    """Fitted sources at the true places, and false ones with these significances elsewhere."""
    places = [*(20.0 * (number + 1) for number in range(n_true)), *(500.0 + 50.0 * n for n in range(len(false)))]
    fitted = Table({"x": places, "y": places, "significance": [*np.full(n_true, 20.0), *false]})
    fitted["cube_id"] = 0
    truth = fitted[:n_true]["cube_id", "x", "y"]
    return fitted, truth


def test_of_a_hundred_cubes_one_false_source_is_let_through():
    fitted, truth = tables([9.0, 6.5, 6.0])
    chosen = choose(fitted, truth, 100, SETTINGS, lowest=5.5)
    assert math.isclose(chosen["keep"], 6.5 + STEP)
    assert (chosen["n_true"], chosen["n_false"]) == (5, 3)


def test_few_cubes_ask_for_more_than_their_highest_false_source():
    fitted, truth = tables([7.0, 6.0])
    ten, fifty = (choose(fitted, truth, number, SETTINGS, lowest=5.5)["keep"] for number in (10, 50))
    assert ten > fifty > 7.0
    assert math.isclose((ten - STEP) ** 2, 49.0 + 2 * math.log(10))


def test_without_false_sources_the_lowest_that_was_looked_at_counts():
    fitted, truth = tables([])
    assert math.isclose(choose(fitted, truth, 100, SETTINGS, lowest=5.5)["keep"], 5.5 + STEP)


def test_highest_false_peak_of_noise_grows_with_the_number_of_cubes_as_assumed():
    """Peaks of exp(-t^2 / 2): the median of the highest of 100 cubes is that of 10 cubes, moved as `choose` does."""
    rng = np.random.default_rng(2)
    squares = 25.0 + rng.exponential(2.0, (4000, 100, 20))  # t^2 above a floor, twenty peaks a cube
    few, many = squares[:, :10].max(axis=(1, 2)), squares.max(axis=(1, 2))
    assert abs(np.median(few) + 2 * math.log(10) - np.median(many)) < 0.2
