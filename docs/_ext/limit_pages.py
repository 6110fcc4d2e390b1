"""Fill the page of constraints with the shipped limits: the comment MARKER is replaced by their table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_pages import plain
from sphinx.application import Sphinx

from bkgen.limits import Limit, all_limits
from bkgen.results import number

MARKER = "<!-- limits -->"


def table() -> Iterator[str]:
    """Lines of the table of all limits."""
    yield "| id | bounds | limit | CL | experiment | reference | status | |"
    yield "|---|---|---|---|---|---|---|---|"
    for limit in all_limits():
        cl = "" if limit.cl is None else f"{limit.cl:.0%}"
        notes = "; ".join(_notes(limit))
        cells = map(plain, (_value(limit), cl, limit.name, limit.reference, limit.status, notes))
        yield " | ".join((f"| `{limit.id}` | `{limit.observable}`", *cells)) + " |"


def _value(limit: Limit) -> str:
    sign = "<" if limit.bound == "upper" else ">"
    return "curve" if limit.value is None else f"{sign} {number(limit.value, 4)}"


def _notes(limit: Limit) -> Iterator[str]:
    if limit.mass is not None:
        yield f"masses {limit.mass[0]:g} to {limit.mass[1]:g} GeV"
    if limit.superseded_by:
        yield f"superseded by {limit.superseded_by}"
    if limit.note:
        yield limit.note


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = source[0].replace(MARKER, "\n".join(table()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}
