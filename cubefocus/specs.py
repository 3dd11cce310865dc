"""Every network, finder, sky type and study by name, once: read by the workflow, the settings and the package.

Standard library only, as the workflow is parsed on login nodes. What stands behind a name is given as
``module:attribute`` and imported by `load` when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Searches = Literal["image", "map", "cleaned", "cube"]


@dataclass(frozen=True)
class Network:
    """A network of the ALMA study.

    Attributes
    ----------
    name : str
        As in the config and in the names of files.
    section : str
        Its entry in the config sections ``models``, ``training`` and ``finetuning``; several networks may share one.
    task : str
        Reference to the class of its task, what the training loop knows of it.
    augmentations : tuple of str
        Kinds that the task offers; the first one is taken for ``augment: true``.
    sees_images : bool
        Whether ``models.image_size`` decides its shape.
    finetuned_on : str or None
        Stage of the chain whose predictions it is fine-tuned on; None if it is not.
    chain : bool
        Whether the chain uses it; the others are those of finders.
    shapes : str or None
        Setting ``models.resnet.shapes`` with which the chain uses it; None: with any.
    """

    name: str
    section: str
    task: str
    augmentations: tuple[str, ...]
    sees_images: bool = False
    finetuned_on: str | None = None
    chain: bool = True
    shapes: str | None = None


@dataclass(frozen=True)
class Finder:
    """Another way to find sources.

    Attributes
    ----------
    name : str
    function : str
        Reference to a `cubefocus.find.interface.Finder`.
    grid : str
        Reference to the values that its parameters are chosen from.
    searches : str
        ``image`` (dirty cube summed over its channels), ``map`` (of the network of its own name), ``cleaned`` (cleaned
        cube summed over its channels), or ``cube``.
    allowed : str or None
        Reference to a function that says which points of the grid make sense; None if all do.
    slow : bool
        Whether it takes seconds a cube: its parameters are then chosen on some validation cubes only.
    needs_response : bool
        Whether it is told the response of each cube's set-up.
    package, program : str or None
        What must be installed beside this package.
    """

    name: str
    function: str
    grid: str
    searches: Searches = "image"
    allowed: str | None = None
    slow: bool = False
    needs_response: bool = False
    package: str | None = None
    program: str | None = None


_IMAGES = ("rotate", "dihedral", "rotate_roll", "dihedral_roll")
_CUTOUTS = ("dihedral", "rotate", "rot180")
_TASKS = "cubefocus.alma.tasks"

BLOBS_FINDER_VARIANTS = ("mnras", "ecml", "unet")
"""One is the chain's; each can stand beside it as a finder of its own."""

SHAPES = ("sigma_x", "sigma_y", "pa")
"""What is measured on focused images: by a network each, or by one for all."""

NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network("blobs_finder", "blobs_finder", f"{_TASKS}:BlobsFinderTask", _IMAGES, sees_images=True),
        Network("deep_gru", "deep_gru", f"{_TASKS}:DeepGRUTask", ("reverse", "roll"), finetuned_on="blobs"),
        *(
            Network(name, "resnet", f"{_TASKS}:MorphologyTask", _CUTOUTS, finetuned_on="lines", shapes="separate")
            for name in SHAPES
        ),
        Network("shape", "resnet", f"{_TASKS}:ShapeTask", _CUTOUTS, finetuned_on="lines", shapes="joint"),
        Network("flux", "resnet", f"{_TASKS}:FluxTask", _CUTOUTS, finetuned_on="morphology"),
        *(
            Network(f"blobs_finder_{variant}", "blobs_finder", f"{_TASKS}:VariantTask", _IMAGES, True, chain=False)
            for variant in BLOBS_FINDER_VARIANTS
        ),
        Network("decoras", "decoras", f"{_TASKS}:DecorasTask", _IMAGES, sees_images=True, chain=False),
        Network("decoras_bce", "decoras", f"{_TASKS}:DecorasTask", _IMAGES, sees_images=True, chain=False),
    )
}
"""In the order of the chain."""


def chain_of(shapes: str) -> tuple[str, ...]:
    """Names of the networks of the chain with a setting ``models.resnet.shapes``, in their order."""
    return tuple(name for name, one in NETWORKS.items() if one.chain and one.shapes in (None, shapes))


def chain_among(names: Iterable[str]) -> tuple[str, ...]:
    """The whole chain that some networks are part of: three networks of the shapes, unless there is one for all."""
    return chain_of("joint" if "shape" in names else "separate")


_FIND = "cubefocus.find"


def _finder(name: str, module: str, **options: Any) -> Finder:
    options.setdefault("function", f"{_FIND}.{module}:find")
    options.setdefault("grid", f"{_FIND}.{module}:GRID")
    return Finder(name, **options)


_CUBES = {"searches": "cube", "slow": True}

FINDERS: dict[str, Finder] = {
    finder.name: finder
    for finder in (
        _finder("threshold", "threshold"),
        _finder("blobcat", "blobcat", allowed=f"{_FIND}.blobcat:allowed"),
        _finder("bdsf", "bdsf", allowed=f"{_FIND}.bdsf:allowed", slow=True, package="bdsf"),
        _finder("aegean", "aegean", allowed=f"{_FIND}.aegean:allowed", slow=True, package="AegeanTools"),
        _finder("decoras", "decoras", function=f"{_FIND}.decoras:BlobFinder", searches="map"),
        _finder("decoras_bce", "decoras", function=f"{_FIND}.decoras:BlobFinder", searches="map"),
        *(_finder(f"blobs_finder_{variant}", "blobs_finder", searches="map") for variant in BLOBS_FINDER_VARIANTS),
        _finder("tclean", "threshold", searches="cleaned", slow=True),
        _finder("smooth_and_clip", "smooth_and_clip", function=f"{_FIND}.smooth_and_clip:GridFinder", **_CUBES),
        _finder(
            "smooth_and_clip_defaults",
            "smooth_and_clip",
            function=f"{_FIND}.smooth_and_clip:find_with_defaults",
            grid=f"{_FIND}.smooth_and_clip:DEFAULTS_GRID",
            **_CUBES,
        ),
        _finder("sofia", "sofia", program="sofia", **_CUBES),
        _finder(
            "matched_filter",
            "matched_filter",
            function=f"{_FIND}.matched_filter:MatchedFilter",
            needs_response=True,
            **_CUBES,
        ),
    )
}

SKY_TYPES: dict[str, str] = {
    "gaussian": "cubefocus.sky.separable:Gaussian",
    "point": "cubefocus.sky.separable:Point",
    "disc": "cubefocus.sky.kinematics:Disc",
    "multi_line": "cubefocus.sky.separable:MultiLine",
    "absorption": "cubefocus.sky.separable:Absorption",
    "gradient": "cubefocus.sky.kinematics:Gradient",
    "diffuse": "cubefocus.sky.diffuse:Diffuse",
}

PROPOSERS: dict[str, str] = {
    "matched": "cubefocus.search.matched:matched",
    "network": "cubefocus.search.network:network",
}
"""What tells how far the voxels of a restored cube stand out of its noise: of the cube, its noise, beam, device and
whether it is searched in parts to a `cubefocus.search.significance.Proposer`, which takes each of them."""

DENOISERS: dict[str, str] = {
    "autoencoder": "cubefocus.denoise.task:AutoencoderTask",
    "residual": "cubefocus.denoise.task:ResidualTask",
}
"""Networks of the study ``lofar``, each with sections of its name in its config, and its task."""

IDENTITY = "identity"
"""Images of the study ``lofar`` that are the skies themselves."""

DATASETS: tuple[str, ...] = (IDENTITY, "noise", "dirty", "clean")
"""What the networks of the study ``lofar`` see: the sky itself, with noise, and as it was observed and imaged."""

KINDS: tuple[str, ...] = tuple(name for name in DATASETS if name != IDENTITY)
"""Kinds of images that there is something to remove from."""

IMAGED: tuple[str, ...] = ("dirty", "clean")
"""Those that hold the artefacts of a telescope."""

WSCLEAN = "wsclean"
"""Program that makes clean images."""

TRANSFERS: dict[str, tuple[str, ...]] = dict.fromkeys(IMAGED, ("noise",))
"""Images of which dataset are given to networks trained on which others besides (Gheller & Vazza 2022, sect. 4.3)."""


def denoisers_of(dataset: str, networks: Iterable[str], datasets: Iterable[str]) -> dict[str, tuple[str, str]]:
    """What denoises the images of a dataset in a run: network and the dataset it was trained on, by name of the method.

    Each network trained on images of this kind has its own name, one trained on others has those in brackets.
    """
    networks, others = tuple(networks), [one for one in datasets if one in TRANSFERS.get(dataset, ())]
    own = {network: (network, dataset) for network in networks}
    return own | {f"{network} ({other})": (network, other) for other in others for network in networks}


COMPONENT_SKIES: dict[str, str] = {
    "components": "cubefocus.resolve.components:gaussians",
    "disc": "cubefocus.resolve.components:ringed_disc",
}
"""Skies of the study ``eso``."""

INFERENCES: tuple[str, ...] = ("mgvi", "geovi")
"""Variational inference with Gaussian samples, and with samples that follow the curvature of the posterior."""

WEIGHTINGS: tuple[str, ...] = ("natural", "briggs")
"""Weightings of visibilities that images are cleaned with."""

CONTINUUM_FINDERS: tuple[str, ...] = ("threshold", "blobcat", "bdsf", "aegean")
"""Source finders that search the cleaned images of the study ``eso``."""

STUDIES: tuple[str, ...] = ("alma", "detect", "eso", "general", "lofar")


def load(reference: str) -> Any:
    """Import what a reference ``module:attribute`` stands for."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
