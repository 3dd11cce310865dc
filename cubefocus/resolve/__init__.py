"""Bayesian imaging of visibilities (the study ``eso``): the sky as samples of its posterior, with the library NIFTy."""
