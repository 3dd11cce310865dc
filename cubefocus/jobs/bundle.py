"""Put the trained networks of a run together with what the run knows: the bundle that the chain takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from cubefocus.files import read_table
from cubefocus.instrument.observation import Observation
from cubefocus.learn.bundle import Bundle
from cubefocus.learn.ranges import Range, range_of
from cubefocus.settings import DetectionSettings
from cubefocus.specs import chain_among


@dataclass(frozen=True)
class Job:
    """What goes into a bundle.

    Attributes
    ----------
    networks : mapping of str to path
        Checkpoint of every network of the chain.
    detection : mapping
        Config section.
    image_size : int
        Side of the images that Blobs Finder was trained on, in pixels.
    observation : mapping
        Config section.
    truth : sequence of path
        Truth tables of the training cubes, which say how bright their sources and how large their beams are.
    bundle : path
        Folder to write.
    provenance : mapping
    """

    networks: Mapping[str, str]
    detection: Mapping[str, Any]
    image_size: int
    observation: Mapping[str, Any]
    truth: Sequence[str]
    bundle: str
    provenance: Mapping[str, Any]


def run(job: Job) -> None:
    """Make the bundle.

    Raises
    ------
    CubefocusError
        If a checkpoint or table cannot be read, a network of the chain is missing, or a setting is out of range.
    """
    # With every key that the chain knows: a later version's defaults must not change what this bundle finds.
    detection = asdict(DetectionSettings.from_mapping(job.detection))
    observations = Observation.list_from_mapping(job.observation)
    ranges = ranges_of(job.image_size, observations, [read_table(path) for path in job.truth])
    bundle = Bundle.from_checkpoints(job.networks, detection, ranges=ranges, provenance=job.provenance)
    bundle.require(chain_among(bundle.networks))
    bundle.save(job.bundle)


def ranges_of(image_size: int, observations: Sequence[Observation], truth: Iterable[Table]) -> dict[str, Range]:
    """What training cubes were like, by the names of `cubefocus.learn.ranges.QUANTITIES`.

    Parameters
    ----------
    image_size : int
        Larger images are searched in tiles of this side, so that there is no upper end.
    observations : sequence of Observation
        Set-ups of the cubes.
    truth : iterable of Table
        Truth tables, with the beam of each cube in the meta data (``beam_px``) where it is known.
    """
    tables = list(truth)
    beams = [size for table in tables for cube in table.meta["cubes"] for size in cube.get("beam_px") or ()]
    brightest = range_of(value for table in tables for value in np.asarray(table["snr_image"], dtype=float).tolist())
    ranges: dict[str, Range | None] = {
        "image_size": (image_size, None),
        "n_channels": range_of(one.n_channels for one in observations),
        "beam_px": range_of(beams),
        "cell_arcsec": range_of(one.cell_arcsec for one in observations),
        "frequency_ghz": range_of(end / 1e9 for one in observations for end in one.frequencies_hz[[0, -1]].tolist()),
        "channel_width_mhz": range_of(one.channel_width_mhz for one in observations),
        # Above the brightest source of the training a network extrapolates; the faintest are below the noise anyway.
        "snr": brightest and (None, brightest[1]),
    }
    return {name: pair for name, pair in ranges.items() if pair is not None}
