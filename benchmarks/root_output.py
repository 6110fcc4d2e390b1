"""End to end to a ROOT file, against uproot alone writing the same columns with the same compression."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import uproot

from bkgen import api
from bkgen.card import Card
from bkgen.generator import CHUNK, EventBatch
from bkgen.io.root import CODECS, COMPRESSION_LEVEL
from bkgen.jobs import sample_of

from .common import Row, best_of_each, chain_card

CHAIN = "K + X(-> 2)"
LIMITS = {("float64", "lz4"): 0.8, ("float64", "zstd"): 0.8, ("float32", "lz4"): 0.55}
"""Smallest ratio by precision and compression."""


def measure(events: int = 40 * CHUNK, repeats: int = 3) -> list[Row]:
    """Events per second of `bkgen.run` over those of uproot writing chunks that are already in memory."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for (dtype, codec), limit in LIMITS.items():
            ours, theirs = Path(folder) / "bkgen.root", Path(folder) / "uproot.root"
            card = chain_card(CHAIN, events, path=str(ours), dtype=dtype, compression=codec)
            sample = sample_of(card)
            batch = sample.chunk(0)
            seconds = best_of_each(
                [partial(_bkgen, ours, card), partial(_uproot_alone, theirs, batch, sample.n_chunks, codec)], repeats
            )
            mine, peer = events / seconds[0], sample.n_chunks * len(batch) / seconds[1]
            what = f"run card to ROOT file, {dtype} {codec}"
            rows.append(Row(what, mine / 1e6, "million events/s", peer / 1e6, "uproot alone", at_least=limit))
    return rows


def _bkgen(path: Path, card: Card) -> None:
    # not replaced at the end, which would need the memory of two files where the peer needs that of one
    path.unlink(missing_ok=True)
    api.run(card)


def _uproot_alone(path: Path, batch: EventBatch, n_chunks: int, codec: str) -> None:
    path.unlink(missing_ok=True)
    branches = {name: values.dtype for name, values in batch.columns.items()}
    with uproot.recreate(path, compression=CODECS[codec](COMPRESSION_LEVEL)) as file:
        tree = file.mktree("events", branches, initial_basket_capacity=n_chunks)
        for _ in range(n_chunks):
            tree.extend(batch.columns)
