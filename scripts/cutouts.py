"""Cut the training products of one batch of cubes out with the true parameters."""

import numpy as np
from common import cubes_of, job

from cubefocus.data.products import concatenate, true_products, write_products
from cubefocus.io import read_cube, read_table

with job(snakemake) as provenance:
    truth = read_table(snakemake.input.truth)
    parts = []
    for cube_id, dirty, sky in cubes_of(snakemake.input.cubes):
        rows = truth[truth["cube_id"] == cube_id]
        cubes = read_cube(dirty).data, read_cube(sky).data
        products = true_products(*cubes, rows, snakemake.params.dilation, snakemake.params.size)
        parts.append(products | {"images/cube_id": np.array([cube_id])})
    write_products(snakemake.output.products, concatenate(parts), provenance)
