"""Training of networks: the loop, datasets, augmentation, losses, checkpoints and bundles; no study in it."""
