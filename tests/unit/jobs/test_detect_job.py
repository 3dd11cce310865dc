"""A batch to search: what the job writes, in one process or with an executor."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.alma import folder
from cubefocus.alma.chain import Chain
from cubefocus.cube.writing import write_cube
from cubefocus.files import read_table, write_table
from cubefocus.jobs import parts
from cubefocus.jobs.detect import Detect, run
from cubefocus.timing import Clock

STAGES = ["loading", "reading", "blobs_finder", "deep_gru", "focus", "morphology", "flux", "catalogue"]


@pytest.fixture
def batch(scene, tmp_path, monkeypatch):
    """Job for a batch of three cubes that are read one by one, with a chain that sees nothing."""
    chain = Chain(np.zeros_like, lambda spectra: spectra, lambda name, images: np.zeros(len(images)))
    monkeypatch.setattr(parts, "_load_chain", lambda text: chain)
    monkeypatch.setattr(folder, "CUBES_IN_MEMORY", 1)
    cubes = [{"cube_id": number} for number in (5, 6, 9)]
    write_table(tmp_path / "cubes" / "truth.ecsv", Table(meta={"cubes": cubes}), {})
    for cube in cubes:
        one = scene([], n_pixels=16, n_channels=4).cube
        write_cube(tmp_path / "cubes" / f"{cube['cube_id']:06d}.dirty.fits", one.data, one.header, {})
    files = {"products": "products.h5", "catalogue": "catalogue.ecsv", "candidates": "candidates.ecsv"}
    made = {name: str(tmp_path / file) for name, file in {**files, "time": "time.json"}.items()}
    return Detect(str(tmp_path / "cubes"), bundle="bundle", **made)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_each_stage_took_is_added_up_over_the_parts(batch, workers):
    if workers:
        with ThreadPoolExecutor(workers) as executor:
            run(batch, executor)
    else:
        run(batch)
    clock = Clock.read(batch.time)
    assert list(clock.stages) == STAGES
    assert {cost.cubes for cost in clock.stages.values()} == {3}
    assert len(clock.machines) == 1
    assert "clock" not in read_table(batch.catalogue).meta
