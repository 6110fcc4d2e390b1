"""Events per second to each output format over those of `null`, and of `null` for small and large samples."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from bkgen import api

from .common import Row, best_of, chain_card

CHAIN = "K + X(-> 2)"
TABLES = {"root": "a.root", "rntuple": "b.root", "parquet": "a.parquet"}
RECORDS = {"hepmc3": "a.hepmc3", "lhe": "a.lhe"}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def measure(
    events: int = 4_000_000, records: int = 50_000, sizes: tuple[int, ...] = SIZES, repeats: int = 3
) -> list[Row]:
    """Rates with one and two workers; records are slower by far and get fewer events."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            null = _rate("null", "unused.root", events, workers, repeats, folder)
            for format, name in TABLES.items() | RECORDS.items():
                n = events if format in TABLES else records
                rate = _rate(format, name, n, workers, repeats, folder)
                what = f"{format}, {workers} worker{'s' * (workers > 1)}"
                rows.append(Row(what, rate / 1e6, "million events/s", null / 1e6, "null"))
        best = max(_rate("null", "unused.root", n, 2, repeats if n < 10**8 else 1, folder) for n in sizes[-1:])
        for n in sizes[:-1]:
            rate = _rate("null", "unused.root", n, 2, repeats, folder)
            rows.append(Row(f"null, {n:.0e} events", rate / 1e6, "million events/s", best / 1e6, f"{sizes[-1]:.0e}"))
    return rows


def _rate(format: str, name: str, events: int, workers: int, repeats: int, folder: str) -> float:
    card = chain_card(CHAIN, events, path=str(Path(folder) / name), format=format)
    return events / best_of(partial(api.run, card, workers, force=True), repeats)
