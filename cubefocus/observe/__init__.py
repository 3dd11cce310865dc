"""What the instrument does to a sky: CASA simulations, thermal and white noise."""
