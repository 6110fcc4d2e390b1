"""Reference values of public functions: one generic runner for the rows of tests/reference/functions.json.

A row is ``{name, call, args, value, rel_tol, source}``.  ``args`` is a list or a mapping; in place of a
number, ``{"call": ..., "args": ...}`` is the result of another call.  Complex values are ``{re, im}``.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parent / "reference"
FUNCTIONS = json.loads((REFERENCE / "functions.json").read_text(encoding="utf-8"))


def resolve(dotted: str) -> Any:
    """The object ``package.module.attribute[.attribute]``."""
    parent, _, name = dotted.rpartition(".")
    try:
        owner: Any = importlib.import_module(parent)
    except ModuleNotFoundError:
        owner = resolve(parent)
    return getattr(owner, name)


def evaluate(node: Any) -> Any:
    """A plain value, or the result of the call that ``node`` describes."""
    if isinstance(node, list):
        return [evaluate(item) for item in node]
    if not isinstance(node, dict):
        return node
    function, arguments = resolve(node["call"]), node["args"]
    if isinstance(arguments, list):
        return function(*evaluate(arguments))
    return function(**{name: evaluate(value) for name, value in arguments.items()})


def expected(value: Any) -> Any:
    """The expected value, with ``{re, im}`` as a complex number."""
    return complex(value["re"], value["im"]) if isinstance(value, dict) else value


@pytest.mark.parametrize("row", FUNCTIONS, ids=[row["name"] for row in FUNCTIONS])
def test_function(row: dict[str, Any]) -> None:
    result = evaluate({"call": row["call"], "args": row["args"]})
    assert result == pytest.approx(expected(row["value"]), rel=row["rel_tol"], abs=0.0), row["source"]


def test_row_names_are_unique() -> None:
    names = [row["name"] for row in FUNCTIONS]
    assert len(names) == len(set(names))
