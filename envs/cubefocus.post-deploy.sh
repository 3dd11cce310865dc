#!/usr/bin/env bash
# Snakemake runs this in the environment that it has made of cubefocus.yaml (--software-deployment-method conda):
# the rules' scripts import the package, which must be the one of this checkout.
set -euo pipefail
python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
