"""Runs of cards: everything that can be refused is refused before work, chunks are made and written, and a run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from .card import Card, card_from_dict
from .errors import InputError, Problem, RunError
from .results import Quantity

if TYPE_CHECKING:
    from .generator import EventBatch, Sample
    from .io.part import Finished, Journal

SHARDED = ("root", "null")
"""Formats of single chunks; only files of the first one can be merged and resumed."""


@dataclass(frozen=True)
class RunResult:
    """What `run` did: the file and its digest (None for format null), events, seconds, rates and warnings."""

    path: Path | None
    events: int
    seconds: float
    content_sha256: str | None
    quantities: list[Quantity]
    warnings: list[str]


@dataclass(frozen=True)
class Task:
    """A run that nothing stands against: its card, physics, output (None for format null) and chunks.

    journal: of the interrupted run that it goes on with.
    """

    card: Card
    sample: Sample
    path: Path | None
    chunks: range
    journal: Journal | None


def read_chunks(text: str) -> tuple[int, int | None]:
    """First chunk and the one behind the last of `A:B`, or of `A:` for all from A on.  Raises InputError."""
    first, colon, last = text.partition(":")
    if colon and first.strip().isdecimal() and (last.strip().isdecimal() or not last.strip()):
        return int(first), int(last) if last.strip() else None
    message = "must be A:B, the chunks A ... B - 1 counted from 0, or A: for the rest"
    raise InputError(Problem(("--chunks",), message, text))


def shard_path(card: Card, chunks: tuple[int, int | None]) -> Path:
    """Where those chunks of a card are written if no other name is given: NAME.A-B.root.

    Raises InputError if its sample does not have them.
    """
    whole, wanted = Path(card.output.path), _range(card, chunks)
    return whole.with_name(f"{whole.stem}.{wanted.start}-{wanted.stop}{whole.suffix}")


def prepare(
    cards: Sequence[Card],
    force: bool = False,
    resume: bool = False,
    chunks: tuple[int, int | None] | None = None,
) -> list[Task]:
    """Check everything that can be known about the runs of these cards, and evaluate their physics.

    Raises InputError with the problems of all cards, RunError with all points that cannot be generated.
    """
    plans, problems = [], []
    paths = [card.output.path for card in cards if card.output.format != "null"]
    for path in dict.fromkeys(path for path in paths if paths.count(path) > 1):
        problems.append(Problem(("output", "path"), "several cards write to this file", path))
    for card in cards:
        try:
            plans.append(_plan(card, force, resume, chunks))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return [Task(card, sample, *plan) for card, sample, plan in zip(cards, _samples(cards), plans, strict=True)]


def _samples(cards: Sequence[Card]) -> list[Sample]:
    """The physics of all cards.  Raises RunError with all points that cannot be generated."""
    from .jobs import sample_of

    samples: list[Sample] = []
    failures: list[str] = []
    for card in cards:
        try:
            samples.append(sample_of(card))
        except RunError as error:
            failures.append(str(error) if len(cards) == 1 else f"{card.output.path}: {error}")
    if failures:
        raise RunError("\n".join(failures))
    return samples


def _plan(
    card: Card, force: bool, resume: bool, chunks: tuple[int, int | None] | None
) -> tuple[Path | None, range, Journal | None]:
    """Output, chunks and journal of the run of a card.  Raises InputError with everything that stands against it."""
    problems = list(_output_problems(card, force, resume, chunks is not None))
    refusal = card.model.events_refused(card.decay)
    problems += [] if refusal is None else [Problem(("model",), refusal)]
    path = None if card.output.format == "null" else Path(card.output.path)
    journal = None
    try:
        wanted = _range(card, chunks)
        if path is not None and card.output.format == "root" and not (force or problems):
            journal = _interrupted(card, path, wanted, resume)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return path, wanted, journal


def _output_problems(card: Card, force: bool, resume: bool, sharded: bool) -> Iterator[Problem]:
    """What stands against the output of a card."""
    from .io.part import journal_of

    output = card.output
    if sharded and output.format not in SHARDED:
        yield Problem(("output", "format"), "single chunks are written as root only", output.format)
    if resume and output.format != "root":
        yield Problem(("output", "format"), "only a run to root can be resumed", output.format)
    if output.format == "null":
        return
    path = Path(output.path)
    going_on = resume and journal_of(path).exists()
    if path.is_dir():
        yield Problem(("output", "path"), "is a folder, give the name of a file", path)
    elif path.exists() and not (force or going_on):
        yield Problem(("output", "path"), "exists; use --force to replace it, or another name", path)


def _range(card: Card, chunks: tuple[int, int | None] | None) -> range:
    """Numbers of the wanted chunks.  Raises InputError if the sample does not have them."""
    from .generator import CHUNK

    n_chunks = -(-card.generate.events // CHUNK)
    first, last = (0, None) if chunks is None else chunks
    last = n_chunks if last is None else last
    if not 0 <= first < last <= n_chunks:
        message = f"must be A:B with 0 <= A < B <= {n_chunks}, the number of chunks"
        raise InputError(Problem(("--chunks",), message, f"{first}:{last}"))
    return range(first, last)


def _interrupted(card: Card, path: Path, chunks: range, resume: bool) -> Journal | None:
    """The journal of an earlier run to this path.  Raises InputError if it must not be continued, or would be lost."""
    from .io.part import Journal, identity, part_of

    journal = Journal.read(path)
    if journal is None:
        return None
    if resume:
        journal.check(identity(card.resolved(), chunks))
        return journal
    if journal.digests:
        raise InputError(
            f"{part_of(path)}: an interrupted run with {len(journal.digests)} finished chunks; "
            "go on with --resume, or start again with --force"
        )
    return None


def execute(task: Task, workers: int, scheduler: str | None = None, progress: bool = False) -> RunResult:
    """Do a run.  A run to root that ends early, even killed, keeps its finished chunks for `resume`.

    scheduler: address of a dask scheduler whose workers make the events, in the place of threads.
    """
    from .io import FORMATS, metadata
    from .progress import progress as progress_bar
    from .quantities import rates

    card, sample = task.card, task.sample
    quantities = rates(card)
    digests: list[bytes] = []
    start = time.perf_counter()
    with ExitStack() as stack:
        journal = _journal(task)
        writer = FORMATS[card.output.format](task.path or Path(), sample, card.resolved())
        events = _events(task, writer.prepare, workers, scheduler, stack)
        if journal is not None:
            stack.enter_context(journal)
        stack.enter_context(writer)
        total = sum(map(sample.chunk_events, task.chunks))
        advance = stack.enter_context(progress_bar(total, "events", show=progress))
        try:
            for position, (batch, digest) in enumerate(events):
                writer.write(batch)
                if journal is not None:
                    journal.add(position, digest)
                    writer.keep = True
                digests.append(digest)
                advance(len(batch))
            writer.finish(metadata.describe(sample, card.resolved(), digests, task.chunks.start))
        except BaseException as error:
            if journal is not None and journal.digests:
                error.add_note(_hint(task, len(journal.digests)))
            raise
    seconds = time.perf_counter() - start
    content = None if task.path is None else metadata.content_sha256(digests)
    return RunResult(task.path, total, seconds, content, quantities, list(card.warnings))


def _journal(task: Task) -> Journal | None:
    """The journal that the run keeps; formats that cannot be resumed have none."""
    from .io.part import Journal, identity

    if task.card.output.format != "root" or task.path is None:
        return None
    return task.journal or Journal(task.path, identity(task.card.resolved(), task.chunks), [])


def _hint(task: Task, finished: int) -> str:
    from .io.part import part_of

    path = task.path or Path()
    return f"{part_of(path)}: {finished} of {len(task.chunks)} chunks are finished, go on with: bkgen resume {path}"


def _events(
    task: Task,
    prepare: Callable[[EventBatch], EventBatch],
    workers: int,
    scheduler: str | None,
    stack: ExitStack,
) -> Iterator[tuple[EventBatch, bytes]]:
    """Chunks in order with their digests: those of the interrupted run, then new ones, which threads `prepare`."""
    from .io.part import Finished

    done = 0 if task.journal is None else len(task.journal.digests)
    old = None if task.journal is None else stack.enter_context(Finished(task.journal, task.sample))
    rest = task.chunks[done:]
    if scheduler is None:
        made = task.sample.stream_chunks(workers, rest, prepare, hashed=task.path is not None)
    else:
        from .cluster import connect, stream_chunks

        made = stream_chunks(stack.enter_context(connect(scheduler)), task.card, rest)
    stack.enter_context(closing(made))  # before the connection, whatever happens
    kept = iter(()) if old is None else _finished(task, old, done)
    return chain(kept, made)


def _finished(task: Task, old: Finished, done: int) -> Iterator[tuple[EventBatch, bytes]]:
    """The chunks that an interrupted run has finished; what cannot be taken over is made again."""
    for position in range(done):
        batch = old.chunk(position) or task.sample.chunk(task.chunks[position])
        yield batch, batch.digest()


def resumed_card(path: Path) -> tuple[Card, tuple[int, int]]:
    """The card and the chunks of the interrupted run that writes to `path`.  Raises InputError if there is none."""
    from .io.part import Journal, journal_of

    journal = Journal.read(path)
    if journal is None:
        raise InputError(f"{path}: there is no interrupted run, {journal_of(path)} does not exist")
    card = journal.job["card"]
    resolved = {**card, "output": {**card["output"], "path": str(path)}}
    return card_from_dict(resolved, str(journal_of(path))), (journal.chunks.start, journal.chunks.stop)
