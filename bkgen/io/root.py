"""Output formats `root` and `rntuple`: the events, streamed chunk by chunk, and the metadata as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from ..errors import InputError
from ..generator import CHUNK, EventBatch
from .metadata import check_chunk, chunk_range, require_form
from .writer import FileWriter

TREE = "events"
METADATA = "metadata"
MAX_BASKETS = 1000  # reserved at the start; more are found room for as they come
CODECS = {"lz4": uproot.LZ4, "zstd": uproot.ZSTD}
COMPRESSION_LEVEL = 1  # random momenta hardly compress: a higher level costs time and saves nothing


class RootWriter(FileWriter):
    """The TTree `events`: one basket of up to 1 MB per branch and chunk.

    The tree of an unfinished file can be read up to the last chunk, also after the process was killed.
    """

    _file: Any = None
    _begun = False

    def __init__(
        self, path: Path, branches: Mapping[str, np.dtype[Any]], n_chunks: int, compression: str = "lz4"
    ) -> None:
        super().__init__(path)
        self._compression = CODECS[compression](COMPRESSION_LEVEL)
        self._branches = dict(branches)
        self._n_chunks = n_chunks

    def _open(self, part: Path) -> None:
        self._file = uproot.recreate(part, compression=self._compression)
        self._events = self._new_table()

    def _new_table(self) -> Any:
        capacity = min(self._n_chunks, MAX_BASKETS)
        return self._file.mktree(TREE, self._branches, initial_basket_capacity=capacity)

    def prepare(self, batch: EventBatch) -> EventBatch:
        """Values in the byte order of baskets, in the memory they are in: uproot copies nothing then."""
        return replace(batch, columns={name: _big_endian(values) for name, values in batch.columns.items()})

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""
        if not self._begun:
            self._begin(batch)
            self._begun = True
        self._events.extend(batch.columns)

    def _begin(self, batch: EventBatch) -> None:
        """Branches that the codec does not shrink in the first chunk, such as momenta under LZ4, are stored plain."""
        self._events.compression = {name: self._useful(values) for name, values in batch.columns.items()}

    def _useful(self, values: NDArray[Any]) -> Any:
        plain = _big_endian(values.copy()).tobytes()
        return self._compression if len(uproot.compression.compress(plain, self._compression)) < len(plain) else None

    def _complete(self, metadata: dict[str, Any]) -> None:
        self._file[METADATA] = json.dumps(metadata)
        self._file.close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def _big_endian(values: NDArray[Any]) -> NDArray[Any]:
    """The same values (n,), stored with the most significant byte first; the memory of `values` is overwritten."""
    stored = values.dtype.newbyteorder(">")
    return values if values.dtype == stored else values.byteswap(inplace=True).view(stored)


class RNTupleWriter(RootWriter):
    """The RNTuple `events`: one cluster for each chunk, one page per field in it."""

    def prepare(self, batch: EventBatch) -> EventBatch:
        """As it is: pages are little-endian."""
        return batch

    def _begin(self, batch: EventBatch) -> None:
        """Compression is one for the whole file."""

    def _new_table(self) -> Any:
        return self._file.mkrntuple(TREE, self._branches)


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
            self.entries = int(self._tree.num_entries)
            branches = list(self._tree.keys())
        except Exception as error:  # a damaged file can fail anywhere inside uproot
            hint = "; a ROOT file is needed here" if path.suffix in (".parquet", ".hepmc", ".lhe", ".gz") else ""
            raise InputError(f"{path}: not an event file of bkgen ({type(error).__name__}){hint}") from None
        if finished:
            require_form(self.metadata, path, branches, self.entries)

    def __enter__(self) -> RootReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def columns(self, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
        """Columns (n,) of the events start ... stop - 1.  Raises InputError if they cannot be read."""
        try:
            columns: dict[str, NDArray[Any]] = self._tree.arrays(library="np", entry_start=start, entry_stop=stop)
        except Exception as error:  # as above
            raise InputError(f"{self.path}: not an event file of bkgen ({type(error).__name__})") from None
        return columns

    def chunk(self, number: int) -> EventBatch:
        """One chunk of the sample.  Raises InputError if it cannot be read or is not what the metadata say."""
        position = number - chunk_range(self.metadata).start
        batch = EventBatch(self.columns(position * CHUNK, (position + 1) * CHUNK), number)
        check_chunk(self.path, batch, self.metadata)
        return batch


def metadata_of(path: Path) -> tuple[dict[str, Any], list[str], int]:
    """(metadata, branch names, events) of a file of one of these writers; raises whatever uproot raises for others."""
    with uproot.open(path) as file:
        tree = file[TREE]
        return json.loads(str(file[METADATA])), list(tree.keys()), int(tree.num_entries)


def parts(path: Path, names: Sequence[str], step: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The named columns (n,) of such a file, `step` events at a time."""
    with uproot.open(path) as file:
        yield from file[TREE].iterate(list(names), step_size=step, library="np")


def columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns (n,) of such a file."""
    with uproot.open(path) as file:
        return dict(file[TREE].arrays(library="np"))
