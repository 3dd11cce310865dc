"""Cut the training products of one batch of cubes out with the true parameters."""

from pathlib import Path

import numpy as np
from common import job

from cubefocus.data.products import concatenate, true_products, write_products
from cubefocus.io import read_cube, read_table

with job(snakemake) as provenance:
    folder = Path(snakemake.input.cubes)
    truth = read_table(folder / "truth.ecsv")
    cube_ids = np.array(sorted(int(path.name.split(".")[0]) for path in folder.glob("*.dirty.fits")))
    parts = []
    for cube_id in cube_ids:
        dirty, sky = (read_cube(folder / f"{cube_id:06d}.{kind}.fits").data for kind in ("dirty", "sky"))
        rows = truth[truth["cube_id"] == cube_id]
        parts.append(true_products(dirty, sky, rows, snakemake.params.dilation, snakemake.params.size))
    products = concatenate(parts) | {"images/cube_id": cube_ids}
    write_products(snakemake.output.products, products, provenance)
