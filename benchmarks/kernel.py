"""Event loop and detector on one thread: nanoseconds per event, against the limits of the design."""

from __future__ import annotations

from bkgen.generator import CHUNK
from bkgen.jobs import sample_of

from .common import Row, best_of, chain_card

LIMITS = {"K + X(-> 2)": 170.0, "K* + X(-> 2)": 280.0, "K + X(-> 2 -> 4)": 280.0}


def measure(events: int = CHUNK) -> list[Row]:
    """One row for each chain, all float64 columns of the file, detector included."""
    rows = []
    for name, limit in LIMITS.items():
        sample = sample_of(chain_card(name, events))
        buffer = sample.new_buffer()
        sample.chunk(0, buffer)  # compiled and in memory
        seconds = best_of(lambda sample=sample, buffer=buffer: sample.chunk(0, buffer))
        columns = sum(dtype.kind == "f" for dtype in sample.branches.values())
        what = f"event loop and detector, {name}, {columns} float64 columns"
        rows.append(Row(what, seconds / events * 1e9, "ns/event", limit, "limit", at_most=1.0))
    return rows
