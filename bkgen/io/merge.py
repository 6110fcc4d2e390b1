"""Join files of single chunks into one file, chunk by chunk, every value checked against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..generator import CHUNK, EventBatch, in_order
from .metadata import chunk_range, content_sha256, missing_chunks, written
from .root import RootReader, RootWriter

_SAME = ("bkgen", "data_sha256", "inputs_sha256", "chunk_size", "branches")
_CALCULATED = ("rate", "branching_fraction", "weight")
_TOLERANCE = 1e-12  # of calculated numbers: another processor may round the last digit differently


@dataclass(frozen=True)
class MergeResult:
    """What `merge` did: the file, its size in events, digest, and what a reader must know."""

    path: Path
    events: int
    content_sha256: str
    warnings: list[str]


@dataclass(frozen=True)
class Shard:
    """A file of consecutive chunks of a sample."""

    path: Path
    metadata: dict[str, Any]
    chunks: range

    @property
    def events(self) -> int:
        """Number of events that its chunks have."""
        end = min(self.chunks.stop * CHUNK, int(self.metadata["events"]))
        return end - self.chunks.start * CHUNK


def merge(output: Path, files: Sequence[Path], workers: int, advance: Callable[[int], None]) -> MergeResult:
    """Write the chunks of all files to `output`, in order; `advance` is called with the number of files done.

    Raises InputError with every problem.  Nothing is left of a merge that fails.
    """
    shards = _consistent(output, files)
    first = shards[0]
    chunks = range(first.chunks.start, shards[-1].chunks.stop)
    digests = [bytes.fromhex(digest) for shard in shards for digest in shard.metadata["chunks"]]
    metadata = first.metadata | {
        "card": _with_path(first.metadata["card"], str(output)),
        "chunk_range": [chunks.start, chunks.stop],
        "chunks": [digest.hex() for digest in digests],
        "content_sha256": content_sha256(digests),
        "written": written(),
    }
    branches = {name: np.dtype(dtype) for name, dtype in first.metadata["branches"].items()}
    codec = first.metadata["card"]["output"]["compression"] or "lz4"
    with RootWriter(output, branches, len(chunks), codec) as writer:
        for batch, last in _batches(shards, writer.prepare, workers):
            writer.write(batch)
            advance(int(last))
        writer.finish(metadata)
    partial = missing_chunks(metadata)
    events = sum(shard.events for shard in shards)
    return MergeResult(output, events, metadata["content_sha256"], [f"{output}: {partial}"] if partial else [])


def _batches(
    shards: Sequence[Shard], prepare: Callable[[EventBatch], EventBatch], workers: int
) -> Iterator[tuple[EventBatch, bool]]:
    """All chunks in order, each with whether it is the last one of its file; read, checked and prepared by threads."""
    places = [(shard, number) for shard in shards for number in shard.chunks]

    def read(k: int) -> tuple[EventBatch, bool]:
        shard, number = places[k]
        with RootReader(shard.path) as file:
            return prepare(file.chunk(number)), number == shard.chunks[-1]

    return in_order(read, range(len(places)), workers)


def _consistent(output: Path, files: Sequence[Path]) -> list[Shard]:
    """The files in the order of their chunks.  Raises InputError with everything that stands against a merge."""
    problems = []
    shards = []
    if output.resolve() in [file.resolve() for file in files]:
        problems.append(f"{output}: is one of the files to be merged, give another name for the output")
    for file in files:
        try:
            shards.append(_shard(file))
        except InputError as error:
            problems += [str(problem) for problem in error.problems]
    problems += [text for shard in shards[1:] for text in _differences(shards[0], shard)]
    shards.sort(key=lambda shard: (shard.chunks.start, shard.chunks.stop))
    problems += [text for before, after in pairwise(shards) for text in _joint(before, after)]
    if not files:
        problems.append("no files to merge")
    if problems:
        raise InputError(problems)
    return shards


def _shard(path: Path) -> Shard:
    """What a file holds.  Raises InputError for a file that is none of bkgen, is reweighted or truncated."""
    with RootReader(path) as file:
        metadata = file.metadata
    if "reweighted" in metadata:
        raise InputError(f"{path}: is reweighted; merge the original files, then reweight")
    return Shard(path, metadata, chunk_range(metadata))


def _differences(first: Shard, other: Shard) -> Iterator[str]:
    """Why two files are not of the same sample."""
    one, two = first.metadata, other.metadata
    cards = [_leaves(_with_path(metadata["card"], None)) for metadata in (one, two)]
    changed = sorted(key for key in cards[0].keys() | cards[1].keys() if cards[0].get(key) != cards[1].get(key))
    for key in changed:
        yield f"{other.path}: {key} is {cards[1].get(key)}, it is {cards[0].get(key)} in {first.path}"
    keys = [key for key in _SAME if one.get(key) != two.get(key)]
    if not changed and not keys:
        keys = [key for key in _CALCULATED if not np.isclose(one[key], two[key], rtol=_TOLERANCE, atol=0.0)]
    if changed:
        keys = [key for key in keys if key in ("bkgen", "data_sha256")]  # the others follow from the card
    for key in keys:
        if key in ("inputs_sha256", "branches"):
            yield f"{other.path}: {key} differs from {first.path}"
        else:
            yield f"{other.path}: {key} is {two.get(key)}, it is {one.get(key)} in {first.path}"


def _joint(before: Shard, after: Shard) -> Iterator[str]:
    """Whether a file begins where the one before it ends."""
    end, start = before.chunks.stop, after.chunks.start
    if start < end:
        common = f"{start}:{min(end, after.chunks.stop)}"
        yield f"{after.path}: the chunks {common} are also in {before.path}"
    elif start > end:
        yield f"{after.path}: begins with chunk {start}, the chunks {end}:{start} after {before.path} are missing"


def _with_path(card: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """The card with another output path."""
    return {**card, "output": {**card["output"], "path": path}}


def _leaves(block: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """All settings of a card by their full key."""
    found: dict[str, Any] = {}
    for key, value in block.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
