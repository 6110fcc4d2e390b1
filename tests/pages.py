"""The examples of a page of the documentation, run in this process: commands and Python, with what they print.

Blocks `console` show commands after `$` and lines of their output; blocks `python` run one after the other as one
program; `bash` are commands without output.  A line `...` stands for any number of lines.  Other blocks are not run.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from bkgen_analysis.style import plain_style
from typer.testing import CliRunner

from bkgen import cli

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(bash|python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FREE = re.compile(r"^(.*: [\d,]+ events in )[\d.]+ s \([\d,]+ per second\)$|^(content sha256 )\w+$")
"""Lines that end with a time or, where processors may differ in the last digit, a digest."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the blocks of a page that run."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def all_commands() -> typer.Typer:
    """`bkgen` with the commands of the analysis, without changing the application of other tests."""
    app = typer.Typer(cls=cli.Commands, rich_markup_mode=None)
    app.registered_commands += cli.app.registered_commands
    cli.add_plugins(app)
    return app


def run(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, leave_out: str = "") -> None:
    """Run the blocks of a page in their order in a folder, and compare what the console shows.

    leave_out: a language whose blocks are not run.
    """
    monkeypatch.chdir(folder)
    app = all_commands()
    names = {"__name__": "__main__"}
    for language, text in blocks(page):
        if language == leave_out:
            continue
        if language == "python":
            # a fresh style: EOS switches TeX on when other tests import it
            with plain_style(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other packages
                exec(compile(text, f"{page.name}: {text[:40]}", "exec"), names)
            continue
        for command, shown in commands(text, console=language == "console"):
            compare(command, shown, bkgen(app, command))


def commands(text: str, console: bool) -> Iterator[tuple[str, list[str]]]:
    """Commands of a block with the lines shown after each, without comments."""
    if not console:
        yield from ((line, []) for line in text.splitlines() if line and not line.startswith("#"))
        return
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def bkgen(app: typer.Typer, line: str) -> str:
    """What a command prints on both streams; `> FILE` writes standard output there."""
    program, *words = shlex.split(line, comments=True)
    assert program == "bkgen", line
    target = None
    if ">" in words:
        *words, _, target = words
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, f"{line}\n{result.output}"
    if target is not None:
        Path(target).write_text(result.stdout, encoding="utf-8")
        return result.stderr
    return result.output


def compare(command: str, shown: list[str], printed: str) -> None:
    """Every line that is shown is printed, in this order, without others between them except at `...`."""
    lines = iter(printed.splitlines())
    skip = not shown
    for expected in shown:
        if expected.startswith("..."):
            skip = True
            continue
        for line in lines:
            if same(expected, line):
                break
            assert skip, f"$ {command}\nshown:   {expected}\nprinted: {line}"
        else:
            raise AssertionError(f"$ {command}\nshown, not printed: {expected}\n{printed}")
        skip = False
    if not skip:
        assert list(lines) == [], command


def same(expected: str, line: str) -> bool:
    """Whether two lines agree, numbers to four digits; times and digests are free."""
    free = _FREE.match(expected), _FREE.match(line)
    if free[0] and free[1]:
        return free[0].groups() == free[1].groups()
    first, second = expected.split(), line.split()
    return len(first) == len(second) and all(map(_same_word, first, second))


def _same_word(expected: str, word: str) -> bool:
    try:
        return expected == word or math.isclose(float(expected.strip("[,]")), float(word.strip("[,]")), rel_tol=2e-4)
    except ValueError:
        return False
