"""``cubefocus resolve``: what it reads, hands to the inference and writes; the inference itself is tested elsewhere.

In its place stands a function that returns samples about a sky, so that neither JAX nor CASA are needed.
"""

import json
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from astropy.io import fits
from resolved import CELL, drawn, gaussian, observed

import cubefocus.resolve.optional as optional
from cubefocus.cli.main import main
from cubefocus.files import read_table
from cubefocus.settings import PriorSettings

SKY = 0.02 * gaussian(36.0, 20.0, 2.4, 1.6, 30.0) + 1e-6


class Inference:
    """Stands in for `cubefocus.resolve.infer`: keeps what it was asked for."""

    def __init__(self):
        self.calls, self.fails, self.converged = [], False, True

    def __call__(self, visibilities, prior, inference, *, seed, state, shown=None):
        self.calls.append({"visibilities": visibilities, "prior": prior, "inference": inference, "seed": seed})
        self.calls[-1]["resumes"] = state.exists()
        state.mkdir(exist_ok=True)
        (state / "round001.h5").write_bytes(b"")
        if self.fails:
            raise KeyboardInterrupt
        return drawn(SKY, spread=0.05, converged=self.converged)


@pytest.fixture
def inference(tmp_path, monkeypatch):
    """The stand-in, in a working directory with visibilities."""
    monkeypatch.chdir(tmp_path)
    stand_in, module, reader = Inference(), ModuleType("infer"), ModuleType("imaging")
    module.infer = stand_in

    def read_measurement_set(path, size, cell_arcsec, windows=(), field_id=0, log=None):
        stand_in.read = (path.name, size, cell_arcsec, windows, field_id)
        return observed(SKY)

    reader.read_measurement_set = read_measurement_set
    monkeypatch.setitem(sys.modules, "cubefocus.resolve.infer", module)
    monkeypatch.setitem(sys.modules, "cubefocus.engines.imaging", reader)
    monkeypatch.setattr(optional, "INFERENCE", ())
    observed(SKY).save("seen.h5")
    (tmp_path / "user.ms").mkdir()
    return stand_in


def refusal(capsys, *arguments):
    assert main(["resolve", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0].removeprefix("cubefocus resolve: error: ")


RUN = ["seen.h5", "-o", "made"]


def test_it_writes_products_and_says_how_they_were_made(inference, tmp_path, capsys):
    assert main(["resolve", *RUN, "--seed", "5"]) == 0
    made = {path.name for path in (tmp_path / "made").iterdir()}
    assert {"mean.fits", "samples.fits", "catalogue.ecsv", "rounds.ecsv", "residuals.h5", "posterior.h5"} < made
    header = fits.getheader("made/mean.fits")
    assert header["BUNIT"] == "Jy/arcsec2"
    facts = json.loads(header["PROVENAN"])
    assert facts["seed"] == inference.calls[0]["seed"] == 5
    assert facts["source"] == "seen.h5"
    assert facts["prior"]["slope"] == list(PriorSettings().slope)
    assert len(read_table("made/catalogue.ecsv")) == 1


@pytest.mark.parametrize(("converged", "word"), [(True, "converged"), (False, "NOT converged")])
def test_the_last_line_says_whether_it_has_converged(inference, caplog, converged, word):
    inference.converged = converged
    with caplog.at_level("INFO"):
        assert main(["resolve", *RUN]) == 0
    assert caplog.records[-1].getMessage() == f"made: {word} after 2 rounds"
    assert fits.getheader("made/samples.fits")["CONVERGD"] is converged
    assert read_table("made/rounds.ecsv").meta["converged"] is converged


def test_settings_and_options_reach_the_inference(inference, tmp_path):
    (tmp_path / "own.yaml").write_text("prior:\n  slope: [-3, 1]\ninference:\n  rounds: 7\n  method: mgvi\n")
    options = ["--settings", "own.yaml", "--rounds", "9", "--threads", "2", "--signed", "--points"]
    assert main(["resolve", *RUN, *options]) == 0
    (call,) = inference.calls
    assert call["prior"].slope == (-3.0, 1.0)
    assert (call["prior"].signed, call["prior"].points) == (True, True)
    assert (call["inference"].rounds, call["inference"].threads, call["inference"].method) == (9, 2, "mgvi")


def test_a_measurement_set_is_read_on_the_grid_that_is_asked_for(inference):
    options = ["--size", "64", "--cell", "0.2", "--windows", "0,2", "--field", "1"]
    assert main(["resolve", "user.ms", "-o", "made", *options]) == 0
    assert inference.read == ("user.ms", 64, 0.2, (0, 2), 1)


def test_the_same_command_goes_on_after_a_kill(inference):
    inference.fails = True
    with pytest.raises(KeyboardInterrupt):
        main(["resolve", *RUN])
    inference.fails = False
    assert main(["resolve", *RUN]) == 0
    assert [call["resumes"] for call in inference.calls] == [False, True]


def test_other_settings_are_refused_unless_forced(inference, capsys, tmp_path):
    assert main(["resolve", *RUN]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir() if path.is_file()}
    said = refusal(capsys, *RUN, "--rounds", "9")
    assert said == (
        "made: was made with inference.rounds 30, and it is 9 now; name another folder, or add --force to begin anew"
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir() if path.is_file()} == before
    assert main(["resolve", *RUN, "--rounds", "9", "--force"]) == 0
    assert [call["resumes"] for call in inference.calls] == [False, False]


def test_other_data_are_refused(inference, capsys):
    assert main(["resolve", *RUN]) == 0
    observed(SKY, seed=8).save("seen.h5")
    assert "made: was made with visibilities '" in refusal(capsys, *RUN)


def test_a_folder_of_something_else_is_left_alone(inference, capsys, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mean.fits").write_bytes(b"mine")
    for more in ([], ["--force"]):
        assert "holds files that are not of cubefocus resolve; name another" in refusal(capsys, *RUN, *more)
    assert (tmp_path / "made" / "mean.fits").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.ms", "-o", "made"], "none.ms: no such file or folder; check the path"),
        (["own.yaml", "-o", "made"], "own.yaml: is no Measurement Set, which is a folder"),
        (["user.ms", "-o", "made"], "user.ms: add --size and --cell: a pixel is about a fifth of the wavelength"),
        (["user.ms", "-o", "made", "--cell", "0.1"], "user.ms: add --size: "),
        (["user.ms", "-o", "made", "--cell", "0.1", "--size", "63"], "--size is 63; give an even number"),
        (["user.ms", "-o", "made", "--cell", "nan", "--size", "64"], "--cell is nan; give a number above 0"),
        (["user.ms", "-o", "made", "--cell", "0.1", "--size", "64", "--field", "-1"], "--field is -1; give its number"),
        (["user.ms", "-o", "made", "--cell", "0.1", "--size", "64", "--windows", "0,0"], "--windows is '0,0'; give"),
        (["user.ms", "-o", "made", "--cell", "0.1", "--size", "64", "--windows", "a"], "--windows is 'a'; give"),
        ([*RUN, "--size", "64", "--field", "0"], "has its own grid, windows and field; leave out --size, --field"),
        ([*RUN, "--rounds", "0"], "inference.rounds is 0: give at least 1"),
        ([*RUN, "--seed", "-1"], "--seed is -1; give a whole number, 0 or more"),
        ([*RUN, "--settings", "none.yaml"], "none.yaml: cannot be read"),
        ([*RUN, "--settings", "own.yaml"], "own.yaml: unknown key priors: did you mean prior?"),
        ([*RUN, "--settings", "bad.yaml"], "bad.yaml: prior.slope is [-2]: give 2 numbers"),
        ([*RUN, "--settings", "list.yaml"], "list.yaml: holds [1]: give a section with keys"),
        (["broken.h5", "-o", "made"], "broken.h5: not a whole file of visibilities"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(inference, capsys, tmp_path, arguments, said):
    (tmp_path / "own.yaml").write_text("priors: {}\n")
    (tmp_path / "bad.yaml").write_text("prior:\n  slope: [-2]\n")
    (tmp_path / "list.yaml").write_text("[1]\n")
    (tmp_path / "broken.h5").write_bytes(b"none")
    assert said in refusal(capsys, *arguments)
    assert not inference.calls
    assert not (tmp_path / "made").exists()


def test_pixels_that_are_too_wide_are_refused(inference, capsys):
    seen = observed(SKY)
    wide = replace(seen.windows[0], uvw_m=np.array([[900.0, 0.0, 0.0]] * 200))
    replace(seen, windows=(wide,)).save("seen.h5")
    assert f"a pixel of {CELL:g} arcsec is too wide for its longest baseline; at most 0.149 arcsec" in refusal(
        capsys, *RUN
    )


def test_without_jax_there_is_one_sentence(inference, capsys, monkeypatch):
    monkeypatch.setattr(optional, "INFERENCE", ("h5py", "jax"))
    monkeypatch.setitem(sys.modules, "jax", None)
    said = refusal(capsys, *RUN)
    assert said == "Bayesian imaging needs jax, not installed here: pip install 'cubefocus[resolve]'"
