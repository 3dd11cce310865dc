"""Directive ``commands``: the commands of cubefocus with their options, from the parsers themselves."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cubefocus.cli.main import COMMANDS, build_parser

EXAMPLE = "Example: "
WIDTH = 80  # characters, of a usage


class Commands(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(pages()), allow_section_headings=True)


def pages() -> Iterator[str]:
    """Markdown of all commands, in the order of ``cubefocus --help``."""
    for name in COMMANDS:
        yield from described(_subparsers(build_parser(name))[name], 2)


def described(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """Markdown of a command and of those below it: usage, description, options by group, and its last words."""
    usage = parser.formatter_class(prog=parser.prog, width=WIDTH)
    usage.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    yield from ["#" * level + f" {parser.prog}", "", plain(parser.description or ""), ""]
    yield from ["```text", usage.format_help().rstrip(), "```", ""]
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if action.help is not argparse.SUPPRESS]
        shown = [one for one in shown if not isinstance(one, (argparse._HelpAction, argparse._SubParsersAction))]
        if shown:
            yield from [f"**{plain(_sentence(group.title or ''))}**", "", plain(group.description or ""), ""]
            yield from (line for action in shown for line in option(parser, action))
    yield from last_words(parser.epilog or "")
    for below in _subparsers(parser).values():
        yield from described(below, level + 1)


def last_words(epilog: str) -> Iterator[str]:
    """Markdown of the example of a command, which its last words begin with, and of what follows on it."""
    first, _, rest = epilog.partition("\n\n")
    example = first.removeprefix(EXAMPLE)
    if example != first:
        yield from ["**Example**", "", "```bash", example, "```", ""]
    if remaining := rest if example != first else epilog:
        yield from ["```text", remaining, "```", ""]


def option(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    """An option and what it means, as an entry of a definition list."""
    formatter = parser.formatter_class(prog=parser.prog, width=WIDTH)
    called = formatter._format_action_invocation(action)
    meaning = formatter._expand_help(action) if action.help else ""
    return [f"`{called}`", f": {plain(meaning) or plain(str(action.metavar or action.dest))}", ""]


def plain(text: str) -> str:
    """A text of argparse in Markdown, with nothing in it taken for markup."""
    return re.sub(r"([\\`*_{}\[\]<>|#$~])", r"\\\1", " ".join(text.split()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0]) if found else {}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
