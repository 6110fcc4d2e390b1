"""Output formats `root` and `rntuple`: the events, streamed chunk by chunk, and the metadata as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uproot
from numpy.typing import NDArray

from ..generator import EventBatch
from .part import FileWriter

TREE = "events"
METADATA = "metadata"
MAX_BASKETS = 1000  # reserved at the start; more are found room for as they come
COMPRESSION_LEVEL = 1  # random momenta hardly compress: a higher level costs time and saves nothing


class RootWriter(FileWriter):
    """The TTree `events`: one basket of up to 1 MB per branch and chunk."""

    _file: Any = None

    def _open(self, part: Path) -> None:
        self._file = uproot.recreate(part, compression=uproot.LZ4(COMPRESSION_LEVEL))
        self._events = self._new_table(dict(self._sample.branches))

    def _new_table(self, branches: dict[str, Any]) -> Any:
        return self._file.mktree(TREE, branches, initial_basket_capacity=min(self._sample.n_chunks, MAX_BASKETS))

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""
        self._events.extend(batch.columns)

    def _complete(self, metadata: dict[str, Any]) -> None:
        self._file[METADATA] = json.dumps(metadata)
        self._file.close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class RNTupleWriter(RootWriter):
    """The RNTuple `events`: one cluster for each chunk, one page per field in it."""

    def _new_table(self, branches: dict[str, Any]) -> Any:
        return self._file.mkrntuple(TREE, branches)


def metadata_of(path: Path) -> tuple[dict[str, Any], list[str]]:
    """(metadata, branch names) of a file of one of these writers; raises whatever uproot raises for another one."""
    with uproot.open(path) as file:
        return json.loads(str(file[METADATA])), list(file[TREE].keys())


def parts(path: Path, names: Sequence[str], step: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The named columns of such a file, `step` events at a time."""
    with uproot.open(path) as file:
        yield from file[TREE].iterate(list(names), step_size=step, library="np")


def columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns of such a file."""
    with uproot.open(path) as file:
        return dict(file[TREE].arrays(library="np"))
