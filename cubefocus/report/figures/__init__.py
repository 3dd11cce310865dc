"""Figures, one a module: functions that take tables and arrays and return a matplotlib figure.

`registry` has those of a run by name, `style` the look of all and the function that saves one.
"""
