"""The order of keys in a config decides nothing: whoever reads it gets its sections sorted."""

from __future__ import annotations

from typing import Any


def ordered(value: Any) -> Any:
    """The same value with the keys of all mappings in it sorted; lists keep their order."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(each) for each in value] if isinstance(value, list) else value


def put_in_order(config: dict[str, Any]) -> None:
    """Sort a config in place."""
    sections = ordered(config)
    config.clear()
    config.update(sections)
