#!/usr/bin/env bash
# Snakemake runs this in the environment that it has made of cubefocus.yaml (--software-deployment-method conda):
# the rules' scripts import the package, which must be the one of the workflow, as workflow/rules/common.smk names it.
set -euo pipefail
if [ -d "$CUBEFOCUS_PACKAGE" ]; then
    python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable "$CUBEFOCUS_PACKAGE"
else
    python -m pip install --quiet --no-deps "$CUBEFOCUS_PACKAGE"
fi
