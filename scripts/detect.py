"""Run the detection chain on one batch of test cubes."""

from collections.abc import Iterator

from astropy.table import vstack
from common import job, networks, read_by_parts

from cubefocus.detect.candidate import Field
from cubefocus.detect.chain import Chain
from cubefocus.detect.products import write_detection_products
from cubefocus.io import write_table
from cubefocus.provenance import hardware

with job(snakemake) as provenance:
    chain = Chain.load(networks(snakemake.input), snakemake.params.detection, "auto")
    provenance["hardware"] = hardware(chain.device)
    catalogues, candidates = [], []

    def searched() -> Iterator[Field]:
        """Fields one by one, so that their cubes need not be in memory together."""
        for ids, cubes in read_by_parts(snakemake.input.cubes):
            detections = chain.detect(cubes, ids)
            catalogues.append(detections.catalogue)
            candidates.append(detections.candidates)
            yield from detections.fields

    write_detection_products(snakemake.output.products, searched(), provenance)
    write_table(snakemake.output.catalogue, vstack(catalogues, metadata_conflicts="silent"), provenance)
    write_table(snakemake.output.candidates, vstack(candidates, metadata_conflicts="silent"), provenance)
