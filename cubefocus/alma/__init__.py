"""The ALMA study: simulated cubes, what its networks learn, and the chain from a dirty cube to a catalogue."""
