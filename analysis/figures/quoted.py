"""Fits, measurements and printed numbers that the figures compare with, from `data/figures`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import numpy as np

from bkgen.limits import Limit, all_limits

from ..responses import Array

FOLDER: Traversable = files("bkgen_analysis") / "data" / "figures"


@dataclass(frozen=True)
class Quoted:
    """One number with its errors, 0 where it has none.

    kind: fit, an interval that is no exclusion; limit; printed, a number of a paper or talk, right or wrong.
    what: its meaning and unit; mass: range [GeV] of a search; reference; status: verified, or unverified if it was not
    found in its source.
    """

    value: float
    kind: Literal["fit", "limit", "printed"]
    what: str
    reference: str
    status: Literal["verified", "unverified"]
    up: float = 0.0
    down: float = 0.0
    mass: tuple[float, float] = (0.0, 0.0)

    @property
    def interval(self) -> tuple[float, float]:
        """Value less and plus its errors."""
        return self.value - self.down, self.value + self.up


@functools.cache
def _table() -> dict[str, Quoted]:
    rows = tomllib.loads((FOLDER / "quoted.toml").read_text(encoding="utf-8"))
    return {name: Quoted(**{**row, "mass": tuple(row.get("mass", (0.0, 0.0)))}) for name, row in rows.items()}


def quoted(name: str) -> Quoted:
    """A number of `quoted.toml`.  Raises KeyError for an unknown name."""
    return _table()[name]


def limit(name: str) -> Limit:
    """A limit of bkgen by its id.  Raises KeyError for an unknown one."""
    return {found.id: found for found in all_limits()}[name]


def number(name: str) -> float:
    """The value of a limit that is a number.  Raises KeyError for an unknown one, TypeError for a curve."""
    value = limit(name).value
    if value is None:
        raise TypeError(f"the limit {name} is a curve")
    return value


@functools.cache
def two_body_fit() -> Array:
    """(n, 4) m_X [GeV], best BR(B+ -> K+ X) and the ends of its 68% interval, from Belle II and BaBar.

    A fit, not a limit.  Source: W. Altmannshofer et al., arXiv:2311.14629, digitised by ALPaca.
    """
    text = (FOLDER / "two_body_fit.csv").read_text(encoding="utf-8")
    return np.loadtxt(text.splitlines(), delimiter=",", comments="#")
