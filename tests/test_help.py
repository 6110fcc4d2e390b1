"""`--help` of every command has an example that the command accepts, and the shell completes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pages
import pytest
import typer
from typer.testing import CliRunner

APP = pages.all_commands()
COMMANDS: dict[str, Any] = vars(typer.main.get_command(APP))["commands"]
CHEAP = ("check", "rates", "relic", "cite", "models", "schema", "plot", "recast")
"""Commands whose examples are run; those of the others are only read."""


def examples(help_text: str) -> list[str]:
    """Commands after `Example:` or `Examples:` in a docstring."""
    _, _, text = re.sub(r"\s+", " ", help_text.replace("\b", "")).partition("Example")
    return re.split(r",? (?=bkgen )", text)[1:]


def arguments(line: str) -> list[str]:
    """Words of a command, without a redirection of its output."""
    words = shlex.split(line)
    return words[: words.index(">")] if ">" in words else words


def test_examples_are_found() -> None:
    text = "What it does.\n\nExamples: bkgen scan a.yaml --axis m=1,2,3,\nbkgen scan b.yaml\n\nbkgen scan c.yaml -o x"
    assert examples(text) == ["bkgen scan a.yaml --axis m=1,2,3", "bkgen scan b.yaml", "bkgen scan c.yaml -o x"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_the_command_accepts(name: str) -> None:
    command = COMMANDS[name]
    found = examples(command.help)
    assert found, f"bkgen {name} --help has no example"
    shown = CliRunner().invoke(APP, [name, "--help"])
    assert (shown.exit_code, "Example" in shown.stdout) == (0, True)
    assert set(found) <= {line.strip() for line in shown.stdout.splitlines()}, "to copy, an example is one line"
    for line in found:
        program, first, *words = arguments(line)
        assert (program, first) == ("bkgen", name)
        command.make_context(name, words)  # raises for unknown options, wrong types, missing arguments


def test_the_list_of_commands_is_not_cut() -> None:
    """On a terminal of 80 columns each command has its whole first sentence."""
    shown = CliRunner().invoke(APP, ["--help"], env={"COLUMNS": "80"}).stdout
    listed = dict(re.findall(r"^  (\w+) {2,}(\S.*)$", shown.partition("Commands:")[2], re.MULTILINE))
    firsts = {name: re.split(r"\.\s", f"{command.help} ")[0] for name, command in COMMANDS.items()}
    assert listed == {name: f"{first}." for name, first in firsts.items()}


@pytest.mark.parametrize("name", CHEAP)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cards").symlink_to(pages.ROOT / "cards")
    monkeypatch.chdir(tmp_path)
    for line in examples(COMMANDS[name].help):
        words = [str(path) for word in arguments(line) for path in sorted(Path().glob(word)) or [word]]
        if not any(word.endswith((".json", ".root")) for word in words):  # the result of another command
            pages.bkgen(APP, shlex.join(words))


def completed(words: str) -> list[str]:
    """What bash would offer for the last word."""
    environment = {
        **os.environ,
        "_BKGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    command = [sys.executable, "-m", "bkgen"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.split()


def test_the_shell_completes() -> None:
    """The script of `--show-completion` for bash, and what it asks for: commands and options."""
    shown = subprocess.run(
        [sys.executable, "-m", "bkgen", "--show-completion", "bash"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert "complete -o default -F _bkgen_completion bkgen" in shown.stdout
    assert completed("bkgen sens") == ["sensitivity"]
    assert completed("bkgen rates --so") == ["--solve"]
