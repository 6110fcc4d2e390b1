"""No number of the cards changes unseen; see golden.py for what to do if one must."""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden import CARDS, TABLE, golden

ABOUT, *ROWS = json.loads(TABLE.read_text(encoding="utf-8"))
HINT = "if this is meant: python tests/golden.py, and the size of the change in CHANGELOG.md"


@pytest.mark.parametrize("row", ROWS, ids=[row["card"] for row in ROWS])
def test_numbers_are_those_of_the_table(row: dict[str, Any]) -> None:
    (path,) = [path for path in CARDS if path.stem == row["card"]]
    now = golden(path)
    for block in ("rates", "sums"):
        assert now[block] == pytest.approx(row[block], rel=1e-9, abs=0.0), HINT


def test_every_card_is_in_the_table() -> None:
    assert [row["card"] for row in ROWS] == [path.stem for path in CARDS], HINT
    assert {"bkgen", "data_sha256", "events", "source"} == ABOUT.keys()
