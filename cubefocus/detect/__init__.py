"""From a dirty cube to a catalogue: blobs, lines, focusing and deblending, shapes, fluxes (MNRAS 4.4)."""
