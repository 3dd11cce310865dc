"""Files from strangers are data: nothing that they hold is run, and the message says what to do."""

import contextlib
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from cubefocus.alma.training_products import load_products
from cubefocus.cli.detect_files import read_settings
from cubefocus.cli.main import main
from cubefocus.errors import CubefocusError
from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation
from cubefocus.learn import manifest
from cubefocus.learn.checkpoint import FORMAT, load, load_model


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (exec, (f"import pathlib; pathlib.Path({str(self.marker)!r}).touch()",))


def zipped(path, evil):
    torch.save(evil, path)


def old_format(path, evil):
    torch.save(evil, path, _use_new_zipfile_serialization=False)


def bare_pickle(path, evil):
    path.write_bytes(pickle.dumps(evil))


def among_weights(path, evil):
    torch.save({"format": FORMAT, "task": "pa", "model": {"weight": evil}, "provenance": {}}, path)


@pytest.fixture(params=[zipped, old_format, bare_pickle, among_weights], ids=lambda make: make.__name__)
def checkpoint(request, tmp_path):
    """A checkpoint that makes the file ``ran`` beside it if it is unpickled without care."""
    path = tmp_path / "models" / "blobs_finder" / "trained.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    request.param(path, Evil(tmp_path / "ran"))
    return path


def test_the_checkpoint_is_one_that_would_run(checkpoint, tmp_path):
    assert not (tmp_path / "ran").exists()
    if checkpoint.read_bytes().startswith(b"PK"):
        torch.load(checkpoint, weights_only=False)
    else:
        with open(checkpoint, "rb") as stream, contextlib.suppress(EOFError):
            while True:  # the old format is several pickles one after the other
                pickle.load(stream)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("read", [load, load_model])
def test_a_checkpoint_that_holds_code_is_refused_and_nothing_is_run(checkpoint, tmp_path, read):
    with pytest.raises(CubefocusError, match=r"trained\.pt: truncated, damaged or not a checkpoint"):
        read(checkpoint)
    assert not (tmp_path / "ran").exists()


def test_the_commands_refuse_it_in_one_line(checkpoint, tmp_path, capsys):
    for models in (checkpoint, checkpoint.parents[1]):
        detect = ["detect", str(tmp_path / "cube.fits"), "--models", str(models), "-o", str(tmp_path / "out")]
        for arguments in (detect, ["provenance", str(checkpoint)]):
            assert main(arguments) == 1
            message = capsys.readouterr().err
            assert str(checkpoint.parents[1]) in message
            assert len(message.splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_weights_of_a_bundle_that_hold_code_are_refused_and_nothing_is_run(bundle, checkpoint, tmp_path, capsys):
    (bundle / "pa.safetensors").write_bytes(checkpoint.read_bytes())
    told = json.loads((bundle / "bundle.json").read_text())
    told["networks"]["pa"]["sha256"] = manifest.sha256(checkpoint.read_bytes())
    del told["format"], told["digest"]
    (bundle / "bundle.json").write_text(manifest.encode(told))
    arguments = ["detect", str(tmp_path / "cube.fits"), "--models", str(bundle), "-o", str(tmp_path / "out")]
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert "pa.safetensors: holds no weights" in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_yaml_that_names_python_objects_is_refused(tmp_path, capsys):
    marker = tmp_path / "ran"
    path = tmp_path / "evil.yaml"
    path.write_text(f"array: !!python/object/apply:builtins.open ['{marker}', 'w']\n")
    for read in (read_settings, Observation.from_yaml):
        with pytest.raises(CubefocusError, match=r"evil\.yaml: not "):
            read(path)
    path.write_text(f"# {{}}\n{path.read_text()}")
    assert main(["provenance", str(path)]) == 1
    assert not marker.exists()


def test_a_table_whose_header_names_python_objects_is_refused(tmp_path):
    marker = tmp_path / "ran"
    header = f"# %ECSV 1.0\n# ---\n# meta: !!python/object/apply:builtins.open ['{marker}', 'w']\n"
    (tmp_path / "evil.ecsv").write_text(f"{header}# datatype:\n# - {{name: x, datatype: int64}}\nx\n1\n")
    with pytest.raises(CubefocusError, match=r"evil\.ecsv: not a readable ECSV table"):
        read_table(tmp_path / "evil.ecsv")
    assert not marker.exists()


def test_products_with_pickled_values_are_bytes_only(tmp_path):
    with h5py.File(tmp_path / "evil.h5", "w") as file:
        file["x"] = np.void(pickle.dumps(Evil(tmp_path / "ran")))
        file.attrs["provenance"] = np.void(pickle.dumps(Evil(tmp_path / "ran")))
    assert main(["provenance", str(tmp_path / "evil.h5")]) == 1
    with h5py.File(tmp_path / "evil.h5", "a") as file:
        del file["x"]
        file.create_dataset("x", data=np.array([pickle.dumps(Evil(tmp_path / "ran"))]))
    load_products([tmp_path / "evil.h5"], ["x"])
    assert not (tmp_path / "ran").exists()
