"""What the benchmarks share: rows of results, the cards they run, timing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bkgen.api import load_card
from bkgen.card import Card

CARDS = Path(__file__).parent.parent / "cards"
REPEATS = 5

CHAINS: dict[str, dict[str, Any]] = {
    "K + X(-> 2)": {"model": {"name": "sm"}, "channel": "B+ -> K+"},
    "K* + X(-> 2)": {"model": {"name": "kst_toy"}, "channel": "B0 -> K*0", "detector": "ideal"},
    "K + X(-> 2 -> 4)": {"model": load_card(CARDS / "dark_higgs.yaml").resolved()["model"], "channel": "B+ -> K+"},
}
"""One card for each shape of the event loop, with its detector."""


@dataclass(frozen=True)
class Row:
    """One measured figure beside what it is compared with; ratio = measured/reference."""

    what: str
    measured: float
    unit: str
    reference: float
    reference_is: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        """Measured over reference."""
        return self.measured / self.reference

    @property
    def met(self) -> bool:
        """Whether the ratio is inside its limits."""
        low = self.at_least is None or self.ratio >= self.at_least
        return low and (self.at_most is None or self.ratio <= self.at_most)


def chain_card(name: str, events: int, **output: Any) -> Card:
    """A chain's card with that many events."""
    return load_card({"schema": 1, **CHAINS[name], "generate": {"events": events}, "output": output})


def best_of(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """Shortest wall time [s] of several calls."""
    return best_of_each([function], repeats)[0]


def best_of_each(functions: Sequence[Callable[[], object]], repeats: int = REPEATS) -> list[float]:
    """Shortest wall time [s] of each function, called in turn: what slows the machine down for a while slows all."""
    return np.min([[_seconds(function) for function in functions] for _ in range(repeats)], axis=0).tolist()


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
