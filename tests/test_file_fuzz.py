"""Files that were damaged, cut off or made by something else: one line each, and nothing is left behind."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from bkgen_analysis.cli import register
from damage import damaged, mutated, write_root
from typer.testing import CliRunner

from bkgen import api, cli
from bkgen.card import card_from_dict
from bkgen.errors import InputError
from bkgen.generator import CHUNK, Sample

SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
CARD = "schema: 1\nmodel: {name: wet, C_SL: 1.0}\nchannel: B+ -> K+\n"
COMMANDS = typer.Typer(cls=cli.Commands)
COMMANDS.registered_commands += cli.app.registered_commands
register(COMMANDS)
LIMIT = 10.0  # s of CPU for each case


@dataclass(frozen=True)
class Victim:
    """A good file and a command that reads it.

    name: of the file; words: of the command, {file}, {card} and {folder} stand for paths; beside: other files.
    """

    name: str
    words: str
    beside: tuple[str, ...] = ()


VICTIMS = {
    "merge": Victim("1-2.root", "merge {folder}/whole.root {folder}/0-1.root {file}", ("0-1.root",)),
    "reweight": Victim("a.root", "reweight {file} {card} -o {folder}/b.root"),
    "fit": Victim("a.root", "fit {file}"),
    "fit parquet": Victim("a.parquet", "fit {file}"),
    "spectrum": Victim("a.root", "spectrum {file} -o {folder}/figure"),
    "report": Victim("a.root", "report {file} -o {folder}/a.html"),
    "plot scan": Victim("scan.json", "plot {file} -o {folder}/figure"),
    "plot relic": Victim("relic.json", "plot {file} -o {folder}/figure"),
    "resume journal": Victim("r.root.part.jsonl", "resume {folder}/r.root", ("r.root.part",)),
    "resume part": Victim("r.root.part", "resume {folder}/r.root", ("r.root.part.jsonl",)),
    "scan --resume": Victim(
        "s.json.part", "scan {card} --axis C_SL=0.5,1,2,3 --what rates -o {folder}/s.json --resume"
    ),
}


def card_to(path: Path, events: int) -> Any:
    output = {"path": str(path), "columns": "slim", "dtype": "float32"}
    return card_from_dict({**SM, "generate": {"events": events, "seed": 3}, "output": output})


def bkgen(words: str | list[str]) -> tuple[int, str, str]:
    """Exit code and the two outputs; an exception that the command does not catch fails the test."""
    result = CliRunner().invoke(COMMANDS, words.split() if isinstance(words, str) else words, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with good files of every kind, small where they can be."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "card.yaml").write_text(CARD)
    api.run(card_to(folder / "a.root", 200))
    api.run(card_to(folder / "a.parquet", 200))
    for k in (0, 1):
        api.run(card_to(folder / f"{k}-{k + 1}.root", CHUNK + 50), chunks=(k, k + 1))
    interrupt(folder / "r.root")
    scan = f"scan {folder}/card.yaml --axis C_SL=0.5,1,2,3 --what"
    assert bkgen(f"{scan} nll -o {folder}/scan.json")[0] == 0
    keep_part(folder, f"{scan} rates -o {folder}/s.json")
    card = Path(__file__).parent.parent / "cards" / "dark_photon.yaml"
    (folder / "relic.json").write_text(bkgen(f"relic {card} --json")[1])
    return folder


def interrupt(path: Path) -> None:
    """Leave a run of two chunks, the first of which is finished."""
    generate = Sample.chunk

    def chunk(self: Sample, k: int, buffer: Any = None) -> Any:
        if k == 1:
            raise KeyboardInterrupt
        return generate(self, k, buffer)

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Sample, "chunk", chunk)
        with pytest.raises(KeyboardInterrupt):
            api.run(card_to(path, CHUNK + 50), workers=1)


def keep_part(folder: Path, words: str) -> None:
    """Leave a scan whose rows are finished, but not its answer."""
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("bkgen_analysis.scan.write", lambda *_: None)
        assert bkgen(words)[0] == 0
    assert (folder / "s.json.part").exists()


def command(good: Path, folder: Path, victim: Victim, write: Callable[[Path], object]) -> str:
    """The command on a new folder with the file that `write` makes and those beside it."""
    folder.mkdir()
    for name in victim.beside:
        shutil.copy(good / name, folder / name)
    file = folder / victim.name
    write(file)
    return victim.words.format(file=file, folder=folder, card=good / "card.yaml")


def accepts_the_whole_file(good: Path, folder: Path, name: str) -> None:
    """Without damage the command works; what is compiled once is compiled then."""
    victim = VICTIMS[name]
    code, _, err = bkgen(command(good, folder / "whole", victim, partial(shutil.copy, good / victim.name)))
    assert code == 0, err


def refuses(good: Path, folder: Path, victim: Victim, write: Callable[[Path], object], what: str) -> bool:
    """Whether the command refuses the file that `write` makes: in lines, with nothing new in its folder."""
    words = command(good, folder, victim, write)
    before = sorted(folder.iterdir())
    start = time.process_time()
    try:
        code, _, err = bkgen(words)
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}; {folder}") from error
    assert time.process_time() - start < LIMIT, what
    assert code in (0, 1, 2), (what, code)
    assert "Traceback" not in err, what
    if code:
        assert err.strip(), what
        assert all(len(line) < 500 for line in err.splitlines()), (what, err)
        kept = {item for item in sorted(folder.iterdir()) if not item.name.endswith(".part.old")}
        assert kept <= set(before), (what, err)
    shutil.rmtree(folder)
    return code != 0


def bytes_of_all_kinds(good: Path, folder: Path, name: str, seeds: range) -> None:
    """Damage to the bytes of one file, once for each seed."""
    victim = VICTIMS[name]
    content = (good / victim.name).read_bytes()
    for seed in seeds:
        write = partial(_write_damaged, content, seed)
        refuses(good, folder / str(seed), victim, write, f"{name}, seed {seed}")


def values_of_all_kinds(good: Path, folder: Path, name: str, seeds: range) -> None:
    """Other values in the JSON of one file, which itself is in order."""
    victim = VICTIMS[name]
    source = good / victim.name
    if source.suffix == ".root":
        batch = api.open(source)
        values: Any = (batch.columns, batch.metadata)
    elif source.suffix == ".json":
        values = json.loads(source.read_text())
    else:
        values = [json.loads(line) for line in source.read_text().splitlines()]
    for seed in seeds:
        write = partial(_write_values, values, random.Random(seed))
        refuses(good, folder / str(seed), victim, write, f"{name}, seed {seed}")


def _write_damaged(content: bytes, seed: int, path: Path) -> None:
    path.write_bytes(damaged(content, random.Random(seed)))


def _write_values(values: Any, dice: random.Random, path: Path) -> None:
    """Write mutated values as the kind of file that they come from."""
    if isinstance(values, tuple):
        columns, metadata = values
        write_root(path, columns, mutated(metadata, dice))
    elif isinstance(values, list):
        path.write_text("".join(json.dumps(line) + "\n" for line in mutated(values, dice)))
    else:
        path.write_text(json.dumps(mutated(values, dice)))


@pytest.mark.parametrize(("name", "value"), [("mode", np.nan), ("mode", 99), ("q2", np.nan), ("weight", np.inf)])
def test_only_what_was_written_is_read(name: str, value: float, good: Path, tmp_path: Path) -> None:
    """A value in an event file that nothing but the digest of its chunk gives away."""
    batch = api.open(good / "a.root")
    words = f"reweight {tmp_path}/a.root {good}/card.yaml -o {tmp_path}/b.root"
    write_root(tmp_path / "a.root", batch.columns, batch.metadata)
    assert bkgen(words)[0] == 0
    (tmp_path / "b.root").unlink()
    changed = batch.columns[name].astype(np.result_type(batch.columns[name], type(value)))
    changed[17] = value
    write_root(tmp_path / "a.root", batch.columns | {name: changed}, batch.metadata)
    code, _, err = bkgen(words)
    text = "chunk 0 is damaged, its content does not have the digest in the metadata"
    assert (code, err) == (2, f"{tmp_path}/a.root: {text}\n")
    with pytest.raises(InputError, match=text):
        api.open(tmp_path / "a.root")
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]


STRUCTURED = tuple(name for name in VICTIMS if name not in ("fit parquet", "resume part"))
QUICK = tuple(name for name in VICTIMS if name not in ("spectrum", "report"))  # these draw what they accept


@pytest.mark.parametrize("name", QUICK)
def test_damaged_files(name: str, good: Path, tmp_path: Path) -> None:
    bytes_of_all_kinds(good, tmp_path, name, range(6))


@pytest.mark.parametrize("name", [name for name in QUICK if name in STRUCTURED])
def test_files_with_other_values(name: str, good: Path, tmp_path: Path) -> None:
    values_of_all_kinds(good, tmp_path, name, range(10))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", VICTIMS)
def test_many_damaged_files(name: str, good: Path, tmp_path: Path) -> None:
    accepts_the_whole_file(good, tmp_path, name)
    bytes_of_all_kinds(good, tmp_path, name, range(100, 200))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", STRUCTURED)
def test_many_files_with_other_values(name: str, good: Path, tmp_path: Path) -> None:
    accepts_the_whole_file(good, tmp_path, name)
    values_of_all_kinds(good, tmp_path, name, range(100, 200))
