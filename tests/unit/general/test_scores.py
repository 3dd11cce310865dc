"""How proposers are scored: a source counts once, and thresholds keep the number of false ones."""

import json

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.files import write_table
from cubefocus.general.scores import Scores, false_height
from cubefocus.jobs.calibrate import Calibrate, run
from cubefocus.jobs.propose import read_choice


def candidates(*rows):
    names = ("setup", "cube_id", "source", "significance")
    return Table(rows=[(0, *row) for row in rows], names=names)


def test_of_several_islands_of_a_source_the_highest_counts_alone():
    scores = Scores.of(candidates((0, 1, 7.0), (0, 1, 9.0), (0, 0, 6.0), (1, 1, 5.0), (1, 0, 4.0)), 3, n_cubes=2)
    assert scores.significance.tolist() == [9.0, 6.0, 5.0, 4.0]
    assert scores.true.tolist() == [True, False, True, False]
    assert scores.above(5.5) == (1, 1)


@pytest.mark.parametrize(("rate", "threshold"), [(0.0, 9.0), (0.5, 7.0), (1.0, 5.0)])
def test_a_threshold_lets_as_many_false_ones_through_as_are_asked_for(rate, threshold):
    scores = Scores.of(candidates((0, 1, 9.0), (0, 0, 7.5), (1, 1, 7.0), (1, 0, 6.0), (0, 2, 5.0)), 3, 2)
    assert scores.threshold(rate) == threshold


def test_nothing_is_found_where_even_the_highest_is_false():
    scores = Scores.of(candidates((0, 0, 9.0), (0, 1, 7.0)), n_sources=1, n_cubes=10)
    assert scores.threshold(0.05) == float("inf")


def test_the_height_of_false_islands_is_that_of_their_number():
    found = candidates((0, 0, 4.0), (0, 1, 9.0), (1, 0, 6.0), (1, 0, 5.0))
    assert false_height(found, 1.0, n_cubes=2) == 5.0
    assert np.isnan(false_height(found, 4.0, n_cubes=2))


def test_the_scale_brings_the_network_s_noise_to_the_height_of_the_bank_s(tmp_path):
    heights = np.random.default_rng(1).exponential(1.0, 400) + 3.0
    table = Table({"proposer": ["matched"] * 400 + ["network"] * 400, "source": np.zeros(800, int),
                   "significance": np.concatenate([heights, heights / 2.0])}, meta={"cubes": 100})  # fmt: skip
    write_table(tmp_path / "c.ecsv", table, {})
    run(Calibrate([str(tmp_path / "c.ecsv")], str(tmp_path / "choice.json"), 2))
    assert read_choice(tmp_path / "choice.json") == {"scale": pytest.approx(4.0), "narrowest": 2}


def test_a_damaged_choice_is_refused(tmp_path):
    (tmp_path / "choice.json").write_text(json.dumps({"scale": "much"}))
    with pytest.raises(CubefocusError, match=r"choice.json: is no choice of the network's scale"):
        read_choice(tmp_path / "choice.json")
