"""Which package goes into the environments that Snakemake makes for jobs."""

from __future__ import annotations

import os
from pathlib import Path

from cubefocus import __version__


def offer_package(checkout: Path) -> None:
    """Name the package of this workflow to ``envs/cubefocus.post-deploy.sh``, of which Snakemake runs a copy.

    Parameters
    ----------
    checkout : Path
        Folder of the workflow; where there is none, the workflow was fetched from a repository.
    """
    os.environ["CUBEFOCUS_PACKAGE"] = str(checkout) if checkout.is_dir() else f"cubefocus=={__version__}"
