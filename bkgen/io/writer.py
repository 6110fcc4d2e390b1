"""What the writers of all file formats share: an unfinished file has another name and never stays behind."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ..errors import name_file, naming
from ..generator import EventBatch

_GZIP_LEVEL = 1  # a higher one costs more time than the writer and saves little


def open_binary(part: Path, path: Path) -> IO[bytes]:
    """The unfinished file, compressed if the name of the finished one ends in .gz."""
    if path.suffix == ".gz":
        # a fixed time, so that the same events are the same bytes
        return gzip.GzipFile(part, "wb", compresslevel=_GZIP_LEVEL, mtime=0)  # type: ignore[return-value]
    return part.open("wb")


class FileWriter(ABC):
    """Writes to PATH.part, which becomes PATH when `finish` has been called.

    Without that call PATH.part is removed, or left as it is if `keep` is set.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keep = False
        self._part = path.with_name(path.name + ".part")
        self._finished = False

    @abstractmethod
    def _open(self, part: Path) -> None:
        """Begin the file."""

    def prepare(self, batch: EventBatch) -> EventBatch:
        """What can be done to a chunk before it is its turn to be written, by any thread; may overwrite its memory."""
        return batch

    @abstractmethod
    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""

    @abstractmethod
    def _complete(self, metadata: dict[str, Any]) -> None:
        """Write what comes last and close the file."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of an unfinished file, however far it got."""

    def __enter__(self) -> Self:
        with naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._open(self._part)
            except BaseException:
                self._discard()
                raise
        return self

    def finish(self, metadata: dict[str, Any]) -> None:
        """Add the metadata and give the file its name."""
        self._complete(metadata)
        self._part.replace(self.path)
        self._finished = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        name_file(error, self.path)
        if not self._finished:
            with naming(self.path):
                self._discard()

    def _discard(self) -> None:
        """Close the unfinished file and remove it unless it is kept, even if it cannot be closed any more."""
        try:
            self._close()
        finally:
            if not self.keep:
                self._part.unlink(missing_ok=True)
