"""Output format `null`: events are made and counted, nothing is written or hashed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..generator import EventBatch


class NullWriter:
    """Takes chunks and forgets them."""

    keep = False

    def __enter__(self) -> NullWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def prepare(self, batch: EventBatch) -> EventBatch:
        """Nothing to prepare."""
        return batch

    def write(self, batch: EventBatch) -> None:
        """Forget the chunk."""

    def finish(self, metadata: dict[str, Any]) -> None:
        """Nothing to complete."""
