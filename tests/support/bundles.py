"""Small untrained networks, as checkpoints and as a bundle: what they find means nothing, but is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

SETTINGS: dict[str, Any] = {
    "blobs": {"threshold": 0.5, "min_pixels": 4},
    "spectra": {"peak_height": 0.01},
    "focus": {"bright_snr": 1.0, "min_snr": 0.0},
}


def write_checkpoints(folder: Path, n_channels: int = 16) -> dict[str, str]:
    """Checkpoints of untrained networks for 32 px images, with an optimiser as training leaves it, by name."""
    import torch

    from cubefocus.learn.checkpoint import save
    from cubefocus.networks import BlobsFinder, DeepGRU, ResNet

    torch.manual_seed(0)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "blobs_finder": (BlobsFinder, {"image_size": 32, "latent": 8}),
        "deep_gru": (DeepGRU, {"n_channels": n_channels, "hidden": 4}),
        **{name: (ResNet, {"widths": [4, 8, 8, 8]}) for name in ("sigma_x", "sigma_y", "pa", "flux")},
    }
    paths = {}
    for name, (kind, arguments) in kinds.items():
        model = kind(**arguments)
        described = {"task": name, "network": kind.__name__, "arguments": arguments, "settings": {}, "epoch": 0}
        described |= {"normalisation": {"mean": 4.0, "std": 1.0}, "best": 0.0, "seed": 0, "provenance": {"seed": 7}}
        optimiser = torch.optim.Adam(model.parameters()).state_dict()
        paths[name] = str(folder / name / "trained.pt")
        save(paths[name], {"model": model.state_dict(), "optimiser": optimiser, **described})
    return paths


def with_joint_shapes(paths: dict[str, str]) -> dict[str, str]:
    """The same networks with one for all shapes, which has the weights of that of sigma_x up to its last layer."""
    import torch

    from cubefocus.learn.checkpoint import load, save

    state = load(paths["sigma_x"])
    for name in ("head.2.weight", "head.2.bias"):
        state["model"][name] = torch.cat([load(paths["sigma_x"])["model"][name]] * 3)
    state["normalisation"] = {name: load(paths[name])["normalisation"] for name in ("sigma_x", "sigma_y", "pa")}
    state["arguments"], state["task"] = {**state["arguments"], "n_outputs": 3}, "shape"
    made = Path(paths["sigma_x"]).parents[1] / "shape" / "trained.pt"
    save(made, state)
    return {name: path for name, path in paths.items() if name not in state["normalisation"]} | {"shape": str(made)}


def assert_same_rows(one: Table, other: Table) -> None:
    """Two tables have the same columns and the same values, bit for bit; NaN is NaN."""
    assert one.colnames == other.colnames
    for name in one.colnames:
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]), err_msg=name)


@pytest.fixture
def checkpoints(tmp_path: Path) -> dict[str, str]:
    """Checkpoints of all networks of the chain, in a folder ``models``."""
    return write_checkpoints(tmp_path / "models")


@pytest.fixture
def bundle(checkpoints: dict[str, str], tmp_path: Path) -> Path:
    """Folder of a bundle of these networks."""
    from cubefocus.learn.bundle import Bundle

    made = Bundle.from_checkpoints(checkpoints, SETTINGS, ranges={"n_channels": (16, 16)}, provenance={"seed": 3})
    made.save(tmp_path / "bundle")
    return tmp_path / "bundle"
