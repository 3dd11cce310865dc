"""Write the merged config of a run beside its results."""

import yaml
from common import job

from cubefocus.io import atomic_path

with job(snakemake), atomic_path(snakemake.output.config) as temporary:
    temporary.write_text(yaml.safe_dump(dict(snakemake.params.config), sort_keys=False))
