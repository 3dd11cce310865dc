"""What users hand to the chain in Python is converted, or refused in one line."""

import numpy as np
import pytest
from astropy import units as u
from bundles import assert_same_rows

from cubefocus import Bundle, detect
from cubefocus.alma.inputs import as_cubes
from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError

FORMS = {
    "big-endian": lambda data: data.astype(">f4"),
    "float64": lambda data: data.astype(np.float64),
    "lists": lambda data: data.tolist(),
    "masked": lambda data: np.ma.masked_invalid(data),
    "with a unit": lambda data: 1e3 * data * u.mJy / u.beam,
    "every other value": lambda data: np.repeat(data, 2, axis=2)[:, :, ::2],
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_form_the_values_have_the_same_sources_are_found(scene, source, oracle, form):
    one = scene([source(25, 30, 10)], cut=46)
    expected = oracle([one]).detect([one.cube]).catalogue
    (given,) = as_cubes([Cube(FORMS[form](one.cube.data), one.cube.header)])
    assert given.data.dtype == np.float32
    assert given.data.dtype.isnative
    found = oracle([one]).detect([Cube(FORMS[form](one.cube.data), one.cube.header)]).catalogue
    assert found["z"][0] == pytest.approx(10, abs=0.1)
    for name in ("x", "z", "flux"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)


def test_cube_that_is_as_it_should_be_is_not_copied(scene):
    cube = scene([]).cube
    assert as_cubes([cube])[0] is cube


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[["a"]]], "no real numbers"),
        ([[[1.0], [2.0, 3.0]]], "no real numbers"),
        (np.ones((2, 3, 3), complex), "no real numbers"),
        (np.ones((2, 3, 3)) * u.K, "no real numbers in Jy/beam or Jy/pixel"),
        (np.ones((3, 3)), r"have the shape \(3, 3\)"),
    ],
)
def test_what_is_no_cube_is_refused(scene, data, message):
    with pytest.raises(CubefocusError, match=f"a cube's data .*{message}"):
        Cube(data, scene([]).cube.header)


def test_list_of_numbers_or_a_cube_without_a_list_is_refused(scene, oracle):
    one = scene([])
    with pytest.raises(CubefocusError, match=r"is a list; give Cube\(data, header\)"):
        oracle([one]).detect(one.cube.data.tolist())
    with pytest.raises(CubefocusError, match="is a ndarray"):
        oracle([one]).detect([one.cube.data])
    with pytest.raises(CubefocusError, match=r"give \[cube\]"):
        oracle([one]).detect(one.cube)


def test_cubes_in_memory_and_on_disk_are_searched_alike(bundle, scene, source, tmp_path):
    cubes = [scene([source(20, 22, 8)], n_pixels=40, n_channels=16, seed=seed).cube for seed in (1, 2)]
    paths = [tmp_path / "a.fits", tmp_path / "b.fits"]
    for path, cube in zip(paths, cubes, strict=True):
        write_cube(path, cube.data, cube.header, {})
    found = detect(cubes, Bundle.load(bundle), ids=[4, 9])
    assert set(found.catalogue["cube_id"]) == {4, 9}
    assert [field.cube_id for field in found.fields] == [4, 9]
    assert_same_rows(detect(paths, bundle, ids=[4, 9]).catalogue, found.catalogue)
    (alone,) = detect(paths[1], bundle, ids=[9]).fields
    np.testing.assert_array_equal(alone.probability, found.fields[1].probability)
    strict = detect(cubes, bundle, {"blobs": {"threshold": 0.99}})
    assert len(strict.candidates) == 0


def test_ids_must_be_one_a_cube(bundle, scene):
    cube = scene([]).cube
    with pytest.raises(CubefocusError, match="1 ids were given for 2 cubes"):
        detect([cube, cube], bundle, ids=[1])
    with pytest.raises(CubefocusError, match=r"ids of the cubes are \[1, 1\]"):
        detect([cube, cube], bundle, ids=[1, 1])
    with pytest.raises(CubefocusError, match="one cube at least"):
        detect([], bundle)
