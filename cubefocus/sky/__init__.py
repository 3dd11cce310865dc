"""The noise-free sky: catalogues, cubes and truth tables."""
