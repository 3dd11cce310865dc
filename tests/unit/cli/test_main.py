"""The command line and the public face of the package import nothing before it is used."""

import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import cubefocus
from cubefocus.cli.main import COMMANDS, HOME, build_parser, main

ROOT = Path(__file__).parents[3]

HEAVY = {"numpy", "astropy", "torch", "scipy", "yaml", "h5py", "matplotlib"}


def imported(code: str) -> set[str]:
    """Packages that a fresh interpreter has imported after some code."""
    program = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["completion", "--help"],
        ["detect", "--help"],
        ["models", "--help"],
        ["models", "check", "--help"],
        [],
    ],
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
    assert all(f"{name} {command.does} {command.example}" in text for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_example_is_a_command_line_that_is_understood(name):
    words = shlex.split(COMMANDS[name].example.removeprefix('eval "$(').removesuffix(')"'))
    assert words[:2] == ["cubefocus", name]
    assert build_parser(name).parse_args(words[1:]).command == name


def test_home_is_that_of_the_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Homepage"] == HOME
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] == HOME


COMPLETE = {  # what each shell offers after a line, asked without a terminal
    "bash": """source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="${{COMP_WORDS[*]}}"
complete -p cubefocus > {folder}/how; read -ra how < {folder}/how
for ((i = 0; i < ${{#how[@]}}; i++)); do [ "${{how[i]}}" = -F ] && "${{how[i + 1]}}" cubefocus "" ""; done
printf '%s\n' "${{COMPREPLY[@]}}" """,
    "fish": """source {script}; complete --do-complete '{line}' """,
    "zsh": """fpath=({folder} $fpath); cp {script} {folder}/_cubefocus; autoload -U compinit; compinit -u -D
print -r -- $_comps[cubefocus]""",
}


def offered(shell, folder, line):
    """Words that a shell offers at the end of a line."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / "script"
    if not script.exists():
        script.write_text(run_completion(shell))
    words = " ".join(f"'{word}'" for word in line.split(" "))
    program = COMPLETE[shell].format(script=script, folder=folder, line=line, words=words)
    done = subprocess.run(
        [shell, "-c", program], capture_output=True, text=True, cwd=folder, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return {text.split()[0] for text in done.stdout.splitlines() if text.strip()}


def run_completion(shell):
    command = [sys.executable, "-m", "cubefocus.cli.main", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_completes_commands_options_and_files(shell, tmp_path):
    (tmp_path / "cube.fits").touch()
    assert set(COMMANDS) <= offered(shell, tmp_path, "cubefocus ")
    assert offered(shell, tmp_path, "cubefocus det") == {"detect"}
    assert {"--psf", "--purity"} <= offered(shell, tmp_path, "cubefocus detect --p")
    assert {"info", "check", "list"} <= offered(shell, tmp_path, "cubefocus models ")
    assert "cube.fits" in offered(shell, tmp_path, "cubefocus detect --psf cu")
    assert {"casa", "fft"} <= offered(shell, tmp_path, "cubefocus simulate --engine ")


def test_zsh_takes_the_completion(tmp_path):
    assert any("cubefocus" in word for word in offered("zsh", tmp_path, "cubefocus "))


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
