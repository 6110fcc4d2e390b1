"""Runs that are killed: what is left of them, and that going on gives what an uninterrupted run gives."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import uproot

from bkgen import api
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError, RunError
from bkgen.generator import CHUNK, Sample
from bkgen.io.part import journal_of, part_of

CHUNKS = 30
SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}


def card_to(path: Path, chunks: int = CHUNKS, seed: int = 3) -> Card:
    output = {"path": str(path), "columns": "slim", "dtype": "float32"}
    return card_from_dict({**SM, "generate": {"events": chunks * CHUNK - 5, "seed": seed}, "output": output})


RUN = """
import json, signal, sys, bkgen
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in children of a background job
bkgen.run(bkgen.load_card(json.loads(sys.argv[1])), workers=1, resume=True)
"""


def start(card: Card) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, json.dumps(card.resolved())], stderr=subprocess.DEVNULL)


def finished(path: Path) -> int:
    """Number of chunks in the journal."""
    journal = journal_of(path)
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the uninterrupted run."""
    path = tmp_path_factory.mktemp("whole") / "a.root"
    return api.run(card_to(path), workers=2).content_sha256


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with what a killed run of `a.root` has left."""
    folder = tmp_path_factory.mktemp("killed")
    with start(card_to(folder / "a.root")) as process:
        wait_for(folder / "a.root", 4, process)
        process.kill()
    return folder


def wait_for(path: Path, chunks: int, process: subprocess.Popen[bytes]) -> None:
    """Until that many chunks are finished, or the run is."""
    deadline = time.monotonic() + 60.0
    while finished(path) < chunks and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_killed_again_and_again(tmp_path: Path, whole: str) -> None:
    """SIGKILL and SIGINT at random moments, in the first run and in those that go on: nothing is lost but time."""
    path = tmp_path / "a.root"
    dice = random.Random(5)
    for end, wanted in ((signal.SIGKILL, 3), (signal.SIGKILL, 9), (signal.SIGINT, 15)):
        with start(card_to(path)) as process:
            wait_for(path, wanted, process)
            time.sleep(dice.uniform(0.0, 0.05))
            process.send_signal(end)
        assert not path.exists()
        assert wanted <= finished(path) < CHUNKS
    result = api.resume(path, workers=2)
    assert result.content_sha256 == whole == api.open(path).metadata["content_sha256"]
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]


def copy_of(killed: Path, folder: Path) -> Path:
    """The interrupted run in a folder of its own; returns the path of its output."""
    shutil.copytree(killed, folder, dirs_exist_ok=True)
    return folder / "a.root"


def test_finished_chunks_are_not_made_again(
    killed: Path, whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_of(killed, tmp_path)
    done, made = finished(path), []
    generate = Sample.chunk

    def chunk(self: Sample, k: int, buffer: Any = None) -> Any:
        made.append(k)
        return generate(self, k, buffer)

    monkeypatch.setattr(Sample, "chunk", chunk)
    assert api.run(card_to(path), workers=1, resume=True).content_sha256 == whole
    assert made == list(range(done, CHUNKS))


@pytest.mark.parametrize("damage", ["part", "no part", "last line", "value"])
def test_damaged_chunks_are_made_again(damage: str, killed: Path, whole: str, tmp_path: Path) -> None:
    """The part is not trusted: whatever has another digest than the journal says is made again."""
    path = copy_of(killed, tmp_path)
    part, journal = part_of(path), journal_of(path)
    if damage == "part":
        part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    elif damage == "no part":
        part.unlink()
    elif damage == "last line":
        journal.write_bytes(journal.read_bytes()[:-20])
    else:
        with uproot.open(part) as file:
            place = int(file["events"]["q2"].member("fBasketSeek")[1]) + 200_000
        content = bytearray(part.read_bytes())
        content[place] ^= 1
        part.write_bytes(content)
    assert api.resume(path, workers=2).content_sha256 == whole


def test_parts_of_other_runs_are_refused(killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another card, other chunks, other tables, another version: one line, and the part stays."""
    path = copy_of(killed, tmp_path)
    for card, chunks, problem in (
        (card_to(path, seed=4), None, "belongs to another card;"),
        (card_to(path), (0, 3), "belongs to other chunks;"),
    ):
        with pytest.raises(InputError, match=problem) as caught:
            api.run(card, resume=True, chunks=chunks)
        assert "\n" not in str(caught.value)
    with monkeypatch.context() as other:
        other.setattr("bkgen.io.part.__version__", "9")
        other.setattr("bkgen.io.part.data_sha256", lambda: "abc")
        with pytest.raises(InputError, match="belongs to another version of bkgen, other data tables; start again"):
            api.resume(path)
    assert part_of(path).exists()
    with pytest.raises(InputError, match="there is no interrupted run"):
        api.resume(tmp_path / "b.root")
    journal_of(path).write_text('{"a": 1}\n')
    with pytest.raises(InputError, match="not the journal of a run"):
        api.resume(path)


def test_another_result_of_the_same_chunk_is_an_error(killed: Path, tmp_path: Path) -> None:
    """Where the machine that goes on computes other numbers the file would be of two samples."""
    path = copy_of(killed, tmp_path)
    part_of(path).unlink()
    lines = journal_of(path).read_text().splitlines()
    line = json.loads(lines[2])
    lines[2] = json.dumps({**line, "sha256": line["sha256"][::-1]})
    journal_of(path).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="chunk 1 comes out different"):
        api.resume(path)


def test_pieces_can_be_resumed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted run of some chunks remembers which; force starts again."""
    path = tmp_path / "a.root"
    generate = Sample.chunk

    def chunk(self: Sample, k: int, buffer: Any = None) -> Any:
        if k == 3:
            raise KeyboardInterrupt
        return generate(self, k, buffer)

    with monkeypatch.context() as broken:
        broken.setattr(Sample, "chunk", chunk)
        with pytest.raises(KeyboardInterrupt):
            api.run(card_to(path, chunks=5), chunks=(1, 4))
    api.resume(path)
    assert api.open(path).metadata["chunk_range"] == [1, 4]
    assert len(api.open(path)) == 3 * CHUNK
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]
    with monkeypatch.context() as broken:
        broken.setattr(Sample, "chunk", chunk)
        with pytest.raises(KeyboardInterrupt):
            api.run(card_to(path, chunks=5), force=True, chunks=(2, 5))
    api.run(card_to(path, chunks=1), force=True)
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]
