"""Values of a config that cannot both hold, in one place for the workflow and the package.

Standard library only, as the workflow is parsed on login nodes. Each function gives one line for each contradiction in
values that have passed the limits of their own sections.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cubefocus.errors import shown


def of_config(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of any study."""
    of = {"alma": of_experiment, "detect": of_list, "eso": of_eso, "general": of_general, "lofar": of_lofar}
    yield from of[config["study"]](config)


def of_eso(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of the study ``eso``."""
    observation, coverage = config["observation"], config["coverage"]
    yield from of_times(observation)
    lowest = observation["frequency_ghz"] - 0.5 * (observation["windows"] - 1) * observation["spacing_ghz"]
    if lowest <= 1e-3 * observation["bandwidth_mhz"]:
        yield (
            f"observation.spacing_ghz is {observation['spacing_ghz']}: {observation['windows']} windows around "
            f"{observation['frequency_ghz']} GHz reach below 0; give a smaller one, or fewer windows"
        )
    if config["sky"]["kind"] == "components" and not config["data"]["ms"]:
        yield from of_components(config["sky"]["components"], config["image"])
    if coverage["axis_ratio"][1] > 1:
        yield f"coverage.axis_ratio is {coverage['axis_ratio']}: minor over major axis, give at most 1"


def of_components(components: Sequence[Mapping[str, Any]], image: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of Gaussians within themselves, and with the image that is to hold them."""
    if not components:
        yield "sky.components is []: give one Gaussian at least"
    half = 0.5 * image["size"] * image["cell_arcsec"]
    for number, one in enumerate(components):
        place = f"sky.components[{number}]"
        if one["minor_arcsec"] > one["major_arcsec"]:
            yield (
                f"{place}.minor_arcsec is {one['minor_arcsec']}, more than its major_arcsec, {one['major_arcsec']}: "
                "exchange them, and turn pa_deg by 90"
            )
        for side in ("east_arcsec", "north_arcsec"):
            if abs(one[side]) >= half:
                yield f"{place}.{side} is {one[side]}, outside of the image: give less than {half:g}, or a larger one"


def of_lofar(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of the study ``lofar``."""
    images, files = config["images"], config["sky"]["files"]
    wanted = images["train"] + images["validation"] + images["test"]
    if files and len(files) != wanted:
        yield f"sky.files has {len(files)} files for {wanted} images of all splits: give one for each, or none"
    if images["tile"] > images["size"]:
        yield f"images.tile is {images['tile']}, larger than images.size, {images['size']}: give one that fits"
    step = 2 ** len(config["autoencoder"]["maps"])
    if "autoencoder" in config["networks"] and images["tile"] % step:
        yield (
            f"images.tile is {images['tile']}: {len(config['autoencoder']['maps'])} levels (autoencoder.maps) halve it "
            f"as often; give a multiple of {step}"
        )
    if config["sky"]["mesh"] < config["sky"]["particles"]:
        yield (
            f"sky.mesh is {config['sky']['mesh']}, coarser than sky.particles, {config['sky']['particles']}: give as "
            "many cells at least, better twice as many"
        )
    if config["sweep"]["datasets"]:
        yield from of_sweep(config["sweep"], config["training"]["autoencoder"]["decay"])


def of_sweep(sweep: Mapping[str, Any], decay: str) -> Iterator[str]:
    """Contradictions of a sweep within itself, and with the course of the autoencoder's learning rate."""
    most = max(sweep["levels"])
    if most > len(sweep["maps"]):
        yield f"sweep.levels has {most} for the {len(sweep['maps'])} levels of sweep.maps: give the maps of each level"
    if decay != "none":
        yield (
            f"training.autoencoder.decay is '{decay}', which hangs on the number of epochs: longer trainings of a "
            "sweep continue shorter ones, give none"
        )


def of_general(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of the study ``general``."""
    for key in ("train", "heldout"):
        if not config[key]:
            yield f"{key} is []: give one observing set-up at least, by the keys in which it differs from observation"
        for number, own in enumerate(config[key]):
            if own in config[key][:number]:
                yield f"{key}[{number}] is the same as one before it: give each set-up once"
            for problem in of_observation({**config["observation"], **own}):
                yield problem.replace("observation.", f"{key}[{number}].", 1)
    for number, own in enumerate(config["heldout"]):
        if own in config["train"]:
            yield f"heldout[{number}] is one of train too: give set-ups that the network does not learn from"
    for key in ("draws", "comparison"):
        if not any(config[key]["types"].values()):
            yield f"{key}.types is {shown(dict(config[key]['types']))}: give at least one type a weight above 0"


def of_list(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of the study ``detect``."""
    number = len(config["cubes"])
    if not number:
        yield "cubes is []: give the FITS cubes that are to be searched"
    for key in ("psf", "pb"):
        if len(config[key]) not in (0, number):
            yield f"{key} has {len(config[key])} files for {number} cubes: give one for each, in their order, or none"


def of_experiment(config: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of a whole config of the study ``alma``."""
    observation = config["observation"]
    yield from of_observation(observation)
    yield from of_alternatives(observation)
    yield from of_sky(config["sky"], observation["n_channels"], observation["n_pixels"])
    size, n_pixels = config["models"]["image_size"], observation["n_pixels"]
    if size > n_pixels:
        yield (
            f"models.image_size is {size}, larger than observation.n_pixels, {n_pixels}: "
            f"give a multiple of 16, at most {n_pixels // 16 * 16}"
        )
    if config["trained_by"] == config["experiment"]:
        yield (
            f"trained_by is '{config['trained_by']}', the experiment itself: name the one whose networks are to be "
            "tested, or give null to train"
        )


def of_networks(config: Mapping[str, Any], trained: Mapping[str, Any]) -> Iterator[str]:
    """What of a config does not go with the networks, thresholds and tuned finders of another experiment.

    Parameters
    ----------
    config : mapping
        Whole config of the experiment that tests them.
    trained : mapping
        Whole config of the experiment that trained them; what this one, written by an earlier version, does not have
        is not asked for.
    """
    name = config["trained_by"]
    if trained.get("trained_by"):
        yield f"trained_by is '{name}', which tests networks of {trained['trained_by']}: give {trained['trained_by']}"
    same = {"models": config["models"], "detection": config["detection"]}
    same["observation"] = {"n_channels": config["observation"]["n_channels"]}
    for key, own, other in _differences(same, trained):
        yield f"{key} is {shown(own)}, with which the networks of {name} cannot be used: give {shown(other)}, as there"
    if config["seed"] == trained["seed"]:
        yield f"seed is {config['seed']}, as in {name}, whose networks have learnt from these cubes: give another one"


def _differences(own: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Keys of both with another value in each, with the values."""
    for key in (key for key in own if key in other):
        if isinstance(own[key], Mapping):
            yield from _differences(own[key], other[key], f"{path}{key}.")
        elif own[key] != other[key]:
            yield f"{path}{key}", own[key], other[key]


def of_times(observation: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of the times of an observing set-up."""
    integration, total = observation["integration_s"], observation["total_time_s"]
    if integration > total:
        yield f"observation.integration_s is {integration}, longer than total_time_s, {total}: give at most {total}"


def of_observation(observation: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions of one observing set-up."""
    yield from of_times(observation)
    below_centre = observation["n_channels"] // 2 * observation["channel_width_mhz"] * 1e-3
    if below_centre >= observation["frequency_ghz"]:
        yield (
            f"observation.channel_width_mhz is {observation['channel_width_mhz']}: {observation['n_channels']} "
            f"channels around {observation['frequency_ghz']} GHz reach below 0; give narrower or fewer channels"
        )


def of_alternatives(observation: Mapping[str, Any]) -> Iterator[str]:
    """Contradictions that only an alternative set-up has, which would stop the run after its first jobs."""
    shared = set(of_observation(observation))
    for number, own in enumerate(observation["alternatives"]):
        for problem in of_observation({**observation, **own}):
            if problem not in shared:
                yield problem.replace("observation.", f"observation.alternatives[{number}].", 1)


def of_grid(sky: Mapping[str, Any], n_channels: int, n_pixels: int) -> Iterator[str]:
    """What would be drawn outside a cube of (n_channels, n_pixels, n_pixels)."""
    lo, hi = sky["position"]
    if hi > n_pixels:
        yield f"sky.position is [{lo}, {hi}], outside the image of {n_pixels} px: give at most {n_pixels}"
    elif lo == hi:
        yield f"sky.position is [{lo}, {hi}]: no whole number with lo <= x < hi, give a wider range"
    if sky["line_centre"][1] > n_channels:
        yield (
            f"sky.line_centre is {shown(sky['line_centre'])}, outside the band of {n_channels} channels: "
            f"give at most {n_channels}"
        )


def of_sky(sky: Mapping[str, Any], n_channels: int, n_pixels: int) -> Iterator[str]:
    """Contradictions of the sky with a cube of (n_channels, n_pixels, n_pixels), and within itself."""
    yield from of_grid(sky, n_channels, n_pixels)
    lo, hi = sky["position"]
    if lo < hi <= n_pixels and not _fits(sky["n_sources"][1], sky["separation"], hi - lo):
        yield (
            f"sky.separation is {sky['separation']}: {sky['n_sources'][1]} sources cannot keep that distance "
            f"in {hi - lo} x {hi - lo} px; lower separation or n_sources, or widen position"
        )
    if sky["line_fwhm"][1] > n_channels:
        yield (
            f"sky.line_fwhm is {shown(sky['line_fwhm'])}, wider than the band of {n_channels} channels: "
            f"give at most {n_channels}"
        )
    if sky["empty_fraction"] == 1:
        yield "sky.empty_fraction is 1, so that there is nothing to learn from: give less than 1"
    yield from of_types(sky)


def of_types(sky: Mapping[str, Any]) -> Iterator[str]:
    """A draw of no sky type."""
    if not any(sky["types"].values()):
        yield f"sky.types is {shown(dict(sky['types']))}: give at least one type a weight above 0"


def _fits(n_sources: int, separation: float, side: int) -> bool:
    """Tell whether sources dropped one by one into a square find room: random packing of discs jams at 0.547."""
    return n_sources < 2 or n_sources * math.pi / 4 * separation**2 < 0.5 * (side + separation) ** 2
