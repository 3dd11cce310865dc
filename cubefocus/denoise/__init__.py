"""Denoising of continuum images with diffuse emission: the study of Gheller & Vazza (2022) with LOFAR."""
