"""Learning rate and early stopping (MNRAS 4.5)."""

from itertools import pairwise

import pytest

from cubefocus.errors import CubefocusError
from cubefocus.learn.schedule import epochs_without_improvement, learning_rate
from cubefocus.settings import TrainingSettings


def test_the_learning_rate_rises_over_ten_iterations_and_stays():
    rates = [learning_rate(i, 100, TrainingSettings(learning_rate=1e-4, decay="none")) for i in range(100)]
    assert rates[:10] == pytest.approx([1e-5 * (i + 1) for i in range(10)])
    assert set(rates[10:]) == {1e-4}


def test_the_cosine_falls_from_the_full_rate_to_nearly_nothing():
    rates = [learning_rate(i, 100, TrainingSettings(learning_rate=1.0, decay="cosine")) for i in range(100)]
    assert rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[-1] < 1e-3
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


@pytest.mark.parametrize(
    ("losses", "run"),
    [
        ([1.0], 0),
        ([1.0, 0.9, 0.8], 0),
        ([1.0, 1.1, 1.2], 2),
        # above its predecessor but below the mean of the last ten: still an improvement
        ([10.0, 1.0, 2.0], 0),
        # only the last ten count: by then the high start is forgotten
        ([10.0] + [1.0] * 10 + [1.5], 1),
        ([10.0] + [1.0] * 9 + [1.5], 0),
    ],
)
def test_a_loss_improves_on_the_mean_of_the_ten_before_it(losses, run):
    assert epochs_without_improvement(losses, window=10) == run


def test_one_improvement_starts_the_count_again():
    flat = [1.0] * 9
    assert epochs_without_improvement([*flat], 10) == 8
    assert epochs_without_improvement([*flat, 0.9], 10) == 0
    assert epochs_without_improvement([*flat, 0.9, 1.0], 10) == 1


def test_settings_are_checked_by_name_and_value():
    with pytest.raises(CubefocusError, match=r"YAML reads 1e-4 as a text, write 1\.0e-4"):
        TrainingSettings.from_mapping({"learning_rate": "1e-4"})
    with pytest.raises(CubefocusError, match="learnig_rate"):
        TrainingSettings.from_mapping({"learnig_rate": 1e-4})
    with pytest.raises(CubefocusError, match="epochs is 0"):
        TrainingSettings.from_mapping({"epochs": 0})
    with pytest.raises(CubefocusError, match="linear"):
        TrainingSettings(decay="linear")
