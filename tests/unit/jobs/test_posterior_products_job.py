"""The job writes products and catalogue from files, and leaves nothing where it fails."""

import pytest
from resolved import drawn, gaussian, observed

from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.jobs.posterior_products import PosteriorProducts, run

SKY = 0.02 * gaussian(36.0, 20.0, 2.4, 1.6, 30.0) + 1e-6


def test_products_and_catalogue_from_files(tmp_path):
    observed(SKY).save(tmp_path / "seen.h5")
    drawn(SKY, spread=0.05).save(tmp_path / "posterior.h5")
    job = PosteriorProducts(str(tmp_path / "seen.h5"), str(tmp_path / "posterior.h5"), str(tmp_path / "made"), {"a": 1})
    run(job)
    table = read_table(tmp_path / "made" / "catalogue.ecsv")
    assert len(table) == 1
    assert table.meta["provenance"] == {"a": 1}
    assert len(read_table(tmp_path / "made" / "parameters.ecsv")) == 6
    first = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    assert len(first) == 10
    run(job)
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == first


def test_a_damaged_posterior_is_refused(tmp_path):
    observed(SKY).save(tmp_path / "seen.h5")
    (tmp_path / "posterior.h5").write_bytes(b"none")
    job = PosteriorProducts(str(tmp_path / "seen.h5"), str(tmp_path / "posterior.h5"), str(tmp_path / "made"))
    with pytest.raises(CubefocusError, match="not a whole posterior"):
        run(job)
    assert not (tmp_path / "made").exists()
