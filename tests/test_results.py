"""The JSON answer of commands and the table of results."""

from __future__ import annotations

import io
import json
import math

import pytest

import bkgen
from bkgen.errors import RunError
from bkgen.results import Quantity, answer, number, show_quantities, show_table

BR = Quantity("BR(B+ -> K+ inv)", 4.967357e-6, "1", 2.8e-7, "arXiv:2207.13371")
CTAU = Quantity("ctau(H1)", 3.0, "m")


def test_answer_has_the_agreed_keys() -> None:
    result = answer("rates", {"schema": 1}, [BR, CTAU], ("narrow",), "abc")
    assert result == {
        "bkgen": bkgen.__version__,
        "command": "rates",
        "card": {"schema": 1},
        "inputs_sha256": "abc",
        "warnings": ["narrow"],
        "quantities": {
            "BR(B+ -> K+ inv)": {
                "value": 4.967357e-6,
                "unit": "1",
                "uncertainty": 2.8e-7,
                "source": "arXiv:2207.13371",
            },
            "ctau(H1)": {"value": 3.0, "unit": "m", "uncertainty": None, "source": ""},
        },
    }
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize(
    "bad",
    [
        Quantity("Omega h2", math.nan),
        Quantity("Omega h2", math.inf),
        Quantity("Omega h2", 1.0, "1", uncertainty=math.nan),
    ],
)
def test_answer_names_the_quantity_that_is_not_finite(bad: Quantity) -> None:
    with pytest.raises(RunError, match=r"Omega h2 is (nan|inf)"):
        answer("relic", {}, [CTAU, bad], (), "")


def test_answer_refuses_a_name_twice() -> None:
    with pytest.raises(RunError, match=r"two results are called ctau\(H1\)"):
        answer("rates", {}, [CTAU, CTAU], (), "")


def test_plain_table_keeps_names_and_numbers_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_quantities([BR, CTAU])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines() == [
        "quantity          value        uncertainty  unit  source",
        "BR(B+ -> K+ inv)  4.96736e-06  2.8e-07      1     arXiv:2207.13371",
        "ctau(H1)          3                         m",
    ]


def test_columns_that_are_empty_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_quantities([CTAU])
    show_table(("a", "b"), [])
    assert capsys.readouterr().out.splitlines() == ["quantity  value  unit", "ctau(H1)  3      m"]


class Terminal(io.StringIO):
    """A text buffer that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_framed_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    show_quantities([Quantity("BR([red]x)", 0.5)])
    assert "BR([red]x)" in terminal.getvalue()
    assert "│" in terminal.getvalue()


def test_number_of_digits() -> None:
    assert number(1.23456789e-5) == "1.23457e-05"
    assert number(2.0, digits=2) == "2"
