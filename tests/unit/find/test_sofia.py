"""The adapter of SoFiA-2, with a small program in its place that checks what it is given."""

import json
import sys

import numpy as np
import pytest

from cubefocus.errors import CubefocusError
from cubefocus.find import smooth_and_clip, sofia
from cubefocus.find.interface import COLUMNS

# Names of control parameters that all versions know, of those that there are, and what versions call the least SNR.
DOCUMENTED = (
    "pipeline.pedantic", "pipeline.threads", "input.data", "input.region", "scfind.enable", "scfind.kernelsXY",
    "scfind.kernelsZ", "scfind.threshold", "scfind.replacement", "scfind.statistic", "scfind.fluxRange",
    "scaleNoise.enable", "scaleNoise.mode", "contsub.enable", "linker.radiusXY",
    "linker.radiusZ", "linker.minSizeXY", "linker.minSizeZ", "reliability.enable", "reliability.threshold",
    "reliability.scaleKernel", "reliability.plot",
    "dilation.enable", "parameter.enable", "parameter.wcs", "parameter.physical", "parameter.offset",
    "output.directory", "output.filename", "output.writeCatXML", "output.writeCatASCII", "output.overwrite",
)  # fmt: skip
LEAST_SNR = {
    "2.2.1": "reliability.fmin",
    "2.3.1": "reliability.minSNR",
    "2.5.1": "reliability.minSNR",
    "2.6.0": "reliability.minSNR",
    "2.6.60": "filter.minSNR",
    "2.7.0": "filter.minSNR",
}
FIELDS = (
    "name", "id", "x", "y", "z", "x_min", "x_max", "y_min", "y_max", "z_min", "z_max", "n_pix", "f_min",
    "f_max", "f_sum", "rel", "flag", "rms", "w20", "w50", "ell_maj", "ell_min", "ell_pa", "err_x", "err_y",
    "err_z", "err_f_sum",
)  # fmt: skip

# It has the manners of SoFiA-2: its header before all else, errors in red and over two lines, its own exit statuses.
# What it is given goes into a file beside it. It "finds" the voxels above 10 of the whole cube as one source, and those
# below -10 as a negative one. Runs are counted.
FAKE = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
known = {known}

def ensure(condition, status, message):
    if not condition:
        red, end = chr(27) + "[31m", chr(27) + "[0m"
        message = "%s\\n       Terminating with error code %d." % (message, status)
        print("\\n%sERROR: %s%s\\n" % (red, message, end), file=sys.stderr)
        sys.exit(status)

print("Using:    Source Finding Application (SoFiA)")
print("Version:  {version} (18-Nov-2020)")
ensure(len(sys.argv) == 2, 7, "Unexpected number of command line arguments.\\nUsage: sofia <parameter_file>")
text = pathlib.Path(sys.argv[1]).read_text()
given = dict(line.split(" = ") for line in text.splitlines())
unknown = [name for name in given if name not in known]
for name in unknown:
    print("  Unknown parameter: '%s'" % name)
ensure(not unknown or given["pipeline.pedantic"] == "false", 7, "Unknown parameter settings encountered.")
import numpy as np  # not astropy, which takes most of a second
data = pathlib.Path(given["input.data"]).read_bytes()
cards = [data[start : start + 80].decode() for start in range(0, 2880, 80)]
header = {{card[:8].strip(): float(card[10:].split("/")[0]) for card in cards if card[8:10] == "= " and "'" not in card
          and card[:6] != "SIMPLE" and card[:6] != "EXTEND"}}
shape = [int(header["NAXIS%d" % axis]) for axis in (3, 2, 1)]
cube = np.frombuffer(data, ">f4", shape[0] * shape[1] * shape[2], 2880).reshape(shape)
area = np.pi * header.get("BMAJ", 0) ** 2 / (4 * np.log(2)) / header["CDELT2"] ** 2
with open(here / "given.json", "a") as file:
    file.write(json.dumps(given | {{"area": area, "shape": shape}}) + chr(10))
ensure(not {status}, {status}, "Something is wrong:\\n       not today.")
rated = given["reliability.enable"] == "true"
z, y, x = np.nonzero(cube > 10)
ensure(len(x) or (cube < -10).any(), 8, "No sources left after linking. Terminating pipeline.")
if rated:
    ensure((cube < -10).any(), 1, "No negative sources found. Cannot proceed.")
    ensure(len(x), 1, "No positive sources found. Cannot proceed.")
ensure(len(x), 8, "No reliable sources found. Terminating pipeline.")
values = cube[z, y, x]
snr = values.sum() / 2 / len(x) ** 0.5  # without the beam
least = 0.0
for name in set(known) & set(given):
    if name == "reliability.fmin":
        least = rated * float(given[name])
    if name.endswith(".minSNR"):
        least = (rated or name.startswith("filter")) * float(given[name]) * max(area, 1) ** 0.5
ensure(snr > least, 8, "No reliable sources found. Terminating pipeline.")
row = ["SoFiA J1", 1, x.mean(), y.mean(), z.mean(), x.min(), x.max(), y.min(), y.max(), z.min(), z.max(), len(x),
       values.min(), values.max(), values.sum(), 0.97 * rated, 0, 2.0] + [0.0] * 9
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
    """Put a program of the name into a folder that alone is on PATH; what each run was given can be asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(version="2.5.1", status=0, fields=FIELDS, known=None, text=FAKE):
        program = tmp_path / "sofia"
        known = known or (*DOCUMENTED, LEAST_SNR[version])
        program.write_text(
            text.format(python=sys.executable, version=version, status=status, fields=fields, known=known)
        )
        program.chmod(0o755)
        sofia._version.cache_clear()  # each test has a program of its own, made within the same tick of the clock
        return lambda: [json.loads(line) for line in (tmp_path / "given.json").read_text().splitlines()]

    return put


@pytest.fixture
def cube():
    cube = np.random.default_rng(1).normal(size=(8, 20, 30)).astype(np.float32)
    cube[2:5, 10:14, 20:23] = 20.0
    cube[3, 12, 21] = 40.0
    cube[6, 2, 2] = -20.0
    return cube


def test_its_catalogue_becomes_a_table_of_half_open_boxes(install, cube):
    install()
    assert sofia.available()
    (row,) = sofia.find(cube, {})
    assert [row[name] for name in ("x0", "y0", "x1", "y1", "z0", "z1")] == [20, 10, 23, 14, 1.5, 4.5]
    assert [row[name] for name in ("x", "y", "z", "n_voxels")] == [21.0, 11.5, 3.0, 36]
    assert [row[name] for name in ("peak", "flux", "snr", "reliability")] == [40.0, 740.0, 20.0, 0.97]
    assert set(COLUMNS) <= set(row.colnames) <= set(smooth_and_clip.find(cube, {}).colnames)


@pytest.mark.parametrize("version", LEAST_SNR)
def test_it_is_given_the_parameters_by_the_names_of_its_version(install, cube, version):
    given = install(version)
    sofia.find(cube, {"radius_xy": 3, "min_snr": 2.5, "beam_area": 16.0, "region": 10, "scale_noise": True})
    (told,) = given()
    other = {"reliability.minSNR", "filter.minSNR"} if version.startswith("2.6") else {LEAST_SNR[version]}
    assert set(told) - {"area", "shape"} == set(DOCUMENTED) | other
    assert told["shape"] == [8, 20, 30]
    assert told["area"] == pytest.approx(16.0)
    expected = {
        "input.region": "10, 19, 5, 14, 0, 7",
        "scfind.kernelsXY": "0, 3, 5, 7, 9, 11",
        "scfind.kernelsZ": "0, 3, 5, 7, 9, 11",
        "scfind.threshold": "5",
        "linker.radiusXY": "3",
        "linker.radiusZ": "1",
        "reliability.enable": "true",
        "reliability.threshold": "0.9",
        "scaleNoise.enable": "true",
        "parameter.offset": "true",
        # the first one knows nothing of the beam, of 16 pixels
        LEAST_SNR[version]: "10" if version == "2.2.1" else "2.5",
    }
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("version", LEAST_SNR)
def test_the_least_snr_means_the_same_to_all_versions(install, cube, version):
    install(version)
    snr = 740 / 2 / 36**0.5 / 3  # flux 740, noise 2, 36 voxels, a beam of 9
    assert len(sofia.find(cube, {"min_snr": 0.99 * snr, "beam_area": 9.0})) == 1
    assert len(sofia.find(cube, {"min_snr": 1.01 * snr, "beam_area": 9.0})) == 0
    # without reliability it has no say
    assert len(sofia.find(cube, {"min_snr": 1.01 * snr, "beam_area": 9.0, "reliability": 0})) == 1


def test_its_defaults_are_without_reliability(install, cube):
    given = install()
    sofia.find(cube, sofia.SOFIA_DEFAULTS)
    (told,) = given()
    assert (told["reliability.enable"], told["scfind.kernelsZ"], told["area"]) == ("false", "0, 3, 7, 15", 0.0)


@pytest.mark.parametrize("version", ["2.2.1", "2.5.1", "2.7.0"])
def test_without_negative_sources_the_cube_is_searched_without_reliability(install, cube, version):
    given, snr = install(version), 740 / 2 / 36**0.5
    cube[cube < -10] = 0.0
    (row,) = sofia.find(cube, {"min_snr": 0.99 * snr})
    assert (row["flux"], row["reliability"]) == (740.0, 1.0)
    assert [told["reliability.enable"] for told in given()] == ["true", "false"]
    assert len(sofia.find(cube, {"min_snr": 1.01 * snr})) == 0  # as smooth_and_clip drops them


def test_no_positive_sources_is_an_empty_table(install, cube):
    install()
    cube[cube > 10] = 0.0
    assert len(sofia.find(cube, {})) == 0


def test_nothing_found_is_an_empty_table(install, cube):
    install(status=sofia.NO_SOURCES)
    assert len(sofia.find(cube, {})) == 0
    assert set(COLUMNS) < set(sofia.find(cube, {}).colnames)


def test_a_failure_is_told_in_its_own_words(install, cube):
    install(status=7)
    with pytest.raises(CubefocusError, match=r"sofia \(2\.5\) failed: Something is wrong: not today; ") as told:
        sofia.find(cube, {})
    assert "\x1b" not in str(told.value)
    assert "Terminating" not in str(told.value)


def test_a_crash_is_named(install, cube):
    install(text="#!{python}\nimport os, signal, sys\nif len(sys.argv) > 1: os.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(CubefocusError, match=r"version that it does not tell.*SIGSEGV"):
        sofia.find(cube, {})


def test_a_parameter_that_it_does_not_know_is_no_parameter_left_out(install, cube):
    install(known=DOCUMENTED)
    with pytest.raises(CubefocusError, match=r"does not know the parameter reliability\.minSNR"):
        sofia.find(cube, {})
    install("2.2.1", known=[name for name in (*DOCUMENTED, "reliability.fmin") if name != "linker.radiusZ"])
    with pytest.raises(CubefocusError, match=r"does not know the parameter linker\.radiusZ"):
        sofia.find(cube, {})


def test_a_program_that_does_not_tell_its_version_gets_every_name(install, cube):
    given = install("2.2.1", text=FAKE.replace("Version:  {version} (18-Nov-2020)", "hello"))
    sofia.find(cube, {"beam_area": 4.0})
    (told,) = given()
    assert (told["reliability.fmin"], told["reliability.minSNR"], told["filter.minSNR"]) == ("4", "2", "2")


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
    with pytest.raises(CubefocusError, match="kernel"):  # it has its own
        sofia.find(cube, {"kernel": "gaussian"})
    with pytest.raises(FileNotFoundError):
        given()
