"""Other ways to find sources, for comparison."""
