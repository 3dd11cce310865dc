"""A list of cubes, searched by the workflow: what it makes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from malformed import cube

from cubefocus.files import read_table

pytestmark = pytest.mark.workflow
SHAPE = (8, 48, 48)


@pytest.fixture
def cubes(tmp_path):
    """Paths of two restored cubes with a source each, at other places; the noise is that of a pixel."""
    paths = []
    for number in range(2):
        z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
        image = np.exp(-0.5 * ((x - 20.0 - 5.0 * number) ** 2 + (y - 24.0) ** 2) / 1.7**2)
        noise = 1e-3 * np.random.default_rng(number).standard_normal(SHAPE)
        values = (noise + 0.03 * image * np.exp(-0.5 * (z - 4.0) ** 2)).astype(np.float32)
        paths.append(str(cube(tmp_path / f"cube{number}.fits", values)))
    return paths


def overlay(tmp_path, **values):
    path = tmp_path / "list.yaml"
    path.write_text(yaml.safe_dump({"study": "detect", "experiment": "mine", **values}))
    return (path,)


def test_each_cube_is_searched_and_the_catalogue_has_all(snakemake, tmp_path, cubes):
    overlays = overlay(tmp_path, cubes=cubes, pictures=False)
    done = snakemake(tmp_path, overlays=overlays)
    assert done.returncode == 0, done.stdout
    made = tmp_path / "results" / "mine"
    found = read_table(made / "catalogue.ecsv")
    assert found["cube_id"].tolist() == [0, 1]
    assert found["x"] == pytest.approx([20.0, 25.0], abs=0.3)
    assert found.meta["provenance"]["cubes"] == cubes
    assert {path.suffix for path in made.glob("catalogue.*")} == {".ecsv", ".csv", ".xml", ".fits"}
    assert (made / "cubes" / "0001" / "cube1.source000.spectrum.ecsv").is_file()
    again = snakemake(tmp_path, "--dry-run", overlays=overlays)
    assert "Nothing to be done" in again.stdout


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "cubes is []: give the FITS cubes that are to be searched"),
        ({"cubes": ["a.fits", "b.fits"], "psf": ["p.fits"]}, "psf has 1 files for 2 cubes"),
        ({"cubes": ["a.fits", "a.fits"]}, "give each of them once"),
        ({"cubes": ["a.fits"], "seed": 3}, "seed"),
        ({"cubes": ["a.fits"], "purity": 1.5}, "purity is 1.5"),
        ({"cubes": ["a.fits"], "proposals": ["guess"]}, "proposals[0] is 'guess': give one of matched, network"),
    ],
)
def test_a_list_that_cannot_be_searched_is_one_clear_line(snakemake, tmp_path, values, said):
    done = snakemake(tmp_path, "--dry-run", overlays=overlay(tmp_path, **values))
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout
