"""Draws: ranges, rules between sources, independence of cubes, seeds, refusals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import paper
import pytest
from astropy.table import Table

from cubefocus.errors import CubefocusError
from cubefocus.files import read_table, write_table
from cubefocus.sky.catalogue import cube_list, draw_catalogue, noise_seed, select
from cubefocus.sky.registry import SKY_TYPES

SNR = (10.0, 30.0)


def draw(sky=None, train=40, validation=0, test=0, seed=1, snr=SNR):
    cubes = {"train": train, "validation": validation, "test": test, "batch_size": 4, "keep": True}
    return draw_catalogue({**paper.SKY, **(sky or {})}, 128, cubes, snr, seed, n_pixels=360)


def as_text(table: Table, tmp_path) -> str:
    write_table(tmp_path / "table.ecsv", table, {})
    return (tmp_path / "table.ecsv").read_text()


def cubes_of(table: Table) -> list[Table]:
    return [table[table["cube_id"] == cube] for cube in np.unique(table["cube_id"])]


def test_same_seed_gives_the_same_catalogue_to_the_last_bit(tmp_path):
    sky = {"types": dict.fromkeys(SKY_TYPES, 1.0)}
    assert as_text(draw(sky), tmp_path) == as_text(draw(sky), tmp_path)
    assert as_text(draw(sky), tmp_path) != as_text(draw(sky, seed=2), tmp_path)


def test_cube_does_not_depend_on_how_many_others_there_are(tmp_path):
    few, many = draw(train=6), draw(train=30, test=10)
    assert as_text(few, tmp_path) == as_text(select(many, range(6)), tmp_path)


def test_sky_does_not_depend_on_the_target_snr():
    bright, faint, none = draw(), draw(snr=(3.0, 10.0)), draw(snr=None)
    for name in ("x", "y", "z", "amplitude", "noise_seed"):
        assert np.array_equal(bright[name], faint[name])
        assert np.array_equal(bright[name], none[name])
    assert bright["snr_target"].min() >= 10 > faint["snr_target"].max()
    assert none["snr_target"].mask.all()


def test_draws_fill_their_ranges_evenly():
    table = draw(train=400)
    central = table[table["is_central"]]  # the further sources' amplitudes are bent by the brightness rule
    names = {"amplitude": "amplitude", "sigma": "sigma_x", "pa": "pa", "spectral_index": "spectral_index",
             "line_amplitude": "line_amplitude", "line_centre": "z", "line_fwhm": "fwhm_z"}  # fmt: skip
    for setting, column in names.items():
        low, high = paper.SKY[setting]
        share = (central[column] - low) / (high - low)
        assert 0 <= share.min() < 0.05
        assert 0.95 < share.max() <= 1
        assert abs(share.mean() - 0.5) < 5 / np.sqrt(12 * len(share))
    further = table[~table["is_central"]]
    assert (further["x"].min(), further["x"].max()) == (100, 249)  # the upper end is left out
    assert np.array_equal(further["y"], np.round(further["y"]))
    counts = np.bincount([len(cube) - 1 for cube in cubes_of(table)])
    assert np.flatnonzero(counts).tolist() == [2, 3, 4, 5]


def test_central_source_sits_at_the_phase_centre():
    central = [cube[cube["is_central"]] for cube in cubes_of(draw())]
    assert all(len(rows) == 1 and rows["source_id"][0] == 0 for rows in central)
    assert all((rows["x"][0], rows["y"][0]) == (180, 180) for rows in central)


@pytest.mark.parametrize("kinds", [("gaussian",), tuple(SKY_TYPES)])
def test_no_further_source_is_brighter_than_the_central_one(kinds):
    for cube in cubes_of(draw({"types": dict.fromkeys(kinds, 1.0)}, train=100)):
        brightest = cube["amplitude"] * (1 + np.maximum(cube["line_amplitude"], 0))
        assert brightest[1:].max() <= brightest[0]


def test_further_sources_keep_apart_but_not_from_the_central_one():
    nearest, to_centre = [], []
    for cube in cubes_of(draw(train=200)):
        places = np.column_stack([cube["x"], cube["y"]])
        apart = np.hypot(*np.moveaxis(places[:, None] - places, -1, 0)) + np.diag(np.full(len(cube), np.inf))
        nearest.append(apart[1:, 1:].min())
        to_centre.append(apart[0].min())
    assert min(nearest) >= 20
    assert min(to_centre) < 20


def test_impossible_separation_ends_with_an_error():
    with pytest.raises(CubefocusError, match=r"cube 0.*500.*separation"):
        draw({"separation": 500, "n_sources": [3, 3]})


def test_noise_seeds_are_distinct_and_fit_casa():
    seeds = [noise_seed(1, cube) for cube in range(20000)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1
    assert max(seeds) <= 2**31 - 1
    assert noise_seed(1, 5) != noise_seed(2, 5)
    table = draw()
    assert all(len(set(cube["noise_seed"])) == 1 for cube in cubes_of(table))
    assert table["noise_seed"][0] == noise_seed(1, 0)


def test_cube_numbers_run_through_the_splits():
    cubes = cube_list(draw(train=3, validation=2, test=4))
    assert [cube["cube_id"] for cube in cubes] == list(range(9))
    assert [cube["split"] for cube in cubes] == ["train"] * 3 + ["validation"] * 2 + ["test"] * 4
    assert all(one["noise_seed"] != two["noise_seed"] for one, two in pairwise(cubes))


def test_empty_fields_are_listed_with_their_noise(tmp_path):
    table = draw({"empty_fraction": 0.5}, train=60, test=40)
    empty = table.meta["cubes"]
    assert 30 < len(empty) < 70
    assert not {cube["cube_id"] for cube in empty} & set(table["cube_id"].tolist())
    assert [cube["cube_id"] for cube in cube_list(table)] == list(range(100))
    chosen = [empty[0]["cube_id"], int(table["cube_id"][0])]
    part = select(table, chosen)
    assert part.meta["cubes"] == empty[:1]
    assert set(part["cube_id"]) == set(chosen[1:])
    write_table(tmp_path / "catalogue.ecsv", part, {})
    assert cube_list(read_table(tmp_path / "catalogue.ecsv")) == cube_list(part)


def test_experiment_of_empty_fields_has_typed_columns_and_no_rows():
    table = draw({"empty_fraction": 1.0}, train=3)
    assert len(table) == 0
    assert len(table.meta["cubes"]) == 3
    assert table["x"].dtype == float
    assert table["cube_id"].dtype == int


def test_types_are_drawn_by_weight_with_their_own_columns():
    table = draw({"types": {"gaussian": 3.0, "disc": 1.0, "point": 0.0}}, train=300)
    share = np.mean(table["type"] == "disc")
    assert share == pytest.approx(0.25, abs=0.05)
    assert "texture_seed" not in table.colnames
    assert np.array_equal(table["inclination"].mask, table["type"] != "disc")


def test_columns_have_units_and_descriptions_that_survive_a_file(tmp_path):
    table = draw({"types": dict.fromkeys(SKY_TYPES, 1.0)}, train=20)
    write_table(tmp_path / "catalogue.ecsv", table, {})
    again = read_table(tmp_path / "catalogue.ecsv")
    assert all(table[name].description for name in table.colnames)
    assert [again[name].unit for name in table.colnames] == [table[name].unit for name in table.colnames]
    assert str(again["sigma_x"].unit) == "pix"
    assert "clockwise" in again["pa"].description
    assert np.array_equal(again["z_2"].mask, table["z_2"].mask)


@pytest.mark.parametrize(
    ("sky", "message"),
    [
        ({"sigm": [1, 2]}, "unknown key sky.sigm: did you mean sigma"),
        ({"sigma": [0, 2]}, "sigma"),
        ({"sigma": [3, 2]}, "sigma"),
        ({"sigma": 3}, "sigma"),
        ({"pa": [0, 180]}, "pa"),
        ({"n_sources": [1.5, 2]}, "n_sources"),
        ({"position": [100, 361]}, "position"),
        ({"line_centre": [10, 129]}, "line_centre"),
        ({"types": {"quasar": 1}}, "quasar"),
        ({"types": {"gaussian": 0}}, "types"),
        ({"types": ["gaussian"]}, "types"),
        ({"empty_fraction": 1.5}, "empty_fraction"),
        ({"box_level": 0}, "box_level"),
        ({"box_reference": "cube"}, "box_reference"),
        ({"separation": -1}, "separation"),
    ],
)
def test_bad_settings_are_named(sky, message):
    with pytest.raises(CubefocusError, match=message):
        draw(sky)


@pytest.mark.parametrize("bad", [{"train": -1}, {"snr": (0.0, 10.0)}, {"snr": (30.0, 10.0)}, {"seed": -1}])
def test_bad_counts_snr_and_seed_are_refused(bad):
    with pytest.raises(CubefocusError):
        draw(**bad)
