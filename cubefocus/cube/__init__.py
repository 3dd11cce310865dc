"""Cubes: headers and their repair, positions on the sky and in frequency, beams, sums and cut-outs."""
