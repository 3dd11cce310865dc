"""Write the merged config of a run beside its results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from cubefocus.files import atomic_path


@dataclass(frozen=True)
class RecordConfig:
    """A config, and the file to write it to."""

    settings: Mapping[str, Any]
    config: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run(job: RecordConfig) -> None:
    """Write it as YAML, with the provenance in a comment before it."""
    with atomic_path(job.config) as temporary:
        settings = yaml.safe_dump(dict(job.settings), sort_keys=False)
        temporary.write_text(f"# {json.dumps(job.provenance, sort_keys=True)}\n{settings}")
