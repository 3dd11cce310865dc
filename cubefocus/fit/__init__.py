"""Sources fitted together through the measured response of the instrument, at the limit that noise allows."""
