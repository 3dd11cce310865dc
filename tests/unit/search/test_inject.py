"""Sources that are put into a cube are what was asked for, and what is found of them is told."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from scenes import make_header
from scipy.ndimage import gaussian_filter

from cubefocus.cli.main import main
from cubefocus.cube.beams import with_beam
from cubefocus.cube.cube import Cube
from cubefocus.cube.writing import write_cube
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.fit.beam import Beam
from cubefocus.search.inject import AT_ONCE, COLUMNS, RANGE, inject
from cubefocus.search.run import search_cube

SHAPE, FWHM = (16, 96, 96), 5.0
SIGMA = FWHM / 2.35482


def noise(seed=1, shape=SHAPE):
    smooth = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (0, SIGMA / 1.41, SIGMA / 1.41))
    return (0.01 * smooth / smooth.std()).astype(np.float32)


def cube_and_beam(shape=SHAPE):
    return Cube(noise(shape=shape), make_header(shape)), Beam.gaussian(np.array([[FWHM, FWHM, 0.0]]), shape)


def nothing(_cube, _number):
    return Table({name: np.zeros(0) for name in ("x", "y", "z", "x0", "y0", "x1", "y1")})


def test_the_cube_holds_the_fluxes_that_the_table_says():
    """Sums over the cubes that are searched, less the cube itself, over the area of the beam."""
    cube, beam = cube_and_beam()
    seen = []
    found = inject(cube, beam, lambda one, number: seen.append((number, one.data)) or nothing(one, number), 12, seed=3)
    assert found.sources.colnames == [one.name for one in COLUMNS]
    assert [number for number, _ in seen] == [0, 1, 2, 3]
    area, kms = 2.0 * np.pi * SIGMA**2, 299792.458 * 10e6 / 230e9
    for number, data in seen[1:]:
        wanted = found.sources["line_flux_jykms"][found.sources["cube_id"] == number].sum()
        assert (data - cube.data).sum() / area * kms == pytest.approx(wanted, rel=0.01)
    assert (found.sources["snr_target"] >= RANGE[0]).all()
    assert not found.sources["is_found"].any()
    assert np.isnan(found.half)


def test_a_seed_decides_all_and_another_one_does_not():
    cube, beam = cube_and_beam()
    one, same, other = (inject(cube, beam, nothing, AT_ONCE, seed).sources for seed in (1, 1, 2))
    assert one["x"].tolist() == same["x"].tolist()
    assert one["x"].tolist() != other["x"].tolist()


def test_bright_sources_are_found_and_faint_ones_are_not():
    cube, beam = cube_and_beam()
    found = inject(cube, beam, lambda one, number: search_cube(one, beam, (FWHM, FWHM, 0.0), cube_id=number).catalogue,
                   40, seed=5)  # fmt: skip
    snr, is_found = (np.asarray(found.sources[name]) for name in ("snr_target", "is_found"))
    assert is_found[snr > 12].all()
    assert not is_found[snr < 3.6].all()
    assert 3.5 < found.half < 9.0
    assert found.half < found.most
    assert found.completeness["n_sources"].sum() == 40
    bright = found.sources[is_found & (snr > 12)]
    ratio = np.asarray(bright["line_flux_jykms_found"]) / np.asarray(bright["line_flux_jykms"])
    assert np.median(ratio) == pytest.approx(1.0, abs=0.12)
    assert len(found.plot().axes) == 1


def test_a_cube_that_is_full_has_no_place():
    cube, beam = cube_and_beam()
    full = Table({"x0": [0], "y0": [0], "x1": [96], "y1": [96], "x": [48.0], "y": [48.0], "z": [3.0]})
    with pytest.raises(CubefocusError, match="no place for a source"):
        inject(cube, beam, lambda *_: full, 5)


def test_the_command_writes_tables_and_plot_and_refuses_nonsense(tmp_path, capsys):
    shape = (1, 96, 96)
    header = make_header(shape)
    header["BUNIT"] = "Jy/beam"
    write_cube(tmp_path / "image.fits", noise(4, shape), with_beam(header, [(0.5, 0.5, 0.0)], "ALMA"), {})
    command = ["inject", str(tmp_path / "image.fits"), "-o", str(tmp_path / "out")]
    assert main([*command, "--number", "10"]) == 0
    assert len(read_table(tmp_path / "out" / "injected.ecsv")) == 10
    assert {"injected.xml", "completeness.ecsv", "completeness.png"} <= {p.name for p in (tmp_path / "out").iterdir()}
    for options, words in (
        (["--number", "0"], "--number is 0"),
        (["--seed", "-1"], "--seed is -1"),
        ([], "--overwrite"),
    ):
        assert main([*command, *options]) == 1
        assert words in capsys.readouterr().err
