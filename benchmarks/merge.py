"""Merging the files of a sample in pieces, all branches, every value checked: time and memory."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bkgen import api
from bkgen.generator import CHUNK

from .common import Row, best_of, chain_card
from .memory import LIMIT, peak_memory

CHAIN = "K + X(-> 2)"
SECONDS = 10.0


def measure(files: int = 100, repeats: int = 2) -> list[Row]:
    """Seconds and largest resident size of `bkgen merge` of so many files of one chunk (131,072 events) each."""
    with tempfile.TemporaryDirectory() as folder:
        pieces = [Path(folder) / f"{k}.root" for k in range(files)]
        for k, piece in enumerate(pieces):
            api.run(chain_card(CHAIN, files * CHUNK, path=str(piece)), chunks=(k, k + 1))
        output = Path(folder) / "merged.root"
        seconds = best_of(lambda: api.merge(output, pieces, force=True), repeats)
        command = [sys.executable, "-m", "bkgen", "merge", str(output), *map(str, pieces), "--force"]
        peak = peak_memory(command)
    return [
        Row(f"merge of {files} files", seconds, "s", SECONDS, "limit", at_most=1.0),
        Row(f"memory, merge of {files} files", peak, "MiB", LIMIT, "limit", at_most=1.0),
    ]
