"""The choice of parameters on the validation split."""

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.find.interface import empty_detections, grid_points
from cubefocus.find.threshold import find
from cubefocus.find.tune import tune
from cubefocus.settings import EvaluationSettings

SETTINGS = EvaluationSettings()


def true_table(cubes=(0, 1, 2), split="validation"):
    n = len(cubes)
    box = {"x0": np.full(n, 20), "y0": np.full(n, 20), "x1": np.full(n, 30), "y1": np.full(n, 30)}
    return Table({"cube_id": list(cubes), "split": [split] * n, **box})


def images(seed=2):
    """Squares of 8 sigma in noise of many pixels: at 3 sigma there are false sources, at 20 sigma none at all."""
    fields = {}
    for cube in range(4):
        fields[cube] = np.random.default_rng([seed, cube]).normal(size=(128, 128))
        if cube < 3:
            fields[cube][20:30, 20:30] += 10.0
    return fields


def test_the_grid_search_finds_the_threshold_between_noise_and_sources():
    tuned = tune(find, images(), true_table(), grid_points({"threshold": [2.5, 3.0, 5.5, 20.0]}), SETTINGS)
    assert tuned.parameters == {"threshold": 5.5}
    assert tuned.f1 == 1.0
    assert tuned.scores["f1"][0] < 0.1
    assert tuned.scores["recall"][3] == 0.0


def test_false_detections_in_empty_cubes_count():
    def everywhere(image, parameters):
        found = empty_detections()
        found.add_row({"x0": 20, "y0": 20, "x1": 30, "y1": 30})
        return found

    tuned = tune(everywhere, images(), true_table(), [{"any": 1}], SETTINGS)
    assert (tuned.scores["tp"][0], tuned.scores["fp"][0]) == (3, 1)


def test_ties_go_to_the_first_point():
    points = [{"threshold": 5.6}, {"threshold": 5.5}]
    assert tune(find, images(), true_table(), points, SETTINGS).parameters == {"threshold": 5.6}


def test_all_combinations_are_tried():
    assert grid_points({"a": [1, 2], "b": [3]}) == [{"a": 1, "b": 3}, {"a": 2, "b": 3}]


def test_the_test_split_is_refused():
    with pytest.raises(CubefocusError, match="validation"):
        tune(find, images(), true_table(split="test"), [{"threshold": 5.0}], SETTINGS)


def test_what_cannot_be_tuned_is_told():
    with pytest.raises(CubefocusError, match="no points"):
        tune(find, images(), true_table(), [], SETTINGS)
    with pytest.raises(CubefocusError, match="no sources"):
        tune(find, images(), true_table(())[:0], [{"threshold": 5.0}], SETTINGS)
    with pytest.raises(CubefocusError, match="cube 9"):
        tune(find, images(), true_table((0, 9)), [{"threshold": 5.0}], SETTINGS)


def test_each_image_is_asked_for_once():
    class Counted(dict):
        asked = 0

        def items(self):
            for cube in self:
                self.asked += 1
                yield cube, self[cube]

    counted = Counted(images())
    tune(find, counted, true_table(), grid_points({"threshold": [5.0, 6.0, 7.0]}), SETTINGS)
    assert counted.asked == 4
