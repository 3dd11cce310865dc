"""Cubes of the paper's experiment for the benchmarks, and networks of the paper's size that say the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from astropy.table import Table

from cubefocus.alma.blobs import find_blobs
from cubefocus.alma.chain import Chain
from cubefocus.cube.cube import Cube
from cubefocus.cube.cutouts import box_spectra, centre_crop, integrate, scale01
from cubefocus.engines.fft import FourierOperator
from cubefocus.engines.fft import apply as observe_by_fft
from cubefocus.engines.measure import get_response
from cubefocus.instrument.noise import add_white, central_peak, white_rms
from cubefocus.instrument.observation import Observation
from cubefocus.instrument.response import Response
from cubefocus.learn.checkpoint import channels_last
from cubefocus.learn.predict import Trained
from cubefocus.networks import BlobsFinder, DeepGRU, ResNet
from cubefocus.settings import DetectionSettings
from cubefocus.sky.catalogue import cube_list, draw_catalogue, select
from cubefocus.sky.model import sky_cube
from cubefocus.stats.noise import thermal_rms

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "responses"
PAPER = yaml.safe_load((ROOT / "experiments" / "paper.yaml").read_text())
OBSERVATION = Observation.from_mapping({k: v for k, v in PAPER["observation"].items() if k != "alternatives"})
SETTINGS = DetectionSettings.from_mapping(PAPER["detection"])


@dataclass
class Scene:
    """One dirty cube and the sky that is in it, shape (channel, y, x)."""

    sky: np.ndarray
    dirty: Cube


def paper_response(cache: Path = CACHE) -> Response:
    """Response of the paper's set-up; CASA measures it in two minutes where the cache has none."""
    return get_response(OBSERVATION, cache)


def catalogue_of(number: int, seed: int = PAPER["seed"], others: tuple[int, int] | None = None) -> Table:
    """Catalogue of some cubes of the paper's distributions; with ``others``, so many sources beside the central one."""
    sky = PAPER["sky"] | ({"n_sources": list(others)} if others else {})
    low, high = PAPER["noise"]["snr"]
    size = {"n_pixels": OBSERVATION.n_pixels}
    return draw_catalogue(sky, OBSERVATION.n_channels, {"test": number}, (low, high), seed, **size)


def skies(catalogue: Table) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Sky cubes of a catalogue and what it says of each: seed of its noise, target SNR."""
    entries = cube_list(catalogue)
    return [(sky_cube(select(catalogue, [entry["cube_id"]]), OBSERVATION), entry) for entry in entries]


def scenes_of(catalogue: Table, response: Response, seed: int = 1) -> list[Scene]:
    """Dirty cubes with thermal and white noise, as the experiment makes them with the engine fft."""
    operator = FourierOperator(response)
    scenes = []
    for sky, entry in skies(catalogue):
        dirty = observe_by_fft(operator, sky, response, "thermal", entry["noise_seed"])
        middle, n_channels = OBSERVATION.n_pixels // 2, OBSERVATION.n_channels
        peak, thermal = central_peak(dirty.data, middle, middle), thermal_rms(dirty.data)
        white = white_rms(peak, entry["snr_target"], thermal, n_channels)
        scenes.append(Scene(sky, Cube(add_white(dirty.data, white, np.random.default_rng(seed)), dirty.header)))
    return scenes


@dataclass(frozen=True)
class Networks:
    """The six networks at the paper's size, with random weights, in evaluation mode on one device."""

    blobs_finder: Trained
    deep_gru: Trained
    resnets: dict[str, Trained]


def paper_networks(device: str) -> Networks:
    """Make them from section ``models`` of the experiment."""
    torch.manual_seed(1)
    models = PAPER["models"]

    def ready(name: str, network: torch.nn.Module, **arguments: int) -> Trained:
        facts = {"task": name, "arguments": arguments, "normalisation": {"mean": 0.0, "std": 1.0}}
        return Trained.of(channels_last(network).to(device).eval(), facts)

    size, n_channels = models["image_size"], OBSERVATION.n_channels
    return Networks(
        ready("blobs_finder", BlobsFinder(size, **models["blobs_finder"]), image_size=size),
        ready("deep_gru", DeepGRU(n_channels, **models["deep_gru"]), n_channels=n_channels),
        {name: ready(name, ResNet(1, models["resnet"]["widths"])) for name in ("sigma_x", "sigma_y", "pa", "flux")},
    )


def knowing_chain(scenes: Sequence[Scene], networks: Networks, clock: Callable[[str], Any]) -> Chain:
    """Chain whose networks run, but whose answers are replaced by the truth.

    Networks with random weights would find hundreds of candidates or none, and the number of candidates decides the
    time of all later steps. So each network runs on what the chain gives it, its answer is copied back, and the chain
    goes on with the true map (the sky summed over frequency, scaled to [0, 1]), the true spectra of the boxes that
    the chain finds on it, and fixed shapes.

    Parameters
    ----------
    scenes : sequence of Scene
        The cubes that the chain will be given, all at once and in this order.
    networks : Networks
    clock : callable
        Gives a context manager for a name, which takes the time of the network.
    """
    size = PAPER["models"]["image_size"]
    maps = np.stack([scale01(centre_crop(integrate(one.sky), size)) for one in scenes])
    spectra = np.concatenate([_true_spectra(one, image, size) for one, image in zip(scenes, maps, strict=True)])

    def blobs_finder(images: np.ndarray) -> np.ndarray:
        with clock("Blobs Finder"):
            networks.blobs_finder.predict({"images/dirty": images}, scaled=True)
        # A further look is at some of the tiles without their brightest sources: the truth was given in the first.
        return maps if len(images) == len(maps) else np.zeros_like(images)

    def deep_gru(standardised: np.ndarray) -> np.ndarray:
        with clock("Deep GRU"):
            networks.deep_gru.predict({"spectra/dirty": standardised}, scaled=True)
        assert len(standardised) == len(spectra)
        return spectra

    def parameter(name: str, images: np.ndarray) -> np.ndarray:
        network = networks.resnets[name]
        with clock("ResNet flux" if name == "flux" else "ResNets sigma_x, sigma_y, pa"):
            network.predict({network.task.keys[0]: images})
        return images.sum(axis=(1, 2)) if name == "flux" else np.full(len(images), 45.0 if name == "pa" else 5.0)

    return Chain(blobs_finder, deep_gru, parameter, SETTINGS, size, OBSERVATION.n_channels)


def _true_spectra(scene: Scene, image: np.ndarray, size: int) -> np.ndarray:
    """Sky spectra of the blobs of one true map, each scaled to [0, 1]."""
    offset = (OBSERVATION.n_pixels - size) // 2
    boxes = np.array([one.box for one in find_blobs(image, SETTINGS.blobs)], dtype=int).reshape(-1, 4) + offset
    sums = box_spectra(scene.sky, boxes)
    low = sums.min(axis=1, keepdims=True)
    return (sums - low) / np.ptp(sums, axis=1, keepdims=True)
