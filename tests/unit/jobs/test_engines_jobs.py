"""A comparison of the engines that is written, read again and drawn."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from cubefocus.engines.validation import Comparison, compare, hard_sky
from cubefocus.errors import CubefocusError
from cubefocus.jobs.compare_engines import name_of, read_comparison, write_comparison
from cubefocus.report.figures.engines import engines_figure
from cubefocus.report.figures.style import save_figure


@pytest.fixture
def comparison(instrument, setup, tmp_path, monkeypatch) -> Comparison:
    """Of the engine fft with itself, with other noise."""
    from cubefocus.engines import casa, fft

    def observe(sky, observation, noise, seed, log, scratch, *, name):
        return fft.observe(sky, observation, noise, seed + 1000, cache=tmp_path / "cache")

    monkeypatch.setattr(casa, "observe", observe)
    return compare(name_of(setup), hard_sky(setup), setup, tmp_path / "cache", log=tmp_path / "casa.log")


def test_what_is_drawn_of_a_file_is_what_is_drawn_of_the_comparison(comparison, setup, tmp_path):
    write_comparison(tmp_path / "0.h5", comparison, {})
    again = read_comparison(tmp_path / "0.h5", setup)
    for kind in ("channels", "rings"):
        table: Table = getattr(comparison, kind)
        for name in table.colnames:
            assert np.array_equal(np.asarray(table[name]), np.asarray(getattr(again, kind)[name])), name
    drawn, redrawn = (
        save_figure(engines_figure(one), tmp_path / name, {}) for name, one in (("a", comparison), ("b", again))
    )
    assert [path.read_bytes() for path in drawn] == [path.read_bytes() for path in redrawn]


def test_times_are_not_kept(comparison, setup, tmp_path):
    slower = replace(comparison, numbers={**comparison.numbers, "casa_seconds": 1e6})
    for name, one in (("a.h5", comparison), ("b.h5", slower)):
        write_comparison(tmp_path / name, one, {})
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:300])
    with pytest.raises(CubefocusError, match="truncated or damaged"):
        read_comparison(tmp_path / "a.h5", setup)
