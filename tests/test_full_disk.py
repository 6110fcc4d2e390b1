"""Disks without space or without permission to write, and Ctrl-C: one line, and nothing that is half written.

The disks are file systems in memory that only one child process sees; where that is not permitted, the limit to the
size of files in `test_kills.py` has to do.
"""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from bkgen_analysis import report, scan
from bkgen_analysis.cli import register
from typer.testing import CliRunner

from bkgen import api, cli
from bkgen.card import card_from_dict
from bkgen.generator import CHUNK
from bkgen.io.root import RootWriter

CARD = "schema: 1\nmodel: {name: wet, C_SL: 1.0}\nchannel: B+ -> K+\n"
SLIM = CARD + "output: {columns: slim, dtype: float32}\n"

# Runs commands one after the other in a process with a small disk, and tells how each ended and what it left there.
ON_A_DISK = """
import json, os, subprocess, sys
from pathlib import Path
from typer.testing import CliRunner
from bkgen import cli

def mount(*words):
    subprocess.run(["mount", *words, "disk"], check=True)

def fill():
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass

os.mkdir("disk")
mount("-t", "tmpfs", "-o", "size=3500k", "none")
filler, answers = Path("disk/filler"), []
disks = {
    "filled": fill,
    "emptied": filler.unlink,
    "larger": lambda: mount("-o", "remount,size=50m"),
    "read-only": lambda: mount("-o", "remount,ro"),
}
cli.add_plugins(cli.app)
for words in json.loads(sys.argv[1]):
    if words in disks:
        disks[words]()
        continue
    result = CliRunner().invoke(cli.app, words.split())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    answers.append((words, result.exit_code, result.stderr, sorted({*os.listdir("disk")} - {"filler"})))
print(json.dumps(answers))
"""


class Answer(NamedTuple):
    """How a command ended: its words, exit code, standard error and the files on the disk."""

    words: str
    code: int
    err: str
    files: list[str]


@functools.cache
def private_mounts() -> list[str]:
    """The command before another one that may mount file systems for itself; skips the test where there is none."""
    for words in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        try:
            tried = subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
        except FileNotFoundError:
            break
        if tried.returncode == 0:
            return words
    pytest.skip("a process may not mount file systems of its own here (unshare --mount)")


def on_a_disk(folder: Path, steps: Sequence[str]) -> list[Answer]:
    """Answers of commands in a folder with a `disk` of 3.5 MB, which steps of one word change between them."""
    words = [*private_mounts(), sys.executable, "-c", ON_A_DISK, json.dumps(steps)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "disk").rmdir()
    assert done.returncode == 0, done.stderr
    return [Answer(*answer) for answer in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cards, a sample of two chunks in two files, a scan."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "wet.yaml").write_text(SLIM)
    (folder / "kst.yaml").write_text(CARD.replace("B+ -> K+", "B0 -> K*0"))  # without likelihood, which takes long
    card = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+", "generate": {"events": 2 * CHUNK}}
    for name, chunks in (("whole", None), ("a", (0, 1)), ("b", (1, 2))):
        output = {"path": str(folder / f"{name}.root"), "columns": "slim", "dtype": "float32"}
        api.run(card_from_dict({**card, "output": output}), chunks=chunks)
    (folder / "scan.json").write_text(json.dumps({"axes": {"C_SL": [1.0, 2.0]}, "arrays": {"obs": [1.0, 2.0]}}))
    return folder


LARGE = ["run wet.yaml -n 4e5 -o disk/x.parquet", "merge disk/x.root a.root b.root"]
LARGE += ["reweight whole.root wet.yaml -o disk/x.root"]
SMALL = ["scan wet.yaml --axis C_SL=1,2 --what rates -o disk/x.json", "plot scan.json -o disk/x"]
SMALL += ["report kst.yaml -o disk/x.html", "export wet.yaml --to evtgen -o disk/x.txt"]


def test_one_line_names_file_and_reason(folder: Path) -> None:
    """Nothing stays on a disk that is full or read-only, not even what would be there for another attempt."""
    full, read_only = [*LARGE, "filled", *SMALL, "emptied"], ["read-only", *LARGE, *SMALL]
    answers = on_a_disk(folder, [*full, *read_only])
    reasons = ["No space left on device"] * 7 + ["Read-only file system"] * 7
    for answer, reason in zip(answers, reasons, strict=True):
        (line,) = [text for text in answer.err.splitlines() if not text.startswith("warning: ")]
        assert line.startswith("disk/x"), answer
        assert line.endswith(f": {reason}"), answer
        assert (answer.code, answer.files) == (1, []), answer


def test_a_run_goes_on_when_there_is_space_again(folder: Path) -> None:
    """Finished chunks stay on a full disk, and the file in the end is that of a run with enough space."""
    run = "run wet.yaml -n 262145 -o disk/{} --workers 1"
    steps = [run.format("x.root"), "larger", "resume disk/x.root", run.format("y.root")]
    first, resumed, whole = on_a_disk(folder, steps)
    assert (first.code, first.files) == (1, ["x.root.part", "x.root.part.jsonl"])
    assert first.err.splitlines()[-2:] == [
        "disk/x.root: No space left on device",
        "disk/x.root.part: 1 of 3 chunks are finished, go on with: bkgen resume disk/x.root",
    ]
    assert (resumed.code, resumed.files) == (0, ["x.root"])
    assert resumed.err.splitlines()[-1] == whole.err.splitlines()[-1]
    assert whole.err.splitlines()[-1].startswith("content sha256")


# --- Ctrl-C


def interrupted(function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The function, during whose call of that number Ctrl-C is pressed."""
    calls = 0

    @functools.wraps(function)
    def called(*arguments: Any, **keys: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after:
            signal.raise_signal(signal.SIGINT)
        return function(*arguments, **keys)

    return called


INTERRUPTS = {
    "merge": ("merge {}/x.root a.root b.root", RootWriter, "write", 2, [], []),
    "reweight": ("reweight whole.root wet.yaml -o {}/x.root --workers 1", RootWriter, "write", 2, [], []),
    "report": ("report kst.yaml -o {}/x.html", report, "svg_source", 1, [], []),
    "scan, first row": (
        "scan wet.yaml --axis C_SL=1,2,3 --what rates -o {}/x.json", scan.Scan, "row", 1, [], []
    ),
    "scan, third row": (
        "scan wet.yaml --axis C_SL=1,2,3 --what rates -o {}/x.json",
        scan.Scan,
        "row",
        3,
        ["{}/x.json.part: 2 of 3 rows are finished, go on with --resume"],
        ["x.json.part"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INTERRUPTS)
def test_interrupt_is_one_line(name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130, no traceback, and only what --resume needs is left."""
    words, owner, attribute, after, notes, left = INTERRUPTS[name]
    commands = typer.Typer(cls=cli.Commands)
    commands.registered_commands += cli.app.registered_commands
    register(commands)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(owner, attribute, interrupted(getattr(owner, attribute), after))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(commands, words.format(tmp_path).split(), catch_exceptions=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    lines = [text for text in result.stderr.splitlines() if not text.startswith("warning: ")]
    assert lines[-1 - len(notes) :] == ["interrupted", *(note.format(tmp_path) for note in notes)]
    assert [file.name for file in tmp_path.iterdir()] == left
