"""The adapter of SoFiA-2, with a small program in its place that checks what it is given."""

import json
import sys

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.find import smooth_and_clip, sofia
from cubefocus.find.interface import COLUMNS

# Names in the list of control parameters of SoFiA-2's wiki: of version 2.5, and the new name in later ones.
DOCUMENTED = (
    "pipeline.pedantic", "pipeline.threads", "input.data", "input.region", "scfind.enable", "scfind.kernelsXY",
    "scfind.kernelsZ", "scfind.threshold", "scfind.replacement", "scfind.statistic", "scfind.fluxRange",
    "scaleNoise.enable", "scaleNoise.mode", "contsub.enable", "linker.enable", "linker.radiusXY",
    "linker.radiusZ", "linker.minSizeXY", "linker.minSizeZ", "reliability.enable", "reliability.threshold",
    "reliability.scaleKernel", "reliability.minSNR", "reliability.parameters", "reliability.plot",
    "dilation.enable", "parameter.enable", "parameter.wcs", "parameter.physical", "parameter.offset",
    "output.directory", "output.filename", "output.writeCatXML", "output.writeCatASCII", "output.overwrite",
    "filter.minSNR",
)  # fmt: skip
FIELDS = (
    "name", "id", "x", "y", "z", "x_min", "x_max", "y_min", "y_max", "z_min", "z_max", "n_pix", "f_min",
    "f_max", "f_sum", "rel", "flag", "rms", "w20", "w50", "ell_maj", "ell_min", "ell_pa", "err_x", "err_y",
    "err_z", "err_f_sum",
)  # fmt: skip

# What it is given goes into a file beside it; it "finds" the voxels above 10 of the whole cube as one source.
FAKE = """#!{python}
import json, pathlib, sys
import numpy as np
from astropy.io import fits
here = pathlib.Path(__file__).parent
text = pathlib.Path(sys.argv[1]).read_text()
given = dict(line.split(" = ") for line in text.splitlines())
with fits.open(given["input.data"]) as hdus:
    cube, header = hdus[0].data, hdus[0].header
    area = np.pi * header.get("BMAJ", 0) ** 2 / (4 * np.log(2)) / header["CDELT2"] ** 2
    json.dump(given | {{"area": area, "shape": cube.shape}}, open(here / "given.json", "w"))
    z, y, x = np.nonzero(cube > 10)
if {status}:
    print("Error: not today", file=sys.stderr)
    sys.exit({status})
values = cube[z, y, x]
row = ["SoFiA J1", 1, x.mean(), y.mean(), z.mean(), x.min(), x.max(), y.min(), y.max(), z.min(), z.max(), len(x),
       values.min(), values.max(), values.sum(), 0.97, 0, 2.0] + [0.0] * 9
whole = [isinstance(value, (int, np.integer)) for value in row]
kinds = ['datatype="char" arraysize="32"'] + ['datatype="%s"' % ("long" if one else "double") for one in whole[1:]]
fields = "".join('<FIELD %s name="%s" unit="" ucd="meta.id"/>' % pair for pair in zip(kinds, {fields}))
cells = "".join("<TD>%s</TD>" % value for value in row)
out = pathlib.Path(given["output.directory"]) / (given["output.filename"] + "_cat.xml")
out.write_text('<?xml version="1.0" ?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
               '<TABLE ID="SoFiA_source_catalogue" name="SoFiA source catalogue">' + fields + "<DATA><TABLEDATA><TR>"
               + cells + "</TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a program of the name into a folder that alone is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(status=0, fields=FIELDS):
        program = tmp_path / "sofia"
        program.write_text(FAKE.format(python=sys.executable, status=status, fields=fields))
        program.chmod(0o755)
        return tmp_path / "given.json"

    return put


@pytest.fixture
def cube():
    cube = np.random.default_rng(1).normal(size=(8, 20, 30)).astype(np.float32)
    cube[2:5, 10:14, 20:23] = 20.0
    cube[3, 12, 21] = 40.0
    return cube


def test_its_catalogue_becomes_a_table_of_half_open_boxes(install, cube):
    install()
    assert sofia.available()
    (row,) = sofia.find(cube, {})
    assert [row[name] for name in ("x0", "y0", "x1", "y1", "z0", "z1")] == [20, 10, 23, 14, 1.5, 4.5]
    assert [row[name] for name in ("x", "y", "z", "n_voxels")] == [21.0, 11.5, 3.0, 36]
    assert [row[name] for name in ("peak", "flux", "snr", "reliability")] == [40.0, 740.0, 20.0, 0.97]
    assert set(COLUMNS) <= set(row.colnames) <= set(smooth_and_clip.find(cube, {}).colnames)


def test_it_is_given_the_parameters_by_their_documented_names(install, cube):
    given = install()
    sofia.find(cube, {"radius_xy": 3, "min_snr": 2.5, "beam_area": 12.0, "region": 10, "scale_noise": True})
    told = json.loads(given.read_text())
    assert set(told) - {"area", "shape"} == set(DOCUMENTED)
    assert told["shape"] == [8, 20, 30]
    assert told["area"] == pytest.approx(12.0)
    expected = {
        "input.region": "10, 19, 5, 14, 0, 7",
        "scfind.kernelsXY": "0, 3, 5, 7, 9, 11",
        "scfind.kernelsZ": "0, 3, 5, 7, 9, 11",
        "scfind.threshold": "5",
        "linker.radiusXY": "3",
        "linker.radiusZ": "1",
        "reliability.enable": "true",
        "reliability.threshold": "0.9",
        "reliability.minSNR": "2.5",
        "filter.minSNR": "2.5",
        "scaleNoise.enable": "true",
        "parameter.offset": "true",
    }
    assert {name: told[name] for name in expected} == expected
    sofia.find(cube, sofia.SOFIA_DEFAULTS)
    told = json.loads(given.read_text())
    assert (told["reliability.enable"], told["scfind.kernelsZ"], told["area"]) == ("false", "0, 3, 7, 15", 0.0)


def test_nothing_found_is_an_empty_table(install, cube):
    install(status=sofia.NO_SOURCES)
    assert len(sofia.find(cube, {})) == 0
    assert set(COLUMNS) < set(sofia.find(cube, {}).colnames)


def test_a_failure_is_told_in_its_own_words(install, cube):
    install(status=7)
    with pytest.raises(CubefocusError, match="status 7: Error: not today"):
        sofia.find(cube, {})


def test_a_catalogue_without_a_needed_column_is_refused(install, cube):
    install(fields=["other" if name == "f_sum" else name for name in FIELDS])
    with pytest.raises(CubefocusError, match="f_sum"):
        sofia.find(cube, {})


def test_without_the_program_the_way_out_is_named(cube, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not sofia.available()
    with pytest.raises(CubefocusError, match=r"no program 'sofia' on PATH.*smooth_and_clip"):
        sofia.find(cube, {})


def test_bad_parameters_are_refused_before_anything_runs(install, cube):
    given = install()
    with pytest.raises(CubefocusError, match="tresh"):
        sofia.find(cube, {"tresh": 1})
    with pytest.raises(CubefocusError, match="2 axes"):
        sofia.find(cube[0], {})
    assert not given.exists()
