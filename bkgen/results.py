"""Named results with units: the JSON answer of every command, and the table a terminal shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import __version__
from .errors import RunError


@dataclass(frozen=True)
class Quantity:
    """One result with its unit ('1' for pure numbers) and the source of the formula or data.

    value: a number, the ends of an interval, or a yes/no.
    """

    name: str
    value: float | bool | tuple[float, ...]
    unit: str = "1"
    uncertainty: float | None = None
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The entry of the JSON answer.  Raises RunError if a number is not finite."""
        return {
            "value": self._json(),
            "unit": self.unit,
            "uncertainty": None if self.uncertainty is None else self._finite(self.uncertainty),
            "source": self.source,
        }

    def _json(self) -> float | bool | list[float]:
        if isinstance(self.value, bool):
            return self.value
        if isinstance(self.value, tuple):
            return [self._finite(number) for number in self.value]
        return self._finite(self.value)

    def _finite(self, number: float) -> float:
        if not math.isfinite(number):
            raise RunError(f"{self.name} is {number}, there is no finite result at this point")
        return float(number)


def answer(
    command: str,
    card: Mapping[str, Any],
    quantities: Iterable[Quantity],
    warnings: Sequence[str],
    inputs_sha256: str,
) -> dict[str, Any]:
    """The JSON answer of a command; `card` is the resolved card.

    Raises RunError that names the quantity for a NaN or infinity, and for a name that occurs twice.
    """
    entries: dict[str, dict[str, Any]] = {}
    for quantity in quantities:
        if quantity.name in entries:
            raise RunError(f"two results are called {quantity.name}")
        entries[quantity.name] = quantity.to_dict()
    return {
        "bkgen": __version__,
        "command": command,
        "card": dict(card),
        "inputs_sha256": inputs_sha256,
        "warnings": list(warnings),
        "quantities": entries,
    }


HEADER = ("quantity", "value", "uncertainty", "unit", "source")


def rows(quantities: Iterable[Quantity]) -> list[tuple[str, ...]]:
    """Cells of the table, one row for each quantity, under `HEADER`."""
    return [
        (
            quantity.name,
            shown(quantity.value),
            "" if quantity.uncertainty is None else number(quantity.uncertainty, digits=2),
            quantity.unit,
            quantity.source,
        )
        for quantity in quantities
    ]


def shown(value: float | bool | tuple[float, ...]) -> str:
    """A value as text: 6 digits, [a, b] for an interval, yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"[{', '.join(map(number, value))}]"
    return number(value)


def number(value: float, digits: int = 6) -> str:
    """A number with a fixed number of significant digits."""
    return f"{value:.{digits}g}"


def show_quantities(quantities: Iterable[Quantity]) -> None:
    """Print a table of results to standard output."""
    show_table(HEADER, rows(quantities))


def show_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print a table to standard output: framed on a terminal, aligned plain text otherwise.

    Columns that are empty everywhere are left out.
    """
    if not cells:
        return
    used = [i for i in range(len(header)) if any(row[i] for row in cells)]
    header = [header[i] for i in used]
    cells = [[row[i] for i in used] for row in cells]

    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        print("\n".join(_aligned([header, *cells])))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(*header)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
