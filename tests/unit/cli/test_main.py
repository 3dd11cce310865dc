"""The command line and the public face of the package import nothing before it is used."""

import shlex
import subprocess
import sys

import pytest

import cubefocus
from cubefocus.cli.main import COMMANDS, build_parser, main

HEAVY = {"numpy", "astropy", "torch", "scipy", "yaml", "h5py", "matplotlib"}


def imported(code: str) -> set[str]:
    """Packages that a fresh interpreter has imported after some code."""
    program = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["detect", "--help"], ["models", "--help"], ["models", "check", "--help"], []],
)
def test_help_imports_nothing_that_takes_long(arguments):
    code = f"from cubefocus.cli.main import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    found = imported(code)
    assert "argparse" in found
    assert found & HEAVY == set()


def test_package_imports_nothing_before_it_is_used():
    assert imported("import cubefocus; dir(cubefocus); cubefocus.__version__") & HEAVY == set()
    found = imported("from cubefocus import Cube, Observation")
    assert "astropy" in found
    assert "torch" not in found


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example_that_the_command_takes(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = " ".join(capsys.readouterr().out.partition("Example: ")[2].partition("\n\n")[0].split())
    program, *arguments = shlex.split(told)
    assert program == "cubefocus"
    options = build_parser(command).parse_args(arguments)
    assert options.command == command
    assert callable(options.run)


def test_every_public_name_is_there_and_says_what_it_is():
    for name in cubefocus.__all__:
        assert getattr(cubefocus, name)
        assert name in dir(cubefocus)
        assert name == "__version__" or getattr(cubefocus, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        _ = cubefocus.detekt


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help(name, capsys):
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: cubefocus {name}")
    assert len(text.splitlines()) > 5


def test_all_commands_are_listed_with_what_they_do(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} {does}" in text for name, does in COMMANDS.items())


def test_unknown_command_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["detekt", "x.fits"])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert all(name in message for name in COMMANDS)


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "cubefocus.cli.main", "models", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()  # as head does
        said = process.stderr.read()
    assert (process.returncode, said) == (0, "")
