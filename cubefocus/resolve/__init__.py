"""Bayesian imaging of visibilities (the study ``eso``): the sky as samples of its posterior, with the library NIFTy."""

import logging

# NIFTy looks for devices as it is imported, and JAX tells which there are not.
logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)
