"""Map the integrated images of one batch with the network of a finder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cubefocus.find.maps import write_maps
from cubefocus.settings import DetectionSettings
from cubefocus.timing import Clock


@dataclass(frozen=True)
class MapImages:
    """A batch to map.

    Attributes
    ----------
    products : str
        Training products with the images.
    network : str
        Checkpoint.
    detection : mapping
        Section ``blobs`` of config section ``detection`` decides the tiles.
    maps, time : str
        Files to write.
    provenance : mapping
    """

    products: str
    network: str
    detection: Mapping[str, Any]
    maps: str
    time: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: MapImages) -> None:
    """Map them, and the same times -1."""
    settings, clock = DetectionSettings.from_mapping(job.detection).blobs, Clock()
    write_maps(job.products, job.network, job.maps, settings, job.provenance, clock=clock)
    clock.write(job.time)
