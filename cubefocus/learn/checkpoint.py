"""Checkpoints: whole, of plain types and tensors only, written under a temporary name and renamed."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cubefocus import networks
from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.learn.distributed import pick_device

FORMAT = "cubefocus checkpoint 1"
NETWORKS: dict[str, type[nn.Module]] = {name: getattr(networks, name) for name in networks.__all__}
# What torch raises for bytes that it cannot read, or refuses because they name more than tensors and plain values.
UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError,
              AttributeError, AssertionError)  # fmt: skip
DESCRIPTION = ("task", "network", "arguments", "normalisation", "settings", "epoch", "best", "seed", "provenance")


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a state of nested mappings, lists, plain values and tensors.

    Parameters
    ----------
    path : str or Path
    state : mapping
        Keys of a checkpoint: ``model`` (weights), ``optimiser``, ``epoch``, ``iteration``, ``history``,
        ``best``, ``random`` (generator states) and those of the description, `DESCRIPTION`.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:  # given a path, torch writes its name, too
        torch.save({"format": FORMAT, **state}, stream)


def load(path: str | Path) -> dict[str, Any]:
    """Read what `save` wrote to the CPU, without running any code that the file may hold.

    Raises
    ------
    CubefocusError
        If the file is absent, truncated, damaged or no checkpoint of this program.
    """
    path = Path(path)
    if not path.is_file():
        raise CubefocusError(f"{path}: no such checkpoint; train the network first or check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about files that it goes on to refuse
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise CubefocusError(
            f"{path}: truncated, damaged or not a checkpoint of weights and plain values alone; nothing in it was run: "
            "delete it and train again, or fetch it again"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CubefocusError(f"{path}: not a '{FORMAT}'; give a .pt file that `cubefocus` trained")
    return state


def build(network: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Construct a network by the name of its class."""
    if network not in NETWORKS:
        raise CubefocusError(f"unknown network '{network}'; known are {', '.join(NETWORKS)}")
    return NETWORKS[network](**arguments)


def restore(state: Mapping[str, Any], path: str | Path) -> nn.Module:
    """Network of a loaded checkpoint, with its weights.

    Raises
    ------
    CubefocusError
        If the weights do not fit the network as it is now.
    """
    try:
        model = build(state["network"], state["arguments"])
        model.load_state_dict(state["model"])
    except (RuntimeError, TypeError) as error:
        name = state["network"]
        raise CubefocusError(f"{path}: its weights are of another version of {name}; train it again") from error
    return model


def channels_last(model: nn.Module) -> nn.Module:
    """Lay out the convolutions' weights channels last, which nearly doubles their speed on a CPU too."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[nn.Module, dict[str, Any]]:
    """Load a trained network, ready to predict.

    Parameters
    ----------
    path : str or Path
    device : str or torch.device

    Returns
    -------
    model : nn.Module
        In evaluation mode on ``device``.
    meta : dict
        Everything in the checkpoint that describes the network: task, constructor arguments, normalisation,
        settings, best epoch and validation loss, seed, provenance.

    Raises
    ------
    CubefocusError
        If the file cannot be used, or if a GPU is asked for and there is none.
    """
    where = pick_device(str(device))
    state = load(path)
    return channels_last(restore(state, path)).to(where).eval(), {key: state[key] for key in DESCRIPTION}
