"""The command `bkgen`: what it prints where, exit codes, and how fast it answers."""

from __future__ import annotations

import errno
import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import bkgen
from bkgen import api, cli
from bkgen.errors import MissingExtra, RunError
from bkgen.results import Quantity

CARDS = Path(__file__).parent.parent / "cards"
GOOD = "schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n"
FORMATS = "root | rntuple | hepmc3 | lhe | parquet | null"
BAD_CARDS = {
    "unknown key": GOOD + "luminosty: 3\n",
    "out of range": GOOD + "luminosity: -1\n",
    "above threshold": "schema: 1\nmodel: {name: alp, m_a: 4.8, f_a: 1e8}\nchannel: B+ -> K+\n",
    "duplicate key": GOOD + "channel: B0 -> K0\n",
    "1.5 events": GOOD + "generate: {events: 1.5}\n",
    "no model": "schema: 1\nchannel: B+ -> K+\n",
    "misspelt model": GOOD.replace("sm", "smm"),
    "unknown channel": GOOD.replace("K+", "K0"),
    "non-finite": GOOD + "luminosity: .inf\n",
    "wrong type": GOOD + "luminosity: many\n",
    "empty": "",
    "binary": "\x00\x01",
    "several": GOOD + "frame: x\nluminosity: 0\nbeam: y\n",
}


@dataclass
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str


def bkgen_command(*words: object) -> Answer:
    result = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the event generation; returns the calls."""
    calls: list[dict[str, Any]] = []

    def run(card: Any, **options: Any) -> api.RunResult:
        calls.append({"card": card, **options})
        quantities = [Quantity("BR(B+ -> K+ inv)", 5e-6)]
        return api.RunResult(Path(card.output.path), card.generate.events, 2.0, "abc", quantities, ["beware"])

    monkeypatch.setattr(api, "run", run)
    return calls


# --- commands


def test_run_prints_numbers_to_stdout_and_the_rest_to_stderr(card: Path, fake_run: list[dict[str, Any]]) -> None:
    answer = bkgen_command("run", card)
    assert answer.code == 0
    assert answer.out.splitlines() == ["quantity          value  unit", "BR(B+ -> K+ inv)  5e-06  1"]
    assert answer.err.splitlines() == [
        "warning: beware",
        "outputs/card.root: 100,000 events in 2.00 s (50,000 per second)",
        "content sha256 abc",
    ]
    assert fake_run[0]["workers"] is None
    assert fake_run[0]["force"] is False


def test_run_options(card: Path, fake_run: list[dict[str, Any]]) -> None:
    options = ("-n", "1e6", "--seed", "7", "--workers", "2", "-o", "x.root", "--format", "root", "--force")
    assert bkgen_command("run", card, *options).code == 0
    call = fake_run[0]
    assert (call["card"].generate.events, call["card"].generate.seed) == (10**6, 7)
    assert (call["card"].output.path, call["workers"], call["force"]) == ("x.root", 2, True)
    assert bkgen_command("run", card, "--format", "null").code == 0
    assert fake_run[1]["card"].output.format == "null"


def test_bad_options_of_run_give_every_problem(card: Path, fake_run: list[dict[str, Any]]) -> None:
    answer = bkgen_command("run", card, "-n", "1.5", "--seed", "x", "--format", "rot")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.splitlines() == [
        "command line: generate.events = 1.5: must be a whole number >= 1 and <= 1e+12",
        "command line: generate.seed = x: must be a whole number >= 0 and <= 9.22337203685e+18",
        f"command line: output.format = rot: must be {FORMATS} (did you mean root?)",
    ]
    assert not fake_run


def test_run_writes_the_file_and_refuses_to_replace_it(card: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.root"
    words = ("run", card, "-n", 1000, "--workers", 1, "-o", output)
    assert bkgen_command(*words).code == 0
    before = output.read_bytes()
    answer = bkgen_command(*words)
    assert answer.code == 2
    assert "--force" in answer.err
    assert output.read_bytes() == before
    assert bkgen_command(*words, "--force").code == 0


def test_check(card: Path) -> None:
    answer = bkgen_command("check", card, CARDS / "alp.yaml")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        f"{card}: OK, sm, B+ -> K+, 100,000 events",
        f"{CARDS / 'alp.yaml'}: OK, alp, B+ -> K+, 100,000 events",
    ]


def test_check_shows_the_problems_of_all_cards(card: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(BAD_CARDS["several"])
    answer = bkgen_command("check", bad, tmp_path / "none.yaml", card)
    assert answer.code == 2
    assert answer.out == f"{card}: OK, sm, B+ -> K+, 100,000 events\n"
    assert [line.split(": ")[0] for line in answer.err.splitlines()] == [
        f"{bad}:4", f"{bad}:5", f"{bad}:6", f"{tmp_path / 'none.yaml'}"
    ]  # fmt: skip


def test_check_shows_warnings(tmp_path: Path) -> None:
    path = tmp_path / "light.yaml"
    path.write_text("schema: 1\nmodel: {name: alp, m_a: 1.0, f_a: 1e8}\nchannel: B+ -> K+\n")
    answer = bkgen_command("check", path)
    assert answer.code == 0
    assert answer.err.startswith(f"{path}: warning: m_a = 1.0 GeV")


def test_rates_table_and_json(card: Path) -> None:
    table = bkgen_command("rates", card)
    assert table.code == 0
    assert table.out.startswith("quantity")
    result = json.loads(bkgen_command("rates", card, "--json").out)
    assert result["command"] == "rates"
    assert result["bkgen"] == bkgen.__version__
    assert result["card"]["model"]["name"] == "sm"
    assert len(result["inputs_sha256"]) == 64
    assert all(set(q) == {"value", "unit", "uncertainty", "source"} for q in result["quantities"].values())
    assert any(name.startswith("BR(B+ -> K+") for name in result["quantities"])


def test_models() -> None:
    rows = bkgen_command("models").out.splitlines()
    assert {"sm", "dark_higgs", "alp"} <= {row.split()[0] for row in rows}
    table = bkgen_command("models", "dark_higgs").out
    for words in ("m_H1 GeV required > 0 dark Higgs mass", "Zp.m_Zp GeV required > 0 mass"):
        assert words in " ".join(table.split())
    inputs = bkgen_command("models", "inputs").out
    assert "m_Bp" in inputs
    assert "hpqcd2022" in inputs
    unknown = bkgen_command("models", "dark_higs")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("unknown model dark_higs (did you mean dark_higgs?)")


def test_schema() -> None:
    assert json.loads(bkgen_command("schema").out)["title"] == "bkgen run card"


# --- errors


@pytest.mark.parametrize("command", ["run", "check", "rates"])
@pytest.mark.parametrize("kind", list(BAD_CARDS))
def test_bad_cards_end_with_code_2_and_write_nothing(
    kind: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(BAD_CARDS[kind])
    answer = bkgen_command(command, "bad.yaml")
    assert answer.code == 2
    assert answer.out == ""
    assert all(line.startswith("bad.yaml:") for line in answer.err.splitlines())
    assert len(answer.err.splitlines()) == (3 if kind == "several" else 1)
    assert list(tmp_path.iterdir()) == [tmp_path / "bad.yaml"]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (RunError("the width is 0"), 1, "the width is 0"),
        (OSError(errno.ENOSPC, "No space left on device", "x.root"), 1, "x.root: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "x.root"), 1, "x.root: Permission denied"),
        (MissingExtra("formats", "pyhepmc"), 2, "this needs pyhepmc: pip install 'bkgen[formats]'"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_exit_codes(error: BaseException, code: int, text: str, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(api, "run", run)
    assert bkgen_command("run", card) == Answer(code, "", text + "\n")


def test_errors_of_the_program_itself_are_not_hidden(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "run", run)
    with pytest.raises(ZeroDivisionError):
        bkgen_command("run", card)


@pytest.mark.parametrize("words", [["nonsense"], ["run"], ["run", "--nonsense"], ["check"], []])
def test_usage_errors(words: list[str]) -> None:
    assert bkgen_command(*words).code == 2


# --- plug-ins


@dataclass
class Entry:
    """An entry point that loads what it is given."""

    name: str
    value: str
    loads: Any

    def load(self) -> Any:
        """The function, or the error of its import."""
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads


def test_plugins_add_commands_and_broken_ones_are_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def register(app: typer.Typer) -> None:
        @app.command()
        def hello() -> None:
            print("hello")

        @app.command()
        def fail() -> None:
            raise RunError("no fit")

    entries = [Entry("broken", "broken.cli", ImportError("no module")), Entry("good", "good.cli", register)]
    monkeypatch.setattr(cli, "entry_points", lambda group: entries)
    app = typer.Typer(cls=cli.Commands)
    cli.add_plugins(app)
    assert capsys.readouterr().err == "warning: commands of broken.cli skipped: no module\n"
    assert CliRunner().invoke(app, ["hello"]).stdout == "hello\n"
    failed = CliRunner().invoke(app, ["fail"])
    assert (failed.exit_code, failed.stderr) == (1, "no fit\n")


# --- the installed command


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)


def test_module_and_version() -> None:
    result = python("-m", "bkgen", "--version")
    assert (result.returncode, result.stdout) == (0, f"bkgen {bkgen.__version__}\n")
    assert "bkgen run cards/dark_higgs.yaml" in python("-m", "bkgen", "--help").stdout


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"numba", "scipy", "numpy", "uproot", "awkward", "pydantic", "ruamel", "rich.markdown"}
    script = f"import sys, bkgen.cli; print(*sorted({heavy} & set(sys.modules)))"
    assert python("-c", script).stdout.strip() == ""


def test_help_takes_less_than_a_third_of_a_second_of_cpu() -> None:
    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = []
    for _ in range(3):
        before = seconds()
        assert python("-m", "bkgen", "--help").returncode == 0
        times.append(seconds() - before)
    assert min(times) < 0.3


OBEY_INTERRUPTS = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in children of a background job
runpy.run_module("bkgen", run_name="__main__", alter_sys=True)
"""


def test_interrupt_ends_with_code_130_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(GOOD)
    output = tmp_path / "x.root"
    words = [sys.executable, "-c", OBEY_INTERRUPTS, "run", "card.yaml", "-n", "1e10", "-o", str(output)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=tmp_path, stderr=pipe, stdout=pipe, text=True) as job:
        deadline = time.monotonic() + 50.0
        while not list(tmp_path.glob("x.root*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        job.send_signal(signal.SIGINT)
        try:
            _, err = job.communicate(timeout=50)
        finally:
            job.kill()
    assert job.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not output.exists()
