"""Cubes that cannot be searched: one line that names the file and what is wrong, exit code 1, nothing left."""

import math
import warnings

import pytest
from astropy.io.fits.verify import VerifyWarning
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malformed import CARDS, CASES, cube

from cubefocus.cli.main import main
from cubefocus.cube.reading import in_jy_per_beam, read_cube
from cubefocus.errors import CubefocusError

NUMBERS = st.one_of(st.floats(-1e12, 1e12), st.sampled_from([0.0, -1.0, 1e-30, 1e30, 360.0, 91.0]), st.integers(-9, 9))
TEXTS = st.one_of(
    st.sampled_from(["", "deg", "Hz", "HZ", "km/s", "M/S", "FREQ", "VELO-LSR", "VRAD", "GLON-CAR", "GLAT-CAR", "STOKES",
                     "RA---TAN", "DEC--TAN", "mJy/beam", "JY/BEAM", "K", "J2000", "1.5", "nan"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
)  # fmt: skip
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
OTHERS = ["RESTFRQ", "VELREF", "SPECSYS", "EQUINOX", "RADESYS", "CROTA2", "PC1_1", "PC2_1", "CD1_1", "CD3_3", "LONPOLE"]
KEYS = [*CARDS, *OTHERS]


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")  # in the writing
@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_searched_is_one_line_and_leaves_nothing(name, tmp_path, capsys, caplog):
    write, said = CASES[name]
    path, output = write(tmp_path), tmp_path / "found"
    assert main(["detect", str(path), "-o", str(output)]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith(f"cubefocus detect: error: {path}: ")
    assert said in f"{caplog.text}\n{told[-1]}"
    assert "Traceback" not in "\n".join(told)
    assert not output.exists()


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_a_header_is_read_or_refused_with_a_reason(tmp_path, changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)  # in the writing
        path = cube(tmp_path / "cube.fits", **changes)
    found, refused = None, ""
    try:
        found = in_jy_per_beam(read_cube(path), path)
        frequencies = found.frequencies_hz
    except CubefocusError as error:
        refused = str(error)
    if refused:
        assert path.name in refused or found is not None
    else:
        assert (found.data.shape, frequencies.shape) == ((8, 32, 32), (8,))
        assert all(frequencies > 0)
        assert found.beam is None or all(math.isfinite(value) for value in found.beam)
