"""End to end to a ROOT file, against uproot alone writing the same columns with the same compression."""

from __future__ import annotations

import tempfile
from pathlib import Path

import uproot

from bkgen import api
from bkgen.generator import CHUNK
from bkgen.io.root import COMPRESSION_LEVEL
from bkgen.jobs import sample_of

from .common import Row, best_of, chain_card

CHAIN = "K + X(-> 2)"


def measure(events: int = 40 * CHUNK, repeats: int = 3) -> list[Row]:
    """Events per second of `bkgen.run` over those of uproot writing chunks that are already in memory."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "bkgen.root", Path(folder) / "uproot.root"
        card = chain_card(CHAIN, events, path=str(ours))
        sample = sample_of(card)
        batch = sample.chunk(0)

        def uproot_alone() -> None:
            with uproot.recreate(theirs, compression=uproot.LZ4(COMPRESSION_LEVEL)) as file:
                tree = file.mktree("events", dict(sample.branches), initial_basket_capacity=sample.n_chunks)
                for _ in range(sample.n_chunks):
                    tree.extend(batch.columns)

        api.run(card, force=True)
        peer = sample.n_chunks * len(batch) / best_of(uproot_alone, repeats)
        mine = events / best_of(lambda: api.run(card, force=True), repeats)
    return [Row("run card to ROOT file", mine / 1e6, "million events/s", peer / 1e6, "uproot alone", at_least=0.6)]
