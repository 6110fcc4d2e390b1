"""The public interface: cards, rates, events in memory, and runs that leave a whole file or nothing."""

from __future__ import annotations

import importlib
import math
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import bkgen
from bkgen import api, generator
from bkgen.card import Card
from bkgen.errors import InputError, RunError
from bkgen.generator import CHUNK, EventBatch, Sample
from bkgen.io.root import RootWriter
from bkgen.quantities import branching_fractions

SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
ALP: dict[str, Any] = {
    **SM,
    "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_G_UV": 8.0, "C_chi": 5.0, "m_chi": 0.5},
}
KSTAR: dict[str, Any] = {**SM, "model": {"name": "kst_toy"}, "channel": "B0 -> K*0"}


def card_of(data: dict[str, Any], events: int = 200, **settings: Any) -> Card:
    return api.load_card({**data, "generate": {"events": events, "seed": 7}, **settings})


def card_to(path: Path, events: int = 200, **settings: Any) -> Card:
    return card_of(SM, events, output={"path": str(path), **settings})


# --- names


def test_public_names_are_never_hidden() -> None:
    """Importing a module of the package must not hide the public function of the same name."""
    for info in pkgutil.iter_modules(bkgen.__path__):
        if info.name != "__main__":
            importlib.import_module(f"bkgen.{info.name}")
    for name in set(bkgen.__all__) - {"__version__"}:
        assert getattr(bkgen, name) is getattr(api, name), name


def test_rates_can_be_called_again() -> None:
    card = card_of(SM)
    assert bkgen.rates(card) == bkgen.rates(card)


def test_unknown_name() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(bkgen, name)


# --- cards


def test_load_card_from_path_and_mapping(tmp_path: Path) -> None:
    """A file and the same values in memory are the same card, up to the default name of the output."""
    path = tmp_path / "point.yaml"
    path.write_text("schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n", encoding="utf-8")
    card = api.load_card(path)
    assert api.load_card(str(path)) == card
    assert card.output.path == "outputs/point.root"
    assert api.load_card({**SM, "output": {"path": "outputs/point.root"}}) == card


def test_load_card_reports_every_problem() -> None:
    with pytest.raises(InputError) as caught:
        api.load_card({**SM, "channel": "B+ -> pi+", "luminosity": -1.0, "speed": 9})
    assert len(caught.value.problems) == 3


# --- events in memory


def test_generate_one_chunk() -> None:
    events = api.generate(card_of(ALP, 1000)).awkward()
    assert len(events) == 1000
    assert set(events.fields) >= {"B", "K", "X", "d1", "d2", "q2", "weight", "mode", "accepted", "X_decay_t"}
    assert "K_px" not in events.fields


def test_four_momenta_are_vectors() -> None:
    """Momentum4D records: masses, sums and boosts follow from the vector package."""
    events = api.generate(card_of(ALP, 1000)).awkward()
    assert ak.to_numpy(events.K.mass) == pytest.approx(np.full(1000, 0.493677), abs=1e-6)
    assert ak.to_numpy(events.B.mass) == pytest.approx(np.full(1000, 5.27941), abs=1e-6)
    assert ak.to_numpy(events.X.mass) == pytest.approx(np.full(1000, 2.0), abs=1e-6)
    assert ak.to_numpy((events.B - events.K).mass2) == pytest.approx(ak.to_numpy(events.q2), abs=1e-6)
    paired = events[events.mode == 0]
    assert ak.to_numpy((paired.d1 + paired.d2).mass) == pytest.approx(np.full(len(paired), 2.0), abs=1e-6)


def test_forms_of_the_same_events() -> None:
    """numpy, pandas and awkward hold the same numbers in the same order."""
    stream = api.generate(card_of(KSTAR, 100), workers=1)
    columns, frame, records = stream.numpy(), stream.pandas(), stream.awkward()
    assert list(frame.columns) == list(columns)
    assert all(np.array_equal(frame[name], values) for name, values in columns.items())
    assert np.array_equal(ak.to_numpy(records.Kst_K.px), columns["Kst_K_px"])
    assert np.array_equal(ak.to_numpy(records.azimuth), columns["azimuth"])
    assert len(stream) == len(frame) == 100


def test_generate_several_chunks() -> None:
    """Chunks come in order; the last one holds the rest; the first one is the smaller sample."""
    stream = api.generate(card_of(SM, CHUNK + 10), workers=2)
    batches = list(stream)
    assert [batch.chunk for batch in batches] == [0, 1]
    assert [len(batch) for batch in batches] == [CHUNK, 10]
    small = api.generate(card_of(SM, 10)).numpy()
    for name in set(small) - {"weight"}:
        assert np.array_equal(batches[0].columns[name][:10], small[name]), name
    assert small["weight"][0] == pytest.approx(batches[0].columns["weight"][0] * (CHUNK + 10) / 10, rel=1e-14)


@pytest.mark.parametrize("form", ["awkward", "numpy", "pandas"])
def test_many_chunks_must_be_iterated(form: str) -> None:
    stream = api.generate(card_of(SM, CHUNK + 1))
    with pytest.raises(InputError, match="131073 events are 2 chunks: iterate over them"):
        getattr(stream, form)()


@pytest.mark.parametrize("workers", [0, -1])
def test_impossible_workers(workers: int) -> None:
    with pytest.raises(InputError, match=r"workers = .*: must be at least 1"):
        api.generate(card_of(SM), workers=workers)


def test_point_without_events() -> None:
    """A rate of zero cannot be generated and says so."""
    card = api.load_card({**SM, "model": {"name": "continuum", "branching_fraction": 1e-320}})
    with pytest.raises(RunError, match="nothing to generate"):
        api.generate(card)


# --- runs


def test_run(tmp_path: Path) -> None:
    """The result describes the file, in a folder that is made for it."""
    path = tmp_path / "new" / "folder" / "events.root"
    card = card_to(path)
    result = api.run(card)
    assert (result.path, result.events, result.warnings) == (path, 200, [])
    assert result.seconds > 0.0
    assert result.quantities == api.rates(card)
    assert [item.name for item in path.parent.iterdir()] == ["events.root"]
    events = api.open(path)
    assert len(events) == 200
    assert events.metadata["content_sha256"] == result.content_sha256
    assert api.open(str(path)).numpy().keys() == events.columns.keys()


def test_run_holds_what_generate_gives(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    card = card_of(ALP, CHUNK + 100, output={"path": str(path)})
    api.run(card, workers=2)
    written = api.open(path).columns
    batches = [batch.columns for batch in api.generate(card, workers=1)]
    assert list(written) == list(batches[0])
    for name, values in written.items():
        assert np.array_equal(values, np.concatenate([batch[name] for batch in batches])), name


def test_warnings_of_a_run(tmp_path: Path) -> None:
    model = {**ALP["model"], "m_a": 1.2}
    card = card_of({**ALP, "model": model}, output={"path": str(tmp_path / "a.root")})
    result = api.run(card)
    assert [text.split(":")[0] for text in result.warnings] == ["m_a = 1.2 GeV"]
    assert api.open(tmp_path / "a.root").metadata["warnings"] == result.warnings


def test_null_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no folder and no digest."""
    monkeypatch.chdir(tmp_path)
    result = api.run(card_of(SM, output={"format": "null"}))
    assert result.path is None
    assert not list(tmp_path.iterdir())
    assert result.content_sha256 is None
    api.run(card_of(SM, output={"format": "null", "path": "a.root"}))


class WorkDoneError(Exception):
    """Raised where physics would be evaluated."""


def test_existing_output_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.root"
    path.write_text("precious")
    card = card_to(path)

    def work(self: Sample, job: object) -> None:
        raise WorkDoneError

    monkeypatch.setattr(generator.Sample, "__init__", work)
    with pytest.raises(InputError, match=r"output.path = .*a.root: exists; use --force"):
        api.run(card)
    assert path.read_text() == "precious"
    with pytest.raises(WorkDoneError):
        api.run(card, force=True)
    assert path.read_text() == "precious"


def test_a_folder_is_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name cannot be replaced: refused before any work even with force."""
    path = tmp_path / "a.root"
    path.mkdir()
    monkeypatch.setattr(generator.Sample, "chunk", _raises(WorkDoneError()))
    for force in (False, True):
        with pytest.raises(InputError, match=r"a\.root"):
            api.run(card_to(path), force=force)
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]


def test_force_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_text("old")
    api.run(card_to(path), force=True)
    assert len(api.open(path)) == 200


def test_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where a folder is needed: the error of the system, before events are generated."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(generator.Sample, "chunk", _raises(WorkDoneError()))
    with pytest.raises(OSError, match="file"):
        api.run(card_to(tmp_path / "file" / "a.root"))
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **settings: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("bkgen.io.root.uproot.recreate", refuse)
    with pytest.raises(PermissionError, match=r"a\.root\.part"):
        api.run(card_to(tmp_path / "a.root"))
    assert not list(tmp_path.iterdir())


# --- interrupted runs


def _raises(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: Any, **settings: Any) -> Any:
        raise error

    return fail


def _second_write(error: BaseException) -> Callable[[RootWriter, EventBatch], None]:
    """Writes the first chunk, then fails."""
    whole = RootWriter.write

    def write(self: RootWriter, batch: EventBatch) -> None:
        if batch.chunk > 0:
            raise error
        whole(self, batch)

    return write


def _second_chunk(error: BaseException) -> Callable[..., EventBatch]:
    """Generates the first chunk, then fails in a worker thread."""
    whole = Sample.chunk

    def chunk(self: Sample, k: int, buffer: Any = None) -> EventBatch:
        if k > 0:
            raise error
        return whole(self, k, buffer)

    return chunk


EARLY: dict[str, tuple[str, Callable[[BaseException], Any]]] = {
    "opening": ("bkgen.io.root.uproot.WritableDirectory.mktree", _raises),
    "first chunk": ("bkgen.generator.Sample.chunk", _raises),
    "first write": ("bkgen.io.root.RootWriter.write", _raises),
}
LATE: dict[str, tuple[str, Callable[[BaseException], Any]]] = {
    "worker": ("bkgen.generator.Sample.chunk", _second_chunk),
    "writing": ("bkgen.io.root.RootWriter.write", _second_write),
    "metadata": ("bkgen.io.metadata.describe", _raises),
    "last step": ("bkgen.io.root.RootWriter.finish", _raises),
}
PLACES = EARLY | LATE
"""Where a run of two chunks fails: before and after the first one is written."""
ERRORS = pytest.mark.parametrize(
    "error", [(KeyboardInterrupt,), (OSError, 28, "No space left on device")], ids=["^C", "disk"]
)


@pytest.fixture
def break_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, BaseException], None]:
    """Makes runs fail at one of several places."""

    def arm(place: str, error: BaseException) -> None:
        target, failure = PLACES[place]
        monkeypatch.setattr(target, failure(error))

    return arm


@pytest.mark.parametrize("place", EARLY)
@ERRORS
def test_run_interrupted_early_leaves_nothing(
    break_run: Callable[[str, BaseException], None], place: str, error: tuple[Any, ...], tmp_path: Path
) -> None:
    card = card_to(tmp_path / "a.root", CHUNK + 1, columns="slim")
    break_run(place, error[0](*error[1:]))
    with pytest.raises(error[0]):
        api.run(card, workers=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", LATE)
@ERRORS
def test_run_interrupted_later_can_go_on(
    break_run: Callable[[str, BaseException], None],
    place: str,
    error: tuple[Any, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The finished chunks are kept, and the result is that of a whole run."""
    card = card_to(tmp_path / "a.root", CHUNK + 1, columns="slim")
    with monkeypatch.context():
        break_run(place, error[0](*error[1:]))
        with pytest.raises(error[0]) as caught:
            api.run(card, workers=2)
        monkeypatch.undo()
    finished = 2 if place in ("metadata", "last step") else 1
    assert caught.value.__notes__[-1].startswith(f"{tmp_path / 'a.root.part'}: {finished} of 2 chunks are finished")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.root.part", "a.root.part.jsonl"]
    with pytest.raises(InputError, match=r"an interrupted run .*; go on with --resume, or start again with --force"):
        api.run(card)
    result = api.resume(tmp_path / "a.root")
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]
    assert api.run(card, force=True).content_sha256 == result.content_sha256


@pytest.mark.parametrize("place", PLACES)
def test_interrupted_run_keeps_the_older_file(
    break_run: Callable[[str, BaseException], None], place: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.root"
    path.write_text("older")
    card = card_to(path, CHUNK + 1, columns="slim")
    break_run(place, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        api.run(card, workers=2, force=True)
    left = ["a.root", *(["a.root.part", "a.root.part.jsonl"] if place in LATE else [])]
    assert sorted(item.name for item in tmp_path.iterdir()) == left
    assert path.read_text() == "older"


def test_file_that_cannot_be_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk can fail once more when the file is closed: still nothing is left."""
    monkeypatch.setattr("bkgen.generator.Sample.chunk", _raises(KeyboardInterrupt()))
    monkeypatch.setattr("bkgen.io.root.uproot.WritableDirectory.close", _raises(OSError(28, "No space left on device")))
    with pytest.raises((OSError, KeyboardInterrupt)):
        api.run(card_to(tmp_path / "a.root"))
    assert not list(tmp_path.iterdir())


def test_run_after_an_interruption(tmp_path: Path) -> None:
    """A PATH.part left by a killed process is replaced."""
    (tmp_path / "a.root.part").write_text("half a file")
    api.run(card_to(tmp_path / "a.root"))
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]
    assert len(api.open(tmp_path / "a.root")) == 200


ENDLESS = """
import signal, sys, bkgen
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in children of a background job
card = {
    "schema": 1,
    "model": {"name": "sm"},
    "channel": "B+ -> K+",
    "generate": {"events": 3 * 10**8},
    "output": {"path": sys.argv[1], "columns": "slim"},
}
try:
    bkgen.run(bkgen.load_card(card), workers=1)
except KeyboardInterrupt:
    sys.exit(130)
"""


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120.0
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run in another process that would take minutes."""
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path / "a.root")])
    yield process
    process.kill()
    process.wait()


def test_interrupt_from_the_keyboard(endless: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """SIGINT in the middle of a real run: no file but the part, and the process ends at once."""
    part = tmp_path / "a.root.part"
    _wait_for(lambda: part.exists() and part.stat().st_size > 10**7, endless)
    assert not (tmp_path / "a.root").exists()
    endless.send_signal(signal.SIGINT)
    assert endless.wait(timeout=60) == 130
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.root.part", "a.root.part.jsonl"]


# --- normalisation


def test_weights_add_up_to_the_expected_decays(tmp_path: Path) -> None:
    """sum(weight) = 2 f+- N_BB L BR, in memory and in the metadata of the file."""
    card = card_to(tmp_path / "a.root", 1000)
    api.run(card)
    events = api.open(tmp_path / "a.root")
    BR = branching_fractions(card, card.physics_inputs)["BR(B+ -> K+ nu nubar)"]
    constants = card.physics_inputs.constants
    expected = 2.0 * constants.f_pm * constants.N_BB_per_fb * 362.0 * BR
    assert math.fsum(events.columns["weight"]) == pytest.approx(expected, rel=1e-12)
    assert events.metadata["n_expected"] == pytest.approx(expected, rel=1e-12)
