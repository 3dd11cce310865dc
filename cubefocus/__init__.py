"""cubefocus: find and characterise sources in dirty interferometric cubes with deep networks."""

__version__ = "0.1.0"
