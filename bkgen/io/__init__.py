"""Output formats: each is a context manager that takes chunks and leaves either a whole file or none."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..generator import EventBatch, Sample


class Writer(Protocol):
    """A sink for the chunks of one sample.

    keep: whether what is written stays when the run ends early; formats that cannot be resumed ignore it.
    """

    keep: bool

    def __enter__(self) -> Writer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""

    def finish(self, metadata: dict[str, Any]) -> None:
        """Complete the output; without this call nothing is left behind."""


def _root(path: Path, sample: Sample) -> Writer:
    from .root import RootWriter

    return RootWriter(path, sample.branches, sample.n_chunks)


def _null(path: Path, sample: Sample) -> Writer:
    from .null import NullWriter

    return NullWriter()


FORMATS: dict[str, Callable[[Path, Sample], Writer]] = {"root": _root, "null": _null}
"""Writers by the name used in a card."""
