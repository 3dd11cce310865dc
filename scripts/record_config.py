"""Write the merged config of a run beside its results."""

import json

import yaml
from common import job

from cubefocus.files import atomic_path

with job(snakemake) as provenance, atomic_path(snakemake.output.config) as temporary:
    settings = yaml.safe_dump(dict(snakemake.params.config), sort_keys=False)
    temporary.write_text(f"# {json.dumps(provenance, sort_keys=True)}\n{settings}")
