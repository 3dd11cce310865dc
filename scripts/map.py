"""Map the integrated images of one batch with the network of a finder."""

from common import job

from cubefocus.find.maps import write_maps
from cubefocus.settings import DetectionSettings
from cubefocus.timing import Clock

with job(snakemake) as provenance:
    settings = DetectionSettings.from_mapping(snakemake.params.detection).blobs
    clock, made = Clock(), (snakemake.input.products, snakemake.input.network, snakemake.output.maps)
    write_maps(*made, settings, provenance, clock=clock)
    clock.write(snakemake.output.time)
