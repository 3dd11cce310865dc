"""The detection and characterisation chain."""
