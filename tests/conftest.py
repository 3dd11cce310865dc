"""Fixtures that tests of several rooms share; their modules are in tests/support."""

pytest_plugins = ["bundles", "scenes", "stand_in_instrument", "training_data", "uv_instrument"]
