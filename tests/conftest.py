"""Fixtures that tests of several rooms share; their modules are in tests/support."""

pytest_plugins = ["scenes", "stand_in_instrument", "training_data"]
