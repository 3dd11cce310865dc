"""The one kind of error that a user is meant to read, and the words in which a bad value is refused.

Standard library only: the workflow, which is parsed on login nodes, says the same of a config as the package.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


class CubefocusError(Exception):
    """Bad input or a failed external program; the message names the file, the value and the way out."""


KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list such as [1, 5]",
    "object": "a section with keys, or leave it out",
    "null": "null",
}
"""What to give, by the types of JSON schema."""

LIMITS = {
    "minimum": "give at least {}",
    "maximum": "give at most {}",
    "exclusiveMinimum": "give more than {}",
    "exclusiveMaximum": "give less than {}",
    "multipleOf": "give a multiple of {}",
    "minLength": "give a text that is not empty",
    "enum": "give one of {}",
    "length": "give {} numbers, [lo, hi]",
    "finite": "give a finite number",
}
"""What to give, by the keywords of JSON schema (``length`` is minItems and maxItems)."""


def dotted(path: Sequence[Any]) -> str:
    """Write the place of a value as it is read: sky.sigma[1]."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def shown(value: Any) -> str:
    """Write a value as it stands in a config file, shortened to a line."""
    text = "empty (null)" if value is None else f"'{value}'" if isinstance(value, str) else _plain(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return str(value)


def kind_wanted(value: Any, kinds: Sequence[str]) -> str:
    """Say which types of JSON schema a value may have, and explain the one number that YAML takes for a text: 1e-4."""
    return "give " + " or ".join(KINDS[kind] for kind in kinds) + (_exponent_hint(value) if "number" in kinds else "")


def limit_wanted(keyword: str, limit: Any = None) -> str:
    """Say which limit, by its keyword of JSON schema, a value must keep."""
    listed = ", ".join(map(_plain, limit)) if isinstance(limit, (list, tuple)) else limit
    return LIMITS[keyword].format(listed)


def _exponent_hint(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    mantissa, _, exponent = f"{number:e}".partition("e")
    if not exponent:  # inf, nan
        return ""
    short = mantissa.rstrip("0") + ("0" if mantissa.rstrip("0").endswith(".") else "")
    return f"; YAML reads {value} as a text, write {short}e{int(exponent):+d}"


def unknown_key(path: str, key: str, known: Sequence[str], elsewhere: Sequence[str] = ()) -> str:
    """Refuse a key: with the one that was meant, the sections where it belongs, or all that are known."""
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        advice = f"did you mean {close[0]}?"
    elif elsewhere:
        advice = f"it belongs in {' or '.join(elsewhere)}"
    else:
        advice = f"known here: {', '.join(known)}"
    return f"unknown key {path}: {advice}"
