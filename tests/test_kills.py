"""Commands that are killed or interrupted at random times, as processes: no half a file, and the same result after."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest
from processes import bkgen

from bkgen import api
from bkgen.card import card_from_dict
from bkgen.generator import CHUNK

CARD = "schema: 1\nmodel: {name: wet, C_SL: 1.0}\nchannel: B+ -> K+\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample of 16 chunks, whole and in two pieces."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "wet.yaml").write_text(CARD)
    for name, chunks in (("whole", None), ("0-8", (0, 8)), ("8-16", (8, 16))):
        output = {"path": str(folder / f"{name}.root"), "columns": "slim", "dtype": "float32"}
        sm = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
        api.run(card_from_dict({**sm, "generate": {"events": 16 * CHUNK}, "output": output}), chunks=chunks)
    return folder


def start_and_stop(folder: Path, words: str, dice: random.Random) -> int:
    """Exit code of a command that gets a signal after up to 2.5 s."""
    process = subprocess.Popen(bkgen(words.split()), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(dice.uniform(0.3, 2.5))
    except subprocess.TimeoutExpired:
        process.send_signal(dice.choice([signal.SIGINT, signal.SIGKILL]))
    return process.wait()


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("merge {name} 0-8.root 8-16.root --force", "merged.root"),
        ("reweight whole.root wet.yaml -o {name} --force", "wet.root"),
    ],
)
def test_files_are_whole_or_not_there(words: str, name: str, folder: Path) -> None:
    """Twenty times: what has the name of the output is complete, even if the signal came after it."""
    dice = random.Random(20)
    whole = subprocess.run(bkgen(words.format(name="once.root").split()), cwd=folder, capture_output=True)
    assert whole.returncode == 0
    for _ in range(20):
        code = start_and_stop(folder, words.format(name=name), dice)
        assert code in (0, 130, -signal.SIGKILL, -signal.SIGINT)
        assert code != 0 or (folder / name).exists()
        if (folder / name).exists():
            contents = [api.open(folder / file).metadata["content_sha256"] for file in (name, "once.root")]
            assert contents[0] == contents[1]
            (folder / name).unlink()
    (folder / "once.root").unlink()


@pytest.mark.fuzz
def test_scans_go_on(folder: Path) -> None:
    """Stopped again and again a scan ends with the numbers of one that was not."""
    dice = random.Random(21)
    words = "scan wet.yaml --axis C_SL=0.1:3:400 --what rates -o {name} --resume"
    for _ in range(20):
        if not (folder / "scan.json").exists():
            start_and_stop(folder, words.format(name="scan.json"), dice)
    for name in ("scan.json", "once.json"):
        if not (folder / name).exists():
            subprocess.run(bkgen(words.format(name=name).split()), cwd=folder, check=True, capture_output=True)
    assert (folder / "scan.json").read_text() == (folder / "once.json").read_text()
    assert not (folder / "scan.json.part").exists()


@pytest.mark.parametrize(
    "words",
    [
        "run wet.yaml -n 1e6 -o full.root",
        "run wet.yaml -n 1e6 -o full.parquet",
        "merge full.root 0-8.root 8-16.root",
        "reweight whole.root wet.yaml -o full.root",
    ],
)
def test_no_space_is_one_line(words: str, folder: Path) -> None:
    """No file may be larger than 2 MB: the command says so, and nothing has the name of the output."""
    done = subprocess.run(bkgen(words.split(), RLIMIT_FSIZE=2_000_000), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("full*"))
