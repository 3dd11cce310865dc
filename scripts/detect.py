"""Run the detection chain on one batch of test cubes."""

from common import cubes_of, job, networks

from cubefocus.detect.chain import Chain
from cubefocus.detect.products import write_detection_products
from cubefocus.io import read_cube, write_table

with job(snakemake) as provenance:
    ids, dirty, _ = zip(*cubes_of(snakemake.input.cubes), strict=True)
    chain = Chain.load(networks(snakemake.input), snakemake.params.detection, "auto")
    detections = chain.detect([read_cube(path) for path in dirty], ids)
    write_table(snakemake.output.catalogue, detections.catalogue, provenance)
    write_table(snakemake.output.candidates, detections.candidates, provenance)
    write_detection_products(snakemake.output.products, detections.fields, provenance)
