"""The instrument: observing set-up, response, noise levels; no CASA in it."""
