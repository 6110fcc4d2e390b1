"""Figures of the yields of dark matter as the universe cools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bkgen.dark_matter import OMEGA_H2
from bkgen.errors import InputError, MissingExtra
from bkgen.relic_density import RelicDensity

from .style import BLACK, BLUE, ORANGE, VERMILLION, literal, plain_style, provenance

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib") from error

_SHOWN = 1e-3  # of the yield today, the smallest that is shown
_X_MAX = 300.0
_NEEDED = ({"x", "Y", "Y_eq"}, {"T", "Y", "Y_eq", "Y_mediator", "Y_mediator_eq"})


def yields(history: Mapping[str, ArrayLike], title: str, source: str) -> Figure:
    """Yields of `bkgen.relic` against x = m/T (freeze-out) or T (freeze-in), dark matter and mediator.

    history: arrays (n,).  Raises InputError for a history without yields, as of a relic that never freezes out.
    """
    found = {name: np.asarray(values, dtype=np.float64) for name, values in history.items()}
    if not any(needed <= found.keys() for needed in _NEEDED):
        raise InputError(f"{source}: no yields to draw, there is no freeze-out")
    with plain_style():
        figure = Figure(figsize=(6.0, 4.4), layout="constrained")
        axes = figure.subplots()
        frozen_in = "T" in found
        t = found["T" if frozen_in else "x"]
        axes.loglog(t, found["Y"], "-", color=BLUE, label="dark matter")
        axes.loglog(t, found["Y_eq"], "--", color=BLACK, label="dark matter in equilibrium")
        if frozen_in:
            axes.loglog(t, found["Y_mediator"], "-.", color=VERMILLION, label="mediator")
            axes.loglog(t, found["Y_mediator_eq"], ":", color=ORANGE, label="mediator in equilibrium")
            axes.set_xlim(t.max(), t.min())
            axes.set_xlabel("temperature [GeV]")
        else:
            axes.set_xlim(t.min(), min(_X_MAX, t.max()))
            axes.set_xlabel(r"$x = m/T$")
        axes.set_ylim(
            _SHOWN * found["Y"][-1], 3.0 * max(np.max(values) for name, values in found.items() if "Y" in name)
        )
        axes.set_ylabel(r"$Y = n/s$")
        axes.set_title(literal(title), loc="left")
        axes.legend()
        provenance(figure, source)
    return figure


def yields_of(found: RelicDensity, source: str) -> Figure:
    """The figure of a result in memory.  Raises InputError as `yields`."""
    omega = next(q.value for q in found.quantities if q.name == OMEGA_H2)
    return yields(found.history, _title(omega), source)


def is_answer(path: Path) -> bool:
    """Whether a file is the JSON answer of `bkgen relic`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("command") == "relic"


def yields_of_answer(path: Path) -> Figure:
    """The figure of an answer of `bkgen relic --json`.  Raises InputError as `yields`."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    try:
        omega = data["quantities"][OMEGA_H2]["value"]
        history = {str(name): np.array(values, dtype=np.float64) for name, values in data["history"].items()}
        usable = all(values.ndim == 1 and np.all(np.isfinite(values)) for values in history.values())
        if not usable or len({values.size for values in history.values()}) != 1 or 0 in map(np.size, history.values()):
            raise ValueError("arrays of different lengths, or not finite")
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise InputError(f"{path}: not the whole answer of bkgen relic: make it again with --json") from None
    return yields(history, _title(omega), f"{path.name}, inputs {str(data.get('inputs_sha256'))[:12]}")


def _title(omega_h2: object) -> str:
    return f"Omega h2 = {omega_h2:.4g}" if isinstance(omega_h2, float) else ""
