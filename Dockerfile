# What `make env` makes, from the lock file, and the workflow: make image
#     docker run --rm --volume "$PWD:/work" cubefocus detect cube.fits -o found
#     docker run --rm --volume "$PWD:/work" --entrypoint snakemake cubefocus \
#         --snakefile /opt/cubefocus/Snakefile --configfile /opt/cubefocus/config.yaml --cores 4
FROM python:3.11-slim-bookworm

# What CASA and OpenCV's relatives link to and the slim image lacks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgfortran5 libgl1 libgomp1 make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/cubefocus
ARG PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"

# The environment first: an edit of the sources does not install it again.
COPY Makefile ./
COPY envs ./envs
RUN make .venv/complete PIP_FLAGS="$PIP_FLAGS --no-cache-dir"
COPY . .
RUN make env && useradd --create-home --uid 1000 cubefocus && mkdir /work && chown cubefocus /work

ENV PATH=/opt/cubefocus/.venv/bin:$PATH
USER cubefocus
WORKDIR /work
ENTRYPOINT ["cubefocus"]
CMD ["--help"]
