"""Statistics: noise, intervals, rates."""
