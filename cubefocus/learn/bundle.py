"""Trained networks with all that decides what they find: one object, one folder, and the only thing the chain takes.

A folder holds ``bundle.json`` and ``<network>.safetensors``. Nothing in it is ever run. What training goes on from (the
optimiser, generators, the epochs behind it) stays in the checkpoints.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cubefocus.errors import CubefocusError
from cubefocus.files import atomic_path
from cubefocus.learn import checkpoint, manifest
from cubefocus.learn.ranges import Range, as_ranges

UNFIT = (RuntimeError, TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, OverflowError)


@dataclass(frozen=True)
class Weights:
    """One trained network of a bundle.

    Attributes
    ----------
    task : str
        Name of the network in the study, such as ``blobs_finder``.
    network : str
        Its class, a name of `cubefocus.learn.checkpoint.NETWORKS`.
    arguments : mapping
        Of the constructor.
    normalisation : mapping
        What the training data fixed and prediction needs again.
    state : mapping of str to Tensor
        The weights.
    provenance : mapping
        How it was trained.
    source : str
        Where it was read from, for messages.
    """

    task: str
    network: str
    arguments: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    state: Mapping[str, Tensor]
    provenance: Mapping[str, Any]
    source: str

    @property
    def description(self) -> dict[str, Any]:
        """All but the weights, by the names that a checkpoint has for them."""
        return {key: getattr(self, key) for key in ("task", "network", "arguments", "normalisation", "provenance")}

    def model(self, device: str | torch.device = "cpu") -> nn.Module:
        """The network, ready to predict.

        Raises
        ------
        CubefocusError
            If the weights do not fit the network as it is now.
        """
        try:
            model = checkpoint.restore({**self.description, "model": self.state}, self.source)
        except UNFIT as error:
            raise CubefocusError(
                f"{self.source}: cannot be a {self.network} ({error}); make the bundle again"
            ) from error
        return checkpoint.channels_last(model).to(device).eval()


@dataclass(frozen=True)
class Bundle:
    """Trained networks, detection settings, valid ranges, provenance and licence.

    Attributes
    ----------
    networks : mapping of str to Weights
        By name. A part of a study's networks will do for the first steps of its chain.
    detection : mapping
        TrainingSettings of the chain, as the config section ``detection`` has them.
    ranges : mapping
        What the networks were trained on, by names of `cubefocus.learn.ranges.QUANTITIES`: lowest and highest.
    provenance : mapping
        How the bundle was made.
    licence : str
        SPDX expression.
    study : str
        Of which the networks are.
    overrides : mapping
        TrainingSettings that `with_settings` put in the place of those that the bundle was made with.
    digest : str
        Of all of it as it was written, the weights included; empty for what was never written.
    source : str
        Where it was read from, for messages.

    Examples
    --------
    >>> bundle = Bundle.load("results/demo/bundle")                      # doctest: +SKIP
    >>> bundle.with_settings({"blobs": {"threshold": 0.2}}).detection    # doctest: +SKIP
    """

    networks: Mapping[str, Weights]
    detection: Mapping[str, Any]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    licence: str = manifest.LICENCE
    study: str = "alma"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    source: str = "bundle"

    @classmethod
    def from_checkpoints(
        cls,
        paths: Mapping[str, str | Path],
        detection: Mapping[str, Any],
        tasks: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> Bundle:
        """Put checkpoints together in memory.

        Parameters
        ----------
        paths : mapping
            Checkpoint of each network by its name; at least one.
        detection : mapping
            TrainingSettings of the chain.
        tasks : mapping of str to str, optional
            What the checkpoint of a network calls it, where that is not its name here: a bundle may hold several
            networks of one task, such as one for each kind of images.
        **facts
            Other attributes of the bundle.

        Raises
        ------
        CubefocusError
            If a checkpoint cannot be read, or is of another network.
        """
        if not paths:
            raise CubefocusError("a bundle needs the checkpoint of one network at least; train it first")
        known = tasks or {}
        read = {name: _from_checkpoint(name, path, known.get(name, name)) for name, path in paths.items()}
        return cls(read, detection, **facts)

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Read a bundle, without running anything that it may hold.

        Raises
        ------
        CubefocusError
            If there is none, or any part is damaged, truncated, foreign or missing.
        """
        folder = Path(folder)
        content = manifest.read_manifest(folder)
        try:
            ranges = as_ranges(content["ranges"])
        except CubefocusError as error:
            raise CubefocusError(f"{folder / manifest.MANIFEST}: {error}; make the bundle again") from error
        networks = {name: _read(name, entry, folder) for name, entry in content["networks"].items()}
        told = {key: content[key] for key in ("detection", "provenance", "licence", "study", "digest")}
        return cls(networks, ranges=ranges, source=str(folder), **told)

    def save(self, folder: str | Path) -> None:
        """Write the bundle to a folder, whole or not at all; one that is there already is replaced.

        Raises
        ------
        CubefocusError
            If something else is there, or the folder cannot be written.
        """
        folder = Path(folder).absolute()
        if folder.exists() and not (folder / manifest.MANIFEST).is_file() and not _is_empty(folder):
            raise CubefocusError(f"{folder}: holds something that is no bundle; name another folder, or remove it")
        temporary, old = (folder.with_name(f".{os.getpid()}.{kind}.{folder.name}") for kind in ("new", "old"))
        try:
            temporary.mkdir(parents=True)
            self._write(temporary)
            if folder.exists():
                folder.rename(old)
            temporary.rename(folder)
        except OSError as error:
            raise CubefocusError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
        finally:
            for place in (temporary, old):
                shutil.rmtree(place, ignore_errors=True)

    def _write(self, folder: Path) -> None:
        entries = {}
        for name, one in self.networks.items():
            state = {key: value.detach().cpu().contiguous() for key, value in one.state.items()}
            content = safetensors.torch.save(state)
            with atomic_path(folder / f"{name}{manifest.SUFFIX}") as part:
                part.write_bytes(content)
            told = {key: value for key, value in one.description.items() if key != "task"}
            entries[name] = told | {"sha256": manifest.sha256(content)}
        with atomic_path(folder / manifest.MANIFEST) as part:
            part.write_text(manifest.encode({**self.facts, "networks": entries}), encoding="utf-8")

    @property
    def facts(self) -> dict[str, Any]:
        """All but the networks, as plain values."""
        return {
            "study": self.study,
            "licence": self.licence,
            "detection": dict(self.detection),
            "ranges": {name: list(pair) for name, pair in self.ranges.items()},
            "provenance": dict(self.provenance),
        }

    def require(self, names: Iterable[str]) -> None:
        """Refuse a bundle that lacks a network.

        Raises
        ------
        CubefocusError
            Naming what it lacks.
        """
        missing = [name for name in names if name not in self.networks]
        if missing:
            raise CubefocusError(f"{self.source}: has no trained {', '.join(missing)}; make the bundle again, of all")

    def with_settings(self, settings: Mapping[str, Any]) -> Bundle:
        """The same networks with some detection settings replaced, key by key within their sections.

        What differs from the settings before is in ``overrides`` then.
        """
        changed = _changes(self.detection, settings)
        if not changed:
            return self
        return replace(self, detection=_merged(self.detection, changed), overrides=_merged(self.overrides, changed))


def _from_checkpoint(name: str, path: str | Path, task: str) -> Weights:
    state = checkpoint.load(path)
    if state["task"] != task:
        raise CubefocusError(f"{path}: holds the network '{state['task']}', not {task}; name its checkpoint")
    told = {key: state[key] for key in ("network", "arguments", "normalisation", "provenance")}
    return Weights(task=name, state=state["model"], source=str(path), **told)


def _read(name: str, entry: Mapping[str, Any], folder: Path) -> Weights:
    path = folder / f"{name}{manifest.SUFFIX}"
    if not path.is_file():
        raise CubefocusError(f"{path}: is missing from the bundle; make it again, or fetch it whole")
    content = path.read_bytes()
    if manifest.sha256(content) != entry["sha256"]:
        raise CubefocusError(f"{path}: truncated, damaged or of another bundle; make the bundle again, or fetch it")
    try:
        state = safetensors.torch.load(content)
    except (SafetensorError, *UNFIT) as error:
        raise CubefocusError(f"{path}: holds no weights ({error}); make the bundle again, or fetch it") from error
    told = {key: entry[key] for key in ("network", "arguments", "normalisation", "provenance")}
    return Weights(task=name, state=state, source=str(path), **told)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        inner = both.get(key)
        both[key] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


def _changes(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``over`` is not in ``base`` with the same value."""
    found: dict[str, Any] = {}
    for key, value in over.items():
        inner = base.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            found |= {key: part} if (part := _changes(inner, value)) else {}
        elif key not in base or inner != value:
            found[key] = value
    return found


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
