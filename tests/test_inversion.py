"""Solving for a model parameter: values, bounds, several solutions, refusals, and the option of `bkgen rates`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import bkgen
from bkgen import cli
from bkgen.card import Card
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"


def card_of(model: dict[str, Any], **settings: Any) -> Card:
    return bkgen.load_card({"schema": 1, "model": model, "channel": "B+ -> K+", **settings})


def value(card: Card, name: str) -> float:
    (found,) = [q.value for q in bkgen.rates(card, uncertainties=False) if q.name == name]
    assert isinstance(found, float)
    return found


def ready(name: str) -> Card:
    return bkgen.load_card(CARDS / f"{name}.yaml")


def message(card: Card, parameter: str, target: float, quantity: str = "BR") -> str:
    """The one line with which solving is refused."""
    with pytest.raises(InputError) as caught:
        bkgen.solve(card, parameter, target, quantity)
    (problem,) = caught.value.problems
    assert "\n" not in str(problem)
    return str(problem)


SOLVABLE = [
    ("alp", "f_a", 7e-6, "BR"),
    ("alp", "C_V_sb", 1e-12, "BR"),
    ("alp", "m_a", 1e-5, "BR"),
    ("alp", "f_a", 1.0, "ctau(a)"),
    ("alp", "C_chi", 0.9, "BR(a -> inv)"),
    ("dark_higgs", "sin_theta", 1.0e-5, "BR(B+ -> K+ inv)"),
    ("dark_higgs", "Zp.g_X", 0.5, "BR(H1 -> inv)"),
    ("light_z_prime", "g_V", 1e-4, "BR"),
    ("wet", "C_VL", 1.3e-5, "BR"),
    ("massless_dark_photon", "Lambda", 1e-5, "BR"),
]


@pytest.mark.parametrize(("name", "parameter", "target", "quantity"), SOLVABLE)
def test_solution_has_the_value(name: str, parameter: str, target: float, quantity: str) -> None:
    card = ready(name)
    solution = bkgen.solve(card, parameter, target, quantity)
    total = f"BR({card.channel} {card.model.mediator})" if quantity == "BR" else quantity
    assert value(solution.card, total) == pytest.approx(target, rel=1e-9, abs=0.0)
    owner: Any = solution.card.model
    for key in parameter.split("."):
        owner = getattr(owner, key)
    assert owner == solution.parameter.value
    assert bkgen.load_card(solution.card.resolved()) == solution.card


def test_a_power_law_is_exact() -> None:
    """BR ~ 1/f_a^2, to 1e-10, from a start that is 20 decades away, and with the unit of the parameter."""
    card = ready("alp")
    exact = 1e8 * (value(card, "BR(B+ -> K+ a)") / 7e-6) ** 0.5
    for start in (1e8, 1e-12, 1e28):
        solution = bkgen.solve(card.with_model(f_a=start), "f_a", 7e-6)
        assert solution.parameter.value == pytest.approx(exact, rel=1e-10, abs=0.0)
    assert (solution.parameter.name, solution.parameter.unit) == ("f_a", "GeV")
    assert solution.parameter.source == "solved for BR(B+ -> K+ a) = 7e-06"
    assert not solution.notes


def test_the_card_already_solves_it() -> None:
    card = ready("alp")
    assert bkgen.solve(card, "f_a", value(card, "BR(B+ -> K+ a)")).parameter.value == 1e8


def test_sign_of_the_card_is_kept() -> None:
    card = card_of({"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_V_sb": -1.0})
    assert bkgen.solve(card, "C_V_sb", 1e-6).parameter.value == pytest.approx(-0.221, rel=1e-3)


def test_a_parameter_that_the_card_leaves_out() -> None:
    """The search starts at 1 for a coupling that is 0 or not given."""
    card = card_of({"name": "alp", "m_a": 2.0, "f_a": 1e8, "m_chi": 0.5})
    solution = bkgen.solve(card, "C_chi", 0.5, "BR(a -> inv)")
    assert value(solution.card, "BR(a -> inv)") == pytest.approx(0.5, rel=1e-9)
    assert bkgen.solve(card, "C_V_sb", 1e-6).parameter.value == pytest.approx(0.221, rel=1e-3)


def test_the_nearest_of_several_solutions() -> None:
    """A light Z' of d = 5 has little rate at small and at large mass."""
    model = {"name": "light_z_prime", "d": 5, "g_V": 1e-5, "Lambda": 1e3}
    low, high = (bkgen.solve(card_of({**model, "m_Zp": m}), "m_Zp", 1e-9) for m in (0.05, 4.7))
    assert low.parameter.value < high.parameter.value
    for solution in (low, high):
        (note,) = solution.notes
        assert note.startswith("m_Zp: 2 solutions for BR(B+ -> K+ Zp) = 1e-09: ")
        assert note.endswith("the one nearest to the card is taken")
        assert value(solution.card, "BR(B+ -> K+ Zp)") == pytest.approx(1e-9, rel=1e-9, abs=0.0)


@pytest.mark.parametrize(
    ("parameter", "target", "quantity", "expected"),
    [
        ("f_b", 1e-6, "BR", "f_b: unknown parameter (did you mean f_a?)"),
        ("xyz", 1e-6, "BR", "xyz: unknown parameter, one of: m_a, f_a, C_q"),
        ("Zp.g_X", 1e-6, "BR", "Zp.g_X: the card has no block Zp"),
        ("majorana", 1e-6, "BR", "majorana = False: is not a real number that can be solved for"),
        ("name", 1e-6, "BR", "name = alp: is not a real number that can be solved for"),
        ("f_a", 1e-6, "BR(B+ -> K+ imv)", "is not a quantity of this card (did you mean BR(B+ -> K+ inv)?)"),
        ("f_a", float("nan"), "BR", "BR(B+ -> K+ a) = nan: must be a finite number"),
        ("alpha_s", 1e-6, "BR", "alpha_s: BR(B+ -> K+ a) does not depend on it, it is 2.04747e-05 everywhere"),
        ("m_a", 1.0, "BR", "m_a: no solution for BR(B+ -> K+ a) = 1: it takes values from "),
        ("f_a", -1.0, "BR", "f_a: no solution for BR(B+ -> K+ a) = -1: it takes values from "),
        ("C_chi", 1.0, "BR(a -> inv)", "C_chi: no solution for BR(a -> inv) = 1: it takes values from "),
    ],
)
def test_refusals(parameter: str, target: float, quantity: str, expected: str) -> None:
    assert expected in message(ready("alp"), parameter, target, quantity)


def test_the_model_ends_the_search() -> None:
    """m_a ends at the threshold of the channel, alpha_s at its bound: both are named as the range searched."""
    assert "for m_a between" in message(ready("alp"), "m_a", 1.0)
    assert message(ready("alp"), "m_a", 1.0).endswith("and 4.78573")
    assert message(ready("alp"), "alpha_s", 1e6, "ctau(a)/m").startswith("ctau(a)/m: is not a quantity")
    assert message(ready("alp"), "alpha_s", 1e-30, "ctau(a)").endswith("and 1")


def test_a_start_that_the_model_refuses() -> None:
    card = card_of({"name": "alp", "m_a": 2.0, "f_a": 1e8})
    assert message(card, "C_chi", 0.5, "BR(a -> inv)") == "model.m_chi: required with C_chi"


# --- Card.with_model


def test_with_model_is_a_checked_card() -> None:
    card = ready("dark_higgs")
    moved = card.with_model({"Zp.g_X": 2e-4}, m_H1=3)
    data = card.resolved()
    data["model"]["m_H1"], data["model"]["Zp"]["g_X"] = 3.0, 2e-4
    assert moved == bkgen.load_card(data)
    assert bkgen.rates(moved) == bkgen.rates(bkgen.load_card(data))
    assert card == ready("dark_higgs")
    assert ready("alp").with_model(m_a=1.0).warnings
    assert not ready("alp").warnings


def test_with_model_keeps_a_variation() -> None:
    card = bkgen.load_card({**ready("alp").resolved(), "variation": [1.0]})
    again = bkgen.load_card({**ready("alp").resolved(), "variation": [1.0]})
    assert bkgen.rates(card.with_model(m_a=2.0)) == bkgen.rates(again)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"m_a": 4.9}, "m_a = 4.9: must be below"),
        ({"m_a": -1.0}, "model.m_a = -1.0: must be a number > 0"),
        ({"mass": 1.0}, "unknown key"),
        ({"Zp.g_X": 1.0}, "unknown key"),
        ({"m_a.x": 1.0}, "model.m_a"),
    ],
)
def test_with_model_refuses(changes: dict[str, float], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ready("alp").with_model(changes)


def test_rates_without_uncertainties() -> None:
    """The same values in the same order."""
    for name in ("alp", "dark_higgs", "massless_dark_photon"):
        full, quick = bkgen.rates(ready(name)), bkgen.rates(ready(name), uncertainties=False)
        assert [(q.name, q.value) for q in full] == [(q.name, q.value) for q in quick]
        assert all(q.uncertainty is None for q in quick)


# --- the command


def command(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_table_of_the_command() -> None:
    code, out, err = command("rates", CARDS / "alp.yaml", "--solve", "f_a=BR:7e-6")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split() == [
        *("f_a", "1.71025e+08", "GeV", "solved", "for", "BR(B+", "->", "K+", "a)", "=", "7e-06")
    ]
    assert out.splitlines()[2].split()[:5] == ["BR(B+", "->", "K+", "a)", "7e-06"]


def test_json_of_the_command() -> None:
    words = ("rates", CARDS / "dark_higgs.yaml", "--json", "--solve", "sin_theta=BR(B+ -> K+ inv):1.8e-5")
    code, out, err = command(*words)
    answer = json.loads(out)
    assert code == 0
    solved = answer["quantities"]["sin_theta"]
    assert (solved["unit"], answer["card"]["model"]["sin_theta"]) == ("1", solved["value"])
    assert answer["quantities"]["BR(B+ -> K+ inv)"]["value"] == pytest.approx(1.8e-5, rel=1e-9)
    assert answer["warnings"] == [line.removeprefix("warning: ") for line in err.splitlines()]
    assert "2 solutions" in err


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("f_a", "--solve = f_a: must be PARAM=BR:VALUE, e.g. f_a=BR:7e-6"),
        ("f_a=7e-6", "must be PARAM=BR:VALUE"),
        ("=BR:7e-6", "must be PARAM=BR:VALUE"),
        ("f_a=:7e-6", "must be PARAM=BR:VALUE"),
        ("f_a=BR:many", "'many' is not a number"),
        ("f_a=BR:inf", "must be a finite number"),
        ("fa=BR:1e-6", "did you mean f_a?"),
        ("f_a=BR:0", "no solution"),
    ],
)
def test_bad_options_are_one_line(option: str, expected: str) -> None:
    code, out, err = command("rates", CARDS / "alp.yaml", "--solve", option)
    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.splitlines()) == 1
