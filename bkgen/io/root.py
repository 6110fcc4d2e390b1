"""Output format `root`: the tree `events`, streamed chunk by chunk, and the metadata as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from ..errors import InputError
from ..generator import EventBatch

TREE = "events"
METADATA = "metadata"
MAX_BASKETS = 1000  # reserved at the start; more are found room for as they come
COMPRESSION_LEVEL = 1  # random momenta hardly compress: a higher level costs time and saves nothing


class RootWriter:
    """Writes to PATH.part, which becomes PATH when `finish` has been called.

    Without that call PATH.part is removed, or left as it is if `keep` is set: its tree can be read up to the last
    chunk, also after the process was killed.
    """

    def __init__(self, path: Path, branches: Mapping[str, np.dtype[Any]], n_chunks: int) -> None:
        self.path = path
        self.keep = False
        self._part = path.with_name(path.name + ".part")
        self._branches = dict(branches)
        self._n_chunks = n_chunks
        self._file: Any = None
        self._finished = False

    def __enter__(self) -> RootWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = uproot.recreate(self._part, compression=uproot.LZ4(COMPRESSION_LEVEL))
            self._tree = self._file.mktree(
                TREE, self._branches, initial_basket_capacity=min(self._n_chunks, MAX_BASKETS)
            )
        except BaseException:
            self._close()
            raise
        return self

    def write(self, batch: EventBatch) -> None:
        """Append a chunk: one basket of up to 1 MB per branch."""
        self._tree.extend(batch.columns)

    def finish(self, metadata: dict[str, Any]) -> None:
        """Add the metadata and give the file its name."""
        self._file[METADATA] = json.dumps(metadata)
        self._file.close()
        self._part.replace(self.path)
        self._finished = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self._close()

    def _close(self) -> None:
        """Close the unfinished file and remove it unless it is kept, even if it cannot be closed any more."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            if not self.keep:
                self._part.unlink(missing_ok=True)


class RootReader:
    """Reads a file of `RootWriter` piece by piece.

    metadata: empty for a PATH.part, which has none yet; entries: number of events; branches: types by name.
    Raises InputError for a file that cannot be read.
    """

    def __init__(self, path: Path, finished: bool = True) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        try:
            # nothing is read twice: the caches of uproot would only keep many files in memory
            self._file = uproot.open(path, object_cache=None, array_cache=None)
            self._tree = self._file[TREE]
            self.metadata: dict[str, Any] = json.loads(str(self._file[METADATA])) if finished else {}
            if finished and "bkgen" not in self.metadata:
                raise KeyError("bkgen")
            self.entries = int(self._tree.num_entries)
        except Exception as error:  # a damaged file can fail anywhere inside uproot
            raise InputError(f"{path}: not an event file of bkgen ({type(error).__name__})") from None

    def __enter__(self) -> RootReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def columns(self, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
        """Columns of the events start ... stop - 1.  Raises InputError if they cannot be read."""
        try:
            columns: dict[str, NDArray[Any]] = self._tree.arrays(library="np", entry_start=start, entry_stop=stop)
        except Exception as error:  # as above
            raise InputError(f"{self.path}: not an event file of bkgen ({type(error).__name__})") from None
        return columns


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns by branch, metadata) of a file written by `RootWriter`; raises InputError for any other file."""
    with RootReader(path) as file:
        return file.columns(), file.metadata
