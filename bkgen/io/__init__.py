"""Output formats: each is a context manager that takes chunks and leaves either a whole file or none."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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

    def prepare(self, batch: EventBatch) -> EventBatch:
        """What a thread can do to a chunk before it is its turn to be written; may overwrite its memory."""

    def write(self, batch: EventBatch) -> None:
        """Append a chunk, prepared or not."""

    def finish(self, metadata: dict[str, Any]) -> None:
        """Complete the output; without this call nothing is left behind."""


def _compression(card: Mapping[str, Any], default: str) -> str:
    return str(card["output"]["compression"] or default)


def _root(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .root import RootWriter

    return RootWriter(path, sample.branches, sample.n_chunks, _compression(card, "lz4"))


def _rntuple(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .root import RNTupleWriter

    return RNTupleWriter(path, sample.branches, sample.n_chunks, _compression(card, "lz4"))


def _parquet(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .parquet import ParquetWriter

    return ParquetWriter(path, sample.branches, _compression(card, "zstd"))


def _hepmc3(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .hepmc3 import HepMC3Writer

    return HepMC3Writer(path, sample, card)


def _lhe(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .lhe import LHEWriter

    return LHEWriter(path, sample, card)


def _null(path: Path, sample: Sample, card: Mapping[str, Any]) -> Writer:
    from .null import NullWriter

    return NullWriter()


FORMATS: dict[str, Callable[[Path, Sample, Mapping[str, Any]], Writer]] = {
    "root": _root,
    "rntuple": _rntuple,
    "hepmc3": _hepmc3,
    "lhe": _lhe,
    "parquet": _parquet,
    "null": _null,
}
"""Writers by the name used in a card, for a file, a sample and its resolved card."""

EVENT_FILES = (".root", ".parquet", ".hepmc", ".hepmc3", ".lhe", ".gz")
"""Endings of event files: tables, which `bkgen.open` reads, and decay trees, for which it names a reader."""
