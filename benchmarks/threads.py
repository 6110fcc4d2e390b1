"""Events per second of two threads over twice those of one, without writing."""

from __future__ import annotations

from collections import deque
from functools import partial

from bkgen.generator import CHUNK, Sample
from bkgen.jobs import sample_of

from .common import CHAINS, Row, best_of, chain_card

WORKERS = 2


def measure(events: int = 60 * CHUNK, repeats: int = 3) -> list[Row]:
    """Parallel efficiency of each chain, digests included."""
    rows = []
    for name in CHAINS:
        sample = sample_of(chain_card(name, events, path="unused.root"))
        one, several = (best_of(partial(_generate, sample, workers), repeats) for workers in (1, WORKERS))
        what = f"efficiency of {WORKERS} threads, {name}"
        rows.append(Row(what, one / several / WORKERS, "", 1.0, "ideal", at_least=0.85))
    return rows


def _generate(sample: Sample, workers: int) -> None:
    deque(sample.stream_chunks(workers), maxlen=0)
