"""``cubefocus completion``: what a shell needs to complete commands, options and names of files at the Tab key."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

SHELLS = {
    "bash": 'eval "$(cubefocus completion bash)" in ~/.bashrc',
    "zsh": "cubefocus completion zsh > _cubefocus in a folder of $fpath, above compinit in ~/.zshrc",
    "fish": "cubefocus completion fish > ~/.config/fish/completions/cubefocus.fish",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to its parser."""
    parser.description = "Print the completion of a shell. It starts no Python when Tab is pressed."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    shells = "\n".join(f"  {text}" for text in SHELLS.values())
    parser.epilog = f"Example: cubefocus completion bash\n\nonce, to be there in every new shell:\n{shells}"
    parser.add_argument("shell", choices=[*SHELLS])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the script."""
    import shtab

    from cubefocus.cli.main import COMMANDS, build_parser
    from cubefocus.cli.output import show

    parser = build_parser(*COMMANDS)
    for action in _all_actions(parser):
        if action.nargs != 0 and action.choices is None and action.type in (None, Path):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    show(shtab.complete(parser, options.shell))


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # argparse has no public list of them
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _all_actions(command)
