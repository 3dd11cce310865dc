"""A bundle is whole, holds what decides what is found and nothing else, and says so when it is none."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from cubefocus.alma.chain import Chain
from cubefocus.errors import CubefocusError
from cubefocus.learn import checkpoint, manifest
from cubefocus.learn.bundle import Bundle
from cubefocus.specs import chain_of

ROOT = Path(__file__).parents[3]
JSON, WEIGHTS = "bundle.json", "pa.safetensors"


def rewritten(folder, **changes):
    """Change the manifest and sign it again, as a stranger could."""
    content = json.loads((folder / JSON).read_text())
    del content["format"], content["digest"]
    (folder / JSON).write_text(manifest.encode(content | changes))


def entry(folder, name, **changes):
    networks = json.loads((folder / JSON).read_text())["networks"]
    networks[name] |= changes
    rewritten(folder, networks=networks)


def test_networks_of_a_bundle_say_bit_for_bit_what_those_of_the_checkpoints_say(bundle, checkpoints):
    made = Bundle.load(bundle)
    assert set(made.networks) == set(chain_of("separate"))
    for name, path in checkpoints.items():
        model, meta = checkpoint.load_model(path)
        weights = made.networks[name]
        assert weights.description == {key: meta[key] for key in weights.description}
        sees = {"blobs_finder": (2, 1, 32, 32), "deep_gru": (2, 16)}.get(name, (2, 1, 64, 64))
        values = torch.rand(sees, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            assert torch.equal(model(values), weights.model()(values))


def test_all_that_a_bundle_was_given_is_in_its_folder_but_no_optimiser(bundle, checkpoints):
    made = Bundle.load(bundle)
    assert (made.provenance, made.licence, made.ranges) == ({"seed": 3}, "BSD-3-Clause", {"n_channels": (16, 16)})
    assert made.detection["blobs"]["threshold"] == 0.5
    assert {path.name for path in bundle.iterdir()} == {JSON, *(f"{name}.safetensors" for name in chain_of("separate"))}
    state = checkpoint.load(checkpoints["pa"])
    assert state["optimiser"]
    with safe_open(bundle / WEIGHTS, "pt") as file:
        assert set(file.keys()) == set(state["model"])


def test_the_same_bundle_has_the_same_bytes(bundle, tmp_path):
    Bundle.load(bundle).save(tmp_path / "again")
    for path in bundle.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_what_cannot_be_written_leaves_the_bundle_that_was_there(bundle, monkeypatch):
    before = (bundle / JSON).read_bytes()
    made = Bundle.load(bundle).with_settings({"blobs": {"threshold": 0.9}})

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest, "encode", fail)
    with pytest.raises(CubefocusError, match="disk is full"):
        made.save(bundle)
    assert (bundle / JSON).read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []
    monkeypatch.undo()
    made.save(bundle)
    assert Bundle.load(bundle).detection["blobs"]["threshold"] == 0.9
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []


def test_something_else_is_not_replaced_by_a_bundle(bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(CubefocusError, match="holds something that is no bundle"):
        Bundle.load(bundle).save(tmp_path / "mine")
    with pytest.raises(CubefocusError, match=r"thesis\.tex.*cannot be written"):
        Bundle.load(bundle).save(tmp_path / "mine" / "thesis.tex" / "bundle")


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "weights truncated": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100]),
                          r"pa\.safetensors: truncated, damaged"),
    "one bit of a weight": (lambda folder: flip(folder / WEIGHTS), r"pa\.safetensors: truncated, damaged"),
    "weights of another network": (lambda folder: (folder / WEIGHTS).write_bytes(
        (folder / "flux.safetensors").read_bytes()), r"pa\.safetensors: truncated, damaged or of another bundle"),
    "weights missing": (lambda folder: (folder / WEIGHTS).unlink(), r"pa\.safetensors: is missing"),
    "manifest truncated": (lambda folder: (folder / JSON).write_text((folder / JSON).read_text()[:-40]),
                           r"bundle\.json: truncated or damaged"),
    "manifest of bytes": (lambda folder: (folder / JSON).write_bytes(b"\xff\xfe\x00"), r"bundle\.json: truncated or"),
    "another program's": (lambda folder: (folder / JSON).write_text('{"format": 1}'), r"bundle\.json: not a 'cubefo"),
    "a list": (lambda folder: (folder / JSON).write_text("[1]"), r"bundle\.json: not a 'cubefocus bundle 1'"),
    "nested without end": (lambda folder: (folder / JSON).write_text("[" * 100_000), r"bundle\.json: truncated or"),
    "edited": (lambda folder: (folder / JSON).write_text((folder / JSON).read_text().replace("0.5", "0.4")),
               r"bundle\.json: was changed.*--settings"),
    "without licence": (lambda folder: rewritten(folder, licence=None), r"bundle\.json: does not say its licence"),
    "unknown range": (lambda folder: rewritten(folder, ranges={"taste": [1, 2]}), r"bundle\.json: ranges: unknown"),
    "range of text": (lambda folder: rewritten(folder, ranges={"snr": ["a", 2]}), r"bundle\.json: ranges\.snr is"),
    "name that leaves the folder": (lambda folder: rewritten(folder, networks={"../pa": {}}), r"names the network"),
    "no weights in it": (lambda folder: ((folder / WEIGHTS).write_bytes(b"junk"), entry(
        folder, "pa", sha256=manifest.sha256(b"junk"))), r"pa\.safetensors: holds no weights"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_or_foreign_bundle_is_refused_in_one_line(bundle, kind):
    damage, message = DAMAGE[kind]
    damage(bundle)
    with pytest.raises(CubefocusError, match=message) as caught:
        Bundle.load(bundle)
    assert str(bundle) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "Transformer"}, "unknown network 'Transformer'"),
        ({"arguments": {"n_outputs": 3}}, "its weights are of another version of ResNet"),
        ({"arguments": {"layers": 3}}, "its weights are of another version of ResNet"),
        ({"arguments": {"widths": []}}, "cannot be a ResNet"),
    ],
)
def test_weights_that_do_not_fit_their_network_are_refused(bundle, changes, message):
    entry(bundle, "pa", **changes)
    with pytest.raises(CubefocusError, match=message) as caught:
        Bundle.load(bundle).networks["pa"].model()
    assert len(str(caught.value).splitlines()) == 1


def test_folder_of_checkpoints_is_refused_with_the_way_out(bundle, checkpoints, tmp_path):
    for place in (tmp_path / "models", tmp_path / "models" / "pa", checkpoints["pa"]):
        with pytest.raises(CubefocusError, match="holds checkpoints") as caught:
            Bundle.load(place)
        assert f"name {bundle}" in str(caught.value)
    with pytest.raises(CubefocusError, match="no such bundle"):
        Bundle.load(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CubefocusError, match="is no bundle"):
        Bundle.load(tmp_path / "empty")


def test_checkpoint_of_another_network_is_refused(checkpoints):
    with pytest.raises(CubefocusError, match=r"pa.trained\.pt: holds the network 'pa', not flux"):
        Bundle.from_checkpoints({"flux": checkpoints["pa"]}, {})
    with pytest.raises(CubefocusError, match="one network at least"):
        Bundle.from_checkpoints({}, {})


def test_part_of_the_networks_will_do_for_the_first_steps_only(checkpoints, scene, source):
    part = Bundle.from_checkpoints({"blobs_finder": checkpoints["blobs_finder"]}, {"blobs": {"threshold": 0.4}})
    with pytest.raises(CubefocusError, match="has no trained deep_gru, sigma_x"):
        part.require(chain_of("separate"))
    one = scene([source(20, 20, 8)], n_pixels=40, n_channels=16)
    assert len(Chain.load(part).find_blobs([one.cube])[0].blobs) > 0


def test_settings_are_replaced_key_by_key_and_what_differs_is_told(bundle):
    made = Bundle.load(bundle)
    assert made.with_settings({"blobs": {"threshold": 0.5}}) is made
    other = made.with_settings({"blobs": {"threshold": 0.3, "min_pixels": 4}, "rest_frequency_ghz": 230.5})
    assert other.overrides == {"blobs": {"threshold": 0.3}, "rest_frequency_ghz": 230.5}
    assert other.detection["blobs"] == {"threshold": 0.3, "min_pixels": 4}
    assert other.detection["focus"] == made.detection["focus"]
    assert made.overrides == {}


def test_setting_that_the_chain_cannot_use_names_the_bundle(bundle):
    with pytest.raises(CubefocusError, match=r"bundle: unknown key detection\.blob: did you mean blobs"):
        Chain.load(Bundle.load(bundle).with_settings({"blob": {}}))


def test_weights_are_read_as_numbers_only(bundle):
    """What safetensors reads is a header of JSON and bytes: there is nothing in it that could be run."""
    state = safetensors.torch.load((bundle / WEIGHTS).read_bytes())
    assert all(
        isinstance(value, torch.Tensor) and np.isfinite(value.double().numpy()).all() for value in state.values()
    )


def test_licence_of_a_bundle_is_that_of_the_package():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == manifest.LICENCE
