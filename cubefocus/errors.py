"""The one kind of error that a user is meant to read."""


class CubefocusError(Exception):
    """Bad input or a failed external program; the message names the file, the value and the way out."""
