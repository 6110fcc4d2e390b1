"""An interrupted run: PATH.part with its finished chunks, and PATH.part.jsonl, the journal that says which they are.

The first line of the journal identifies the job: card, range of chunks, version, data.  Each further line is the
number and the digest of a finished chunk, written after the chunk itself.  A process can be killed at any time: chunks
are only taken over if their content has the digest of the journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .. import __version__
from ..errors import InputError, RunError
from ..generator import CHUNK, EventBatch, Sample
from .metadata import data_sha256
from .root import RootReader


def part_of(path: Path) -> Path:
    """The unfinished file of a run that writes to `path`."""
    return path.with_name(f"{path.name}.part")


def journal_of(path: Path) -> Path:
    """The journal of a run that writes to `path`."""
    return path.with_name(f"{path.name}.part.jsonl")


def _older_part_of(path: Path) -> Path:
    """What was finished before, while a resumed run copies from it."""
    return path.with_name(f"{path.name}.part.old")


def identity(card: Mapping[str, Any], chunks: range) -> dict[str, Any]:
    """What an interrupted run and the one that goes on must have in common; the output's path is not part of it."""
    return {
        "bkgen": __version__,
        "data_sha256": data_sha256(),
        "card": {**card, "output": {**card["output"], "path": None}},
        "chunk_range": [chunks.start, chunks.stop],
    }


class Journal:
    """The finished chunks of a run; `digests` are those of the first chunks, in order."""

    def __init__(self, path: Path, job: Mapping[str, Any], digests: list[bytes]) -> None:
        self.path = path
        self.job = dict(job)
        self.digests = digests
        self._file: IO[str] | None = None

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """The journal of a run that writes to `path`, None if there is none; an incomplete last line is left out.

        Raises InputError for a file that is no journal.
        """
        journal = journal_of(path)
        try:
            content = journal.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        if not lines:  # killed before its first line was complete
            return None
        try:
            job, *others = [json.loads(line) for line in lines]
            first, last = map(int, job["chunk_range"])
            if not 0 <= first < last or not isinstance(job["card"]["output"], dict):
                raise ValueError("no job")
            if [other["chunk"] for other in others] != list(range(first, first + len(others))):
                raise ValueError("chunks out of order")
            return cls(path, job, [bytes.fromhex(other["sha256"]) for other in others])
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            raise InputError(f"{journal}: not the journal of a run; start again with --force") from None

    @property
    def chunks(self) -> range:
        """Numbers of the chunks that the run writes."""
        return range(*self.job["chunk_range"])

    def check(self, job: Mapping[str, Any]) -> None:
        """Raises InputError if the journal is of another job."""
        names = {"bkgen": "another version of bkgen", "data_sha256": "other data tables", "card": "another card"}
        names["chunk_range"] = "other chunks"
        other = [text for key, text in names.items() if self.job.get(key) != job[key]]
        if other:
            raise InputError(
                f"{part_of(self.path)}: belongs to {', '.join(other)}; start again with --force, or give another output"
            )

    def __enter__(self) -> Journal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.digests:
            remove(self.path)
        lines = [self.job, *map(_line, self.chunks, self.digests)]
        whole = journal_of(self.path).with_suffix(".new")
        whole.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        whole.replace(journal_of(self.path))
        self._file = journal_of(self.path).open("a", encoding="utf-8")
        return self

    def add(self, position: int, digest: bytes) -> None:
        """The chunk at that position of the range has been written.

        Raises RunError if it is known with another digest: this machine computes other numbers than the one before.
        """
        if position < len(self.digests):
            if self.digests[position] != digest:
                raise RunError(
                    f"{part_of(self.path)}: chunk {self.chunks[position]} comes out different from its first run, on "
                    "another machine?  Start again with --force"
                )
            return
        assert self._file is not None
        self._file.write(json.dumps(_line(self.chunks[position], digest)) + "\n")
        self._file.flush()
        self.digests.append(digest)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if kind is None or not self.digests:
            remove(self.path)


def _line(number: int, digest: bytes) -> dict[str, Any]:
    return {"chunk": number, "sha256": digest.hex()}


def remove(path: Path) -> None:
    """Remove what an interrupted run has left."""
    for leftover in (part_of(path), _older_part_of(path), journal_of(path)):
        leftover.unlink(missing_ok=True)


class Finished:
    """The chunks of an interrupted run, in PATH.part, or PATH.part.old if that one got further."""

    def __init__(self, journal: Journal, sample: Sample) -> None:
        self._journal = journal
        self._sample = sample
        self._reader = _furthest(journal.path)

    def __enter__(self) -> Finished:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.__exit__()

    def chunk(self, position: int) -> EventBatch | None:
        """The chunk at that position of the range, None if it is not there or not what the journal says."""
        number, start = self._journal.chunks[position], position * CHUNK
        stop = start + self._sample.chunk_events(number)
        if self._reader is None or self._reader.entries < stop:
            return None
        try:
            batch = EventBatch(self._reader.columns(start, stop), number)
        except InputError:
            return None
        return batch if batch.digest() == self._journal.digests[position] else None


def _furthest(path: Path) -> RootReader | None:
    """Reads the part with more events, which is moved out of the way of the new one."""
    part, older = part_of(path), _older_part_of(path)
    if _entries(part) >= _entries(older) and part.exists():
        part.replace(older)
    if _entries(older) > 0:
        return RootReader(older, finished=False)
    return None


def _entries(part: Path) -> int:
    """Events of an unfinished file, 0 if it cannot be read."""
    try:
        with RootReader(part, finished=False) as reader:
            return reader.entries
    except InputError:
        return 0
