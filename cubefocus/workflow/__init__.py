"""What the Snakemake workflow is made with: check of its config, digests of code, needs of jobs, frame of a script."""
