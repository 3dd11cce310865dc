"""Cut-outs of cubes and the training sets made of them."""
