"""Output format `root`: the tree `events`, streamed chunk by chunk, and the metadata as a JSON string."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import uproot

from ..errors import InputError
from ..generator import EventBatch, Sample

TREE = "events"
METADATA = "metadata"
MAX_BASKETS = 1000  # reserved at the start; more are found room for as they come
COMPRESSION_LEVEL = 1  # random momenta hardly compress: a higher level costs time and saves nothing


class RootWriter:
    """Writes to PATH.part, which becomes PATH when `finish` has been called and is removed otherwise."""

    def __init__(self, path: Path, sample: Sample) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._sample = sample
        self._file: Any = None
        self._finished = False

    def __enter__(self) -> RootWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = uproot.recreate(self._part, compression=uproot.LZ4(COMPRESSION_LEVEL))
            self._tree = self._file.mktree(
                TREE, dict(self._sample.branches), initial_basket_capacity=min(self._sample.n_chunks, MAX_BASKETS)
            )
        except BaseException:
            self._discard()
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
            self._discard()

    def _discard(self) -> None:
        """Remove the unfinished file, even if it cannot be closed any more."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            self._part.unlink(missing_ok=True)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns by branch, metadata) of a file written by `RootWriter`; raises InputError for any other file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with uproot.open(path) as file:
            metadata = json.loads(str(file[METADATA]))
            if "bkgen" not in metadata:
                raise KeyError("bkgen")
            return file[TREE].arrays(library="np"), metadata
    except Exception as error:  # a damaged file can fail anywhere inside uproot
        raise InputError(f"{path}: not an event file of bkgen ({type(error).__name__})") from None
