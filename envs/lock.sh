#!/usr/bin/env bash
# Write the versions that are installed in an environment as the pip lock file and as the conda environment.
#     lock.sh PYTHON-OF-THE-ENVIRONMENT LOCK-FILE CONDA-FILE
set -euo pipefail
python=$1 lock=$2 conda=$3

# setuptools is pinned because the package itself is built with it; +cpu is torch's build, not its version
pins=$("$python" -m pip freeze --all --exclude pip --exclude wheel --exclude cubefocus | sed 's/+[a-z0-9]*$//')

cat > "$lock" << END
# Exact versions of everything that the commands of the Makefile install; written by \`make lock\`, not by hand.
# On Linux, torch of PyPI brings the CUDA libraries along. For a machine without a GPU:
#     make PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
$pins
END

cat > "$conda" << END
# Environment for sites that use conda, the same versions as requirements.lock; written by \`make lock\`, not by hand.
#     conda env create --file envs/cubefocus.yaml && conda activate cubefocus
#     pip install --no-deps --no-build-isolation --editable .
# CASA is on PyPI only, and its wheels must share numpy with the rest: so everything but Python comes by pip.
name: cubefocus
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - pip
  - pip:
$(sed 's/^/      - /' <<< "$pins")
END
