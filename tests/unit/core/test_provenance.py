"""Every kind of product says how it was made, and one that is cut off says that instead."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from matplotlib.figure import Figure

from cubefocus import files
from cubefocus.alma.training_products import write_products
from cubefocus.cli.main import main
from cubefocus.cli.provenance import READERS, lines_of, read_provenance
from cubefocus.cube.writing import write_cube
from cubefocus.learn import checkpoint
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.manifest import MANIFEST
from cubefocus.learn.state import write_curves
from cubefocus.provenance import code_version, digest, hardware, processor, provenance
from cubefocus.report import pictures, render
from cubefocus.report.figures.style import save_figure
from cubefocus.report.page import write_page
from cubefocus.tables import published, regions

CONFIG = {"experiment": "demo", "engine": {"train": "fft", "test": "casa"}, "rate": 1.0e-4}
# what names of files may hold, and what LaTeX, HTML, PDF and FITS read as markup
FACTS = provenance(
    experiment="demo",
    seed=3,
    config=digest(CONFIG),
    engine={"train": "fft", "test": "casa"},
    responses=["306f8f2ea6a6"],
    cubes=['my "odd" cube\'s $(name).fits', "a -- b --> c (d) \\) é <i>% & ", "'" * 200],
    nothing=None,
)
ROW = Table({"x": [1.5, 2.5], "name": ["a", "b"]}, meta={"caption": "Two rows."})


def write_all(folder):
    """One product of each kind, by the functions that write them in a run."""
    header = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ"})
    data = np.random.default_rng(1).normal(size=(4, 32, 32))
    write_cube(folder / "plain.fits", data, header, FACTS)
    write_cube(folder / "compressed.fits", data, header, FACTS, compress_seed=1)
    (folder / "zipped.fits.gz").write_bytes(gzip.compress((folder / "plain.fits").read_bytes()))
    files.write_table(folder / "table.ecsv", ROW, FACTS)
    write_page("Two rows", [], [], folder / "page.html", FACTS)
    render.write_table(ROW, folder / "scores", FACTS)  # csv, md, tex
    write_products(folder / "products.h5", {"images/dirty": np.ones((2, 4, 4))}, FACTS)
    checkpoint.save(folder / "trained.pt", {"model": {}, "provenance": FACTS})
    write_curves(folder / "trained.csv", [{"epoch": 1, "loss": 0.5}])
    save_figure(Figure(), folder / "figure", FACTS)  # png, pdf
    pictures.save_figure(Figure(), folder / "field.png", FACTS)
    regions.write_regions(folder / "field", Table(), FACTS, WCS(header).celestial)
    published.write_votable(folder / "table.xml", ROW, FACTS)
    published.write_fits_table(folder / "table.fits", ROW, FACTS)
    (folder / "config.yaml").write_text(f"# {json.dumps(FACTS)}\n{yaml.safe_dump(CONFIG)}")
    Bundle({}, {}, provenance=FACTS).save(folder / "bundle")
    (folder / "bundle" / MANIFEST).rename(folder / MANIFEST)
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("all kinds"))


def test_there_is_a_product_of_each_kind(written):
    assert {suffix for path in written for suffix in READERS if path.name.endswith(suffix)} == set(READERS)


def test_each_product_gives_back_all_facts(written):
    for path in written:
        assert read_provenance(path) == FACTS, path.name


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, -1])
def test_a_truncated_product_is_one_clear_error(written, tmp_path, kept, capsys):
    for path in written:
        whole = path.read_bytes()
        part = tmp_path / path.name
        part.write_bytes(whole[:kept] if kept < 0 else whole[: int(len(whole) * kept)])
        assert main(["provenance", str(part)]) == 1, path.name
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"cubefocus provenance: error: {part}"), path.name
        assert len(printed.err.splitlines()) == 1, path.name


def foreign(folder):
    """Files of every kind that some other program wrote."""
    fits.PrimaryHDU(np.ones((2, 2))).writeto(folder / "a.fits")
    Table({"x": [1.0]}).write(folder / "a.ecsv")
    write_products(folder / "a.h5", {}, {})
    import h5py

    with h5py.File(folder / "a.h5", "a") as file:
        del file.attrs["provenance"]
    for suffix in ("png", "pdf"):
        Figure().savefig(folder / f"a.{suffix}")
    (folder / "lone.csv").write_text("x\n1\n")
    (folder / "a.md").write_text("# Title -->\n")
    (folder / "a.tex").write_text("\\end{table}\n")
    Table({"x": [1.0]}).write(folder / "a.xml", format="votable")
    (folder / "a.reg").write_text("image\n")
    (folder / "a.crtf").write_text("#CRTFv0\n")
    (folder / "a.yaml").write_text("seed: 1\n")
    (folder / "a.pt").write_text("not a checkpoint")
    (folder / "a.txt").write_text("a\n")
    return [*folder.iterdir(), folder, folder / "absent.fits"]


def test_what_cubefocus_did_not_write_is_one_clear_error(tmp_path, capsys):
    for path in foreign(tmp_path):
        assert main(["provenance", str(path)]) == 1, path.name
        printed = capsys.readouterr().err
        assert str(path) in printed
        assert len(printed.splitlines()) == 1, printed


def test_config_that_was_edited_after_the_run_is_refused(written, tmp_path, capsys):
    (text,) = [path.read_text() for path in written if path.name == "config.yaml"]
    (tmp_path / "config.yaml").write_text(text.replace("rate: 0.0001", "rate: 0.0002"))
    assert main(["provenance", str(tmp_path / "config.yaml")]) == 1
    assert "was changed or truncated after the run" in capsys.readouterr().err


def test_facts_are_printed_as_lines_and_as_json(written, capsys):
    (path,) = [path for path in written if path.name == "figure.pdf"]
    assert main(["provenance", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == FACTS
    assert main(["provenance", str(path)]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["seed"] == "3"
    assert lines["engine.train"] == "fft"
    assert lines["responses"] == "306f8f2ea6a6"
    assert lines["packages.numpy"] == np.__version__
    assert lines["hardware.processor"] == processor()
    assert lines["nothing"] == "null"
    assert next(iter(lines)) == "code"


def test_lists_without_and_with_nested_facts_fit_on_a_line():
    assert lines_of({"responses": [], "inputs": [{"seed": 1}]}) == ["responses  none", 'inputs     [{"seed": 1}]']


def test_the_code_version_changes_with_the_sources_and_with_nothing_else(tmp_path):
    package = tmp_path / "cubefocus"
    package.mkdir()
    for name in ("__init__.py", "errors.py", "provenance.py"):
        (package / name).write_bytes((Path(files.__file__).parent / name).read_bytes())

    def version():
        program = "from cubefocus.provenance import code_version; print(code_version())"
        done = subprocess.run([sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True,
                              check=True, env={"PYTHONPATH": str(tmp_path)})  # fmt: skip
        return done.stdout.strip()

    first = version()
    assert first.startswith(code_version().split(", sources")[0])
    (package / "notes.txt").write_text("not code")
    crlf = (package / "errors.py").read_bytes().replace(b"\n", b"\r\n")
    (package / "errors.py").write_bytes(crlf)
    assert version() == first
    (package / "errors.py").write_bytes(crlf + b"# edited\n")
    assert version() != first


def test_hardware_says_nothing_of_load_time_or_host_and_asks_torch_for_gpus_only():
    assert hardware() == hardware()
    assert set(hardware()) == {"processor", "cores"}
    assert processor()
    program = "import sys; from cubefocus.provenance import provenance; provenance(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_gpu_that_was_used_is_named(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    assert provenance("cuda:0")["hardware"]["gpu"] == "card of cuda:0"
    assert provenance(torch.device("cuda", 1))["hardware"]["gpu"] == "card of cuda:1"
