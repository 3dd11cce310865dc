"""Tables of results, one a module."""
