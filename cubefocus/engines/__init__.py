"""What makes a dirty cube of a sky: CASA, the measured response applied by Fourier transforms; and CLEAN."""
