"""The relic density of a card: quantities, the command, solving for a parameter, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import bkgen
from bkgen import cli
from bkgen.card import Card
from bkgen.dark_matter import AnnihilationChannel, DarkMatter, FreezeIn, FreezeOut, SemiAnnihilation
from bkgen.errors import InputError
from bkgen.formfactors import Inputs
from bkgen.models.scalar_dm import ScalarDarkMatter
from bkgen.models.sm import StandardModel
from bkgen.units import GEV_M2_TO_CM3_PER_S

CARD = {"schema": 1, "model": {"name": "scalar_dm", "m_phi": 1.0, "gS": 3e-5}, "channel": "B+ -> K+"}


def annihilating(model: ScalarDarkMatter, inputs: Inputs) -> DarkMatter:
    """An s wave with <sigma v> = gS^2 GeV^-2 without regard to any theory."""
    m, sigma_v = model.m_phi, abs(complex(model.gS)) ** 2

    def sigma(s: Any) -> Any:
        return sigma_v / (2.0 * np.sqrt(1.0 - 4.0 * m**2 / s))

    return FreezeOut("phi", m, 1.0, False, (AnnihilationChannel("test", sigma),))


def semi_annihilating(model: ScalarDarkMatter, inputs: Inputs) -> DarkMatter:
    pair = annihilating(model, inputs)
    assert isinstance(pair, FreezeOut)
    return SemiAnnihilation("phi", pair.mass, 1.0, (), pair.channels)


def freezing_in(model: ScalarDarkMatter, inputs: Inputs) -> DarkMatter:
    return FreezeIn("phi", model.m_phi, 1.0, False, 4.0, 1e-14, 1e-10 * abs(complex(model.gS)) ** 2)


def broken(model: ScalarDarkMatter, inputs: Inputs) -> DarkMatter:
    return FreezeOut("phi", 1.0, 1.0, False, (AnnihilationChannel("test", lambda s: s - 1e9),))


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    monkeypatch.setattr(ScalarDarkMatter, "dark_matter", annihilating)
    return bkgen.load_card(CARD)


@pytest.fixture
def path(card: Card, tmp_path: Path) -> Path:
    file = tmp_path / "card.yaml"
    file.write_text(json.dumps(CARD), encoding="utf-8")
    return file


def values(card: Card) -> dict[str, Any]:
    return {quantity.name: quantity.value for quantity in bkgen.relic(card).quantities}


def command(*words: object) -> Any:
    return CliRunner().invoke(cli.app, ["relic", *map(str, words)], catch_exceptions=False)


def test_quantities_of_freeze_out(card: Card) -> None:
    found = bkgen.relic(card)
    named = {quantity.name: quantity for quantity in found.quantities}
    assert list(named) == ["Omega h2", "freezes out", "x_f", "T_f", "<sigma v>(x_f)", "Y", "share(test)"]
    assert named["freezes out"].value is True
    assert named["T_f"].value == pytest.approx(1.0 / values(card)["x_f"])
    assert named["T_f"].unit == "GeV"
    assert named["<sigma v>(x_f)"].value == pytest.approx(9e-10 * GEV_M2_TO_CM3_PER_S, rel=0.1)
    assert named["Omega h2"].source == "scalar_dm, g* SS"
    assert set(found.history) == {"x", "Y", "Y_eq"}
    assert not found.warnings


def test_other_degrees_of_freedom(card: Card) -> None:
    from bkgen.relic_density import relic

    (first, *_), (second, *_) = relic(card).quantities, relic(card, "WS").quantities
    assert isinstance(first.value, float)
    assert isinstance(second.value, float)
    assert 0.001 < abs(second.value / first.value - 1.0) < 0.2
    assert callable(bkgen.relic)  # the function, not a module of that name


def test_constants_of_the_card(card: Card) -> None:
    """Omega h2 is proportional to the entropy density today."""
    other = bkgen.load_card({**CARD, "inputs": {"s_0": 2 * 2891.2}})
    assert values(other)["Omega h2"] == pytest.approx(2.0 * values(card)["Omega h2"])


def test_semi_annihilation(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as effective, so about twice the density."""
    pair = values(card)["Omega h2"]
    monkeypatch.setattr(ScalarDarkMatter, "dark_matter", semi_annihilating)
    assert values(card)["Omega h2"] == pytest.approx(2.0 * pair, rel=0.05)


def test_freeze_in(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScalarDarkMatter, "dark_matter", freezing_in)
    found = bkgen.relic(card)
    assert [quantity.name for quantity in found.quantities] == ["Omega h2", "Y", "late fraction"]
    assert set(found.history) == {"T", "Y", "Y_eq", "Y_mediator", "Y_mediator_eq"}
    solution = bkgen.solve(card, "gS", 0.12, "Omega h2")
    assert values(solution.card)["Omega h2"] == pytest.approx(0.12, rel=1e-8)


def test_no_freeze_out(card: Card) -> None:
    """A coupling that never was in equilibrium has a density, a warning, and no x_f."""
    found = bkgen.relic(card.with_model(gS=1e-20))
    assert [quantity.name for quantity in found.quantities] == ["Omega h2", "freezes out", "Y"]
    assert found.quantities[1].value is False
    assert "no freeze-out" in found.warnings[0]
    assert found.history == {}


def test_solving(card: Card) -> None:
    """From the point of the card, and from one that does not freeze out."""
    for start in (3e-5, 1e-20):
        solution = bkgen.solve(card.with_model(gS=start), "gS", 0.12, "Omega h2")
        assert isinstance(solution.parameter.value, float)
        assert values(solution.card)["Omega h2"] == pytest.approx(0.12, rel=1e-8)
        assert 1e-6 < solution.parameter.value < 1e-3


def test_command(path: Path) -> None:
    result = command(path)
    assert result.exit_code == 0
    assert result.stdout.startswith("quantity")
    assert "Omega h2" in result.stdout
    assert result.stderr == ""


def test_command_json(path: Path) -> None:
    answer = json.loads(command(path, "--json").stdout)
    assert answer["command"] == "relic"
    assert answer["quantities"]["Omega h2"]["unit"] == "1"
    history = answer["history"]
    assert len(history["x"]) == len(history["Y"]) == len(history["Y_eq"]) > 100
    assert history["x"] == sorted(history["x"])


@pytest.mark.parametrize(("option", "expected"), [("gS", 0.12), ("gS=0.1", 0.1)])
def test_command_solve(path: Path, option: str, expected: float) -> None:
    answer = json.loads(command(path, "--json", "--solve", option).stdout)
    assert answer["quantities"]["Omega h2"]["value"] == pytest.approx(expected, rel=1e-8)
    assert answer["card"]["model"]["gS"] == answer["quantities"]["gS"]["value"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("=0.1", "must be PARAM or PARAM=VALUE"),
        ("gS=much", "'much' is not a number"),
        ("gX", "unknown parameter"),
        ("gS=-1", "no solution for Omega h2"),
    ],
)
def test_command_refuses(path: Path, option: str, message: str) -> None:
    result = command(path, "--solve", option)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_warnings_of_the_command(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(json.dumps({**CARD, "model": {**CARD["model"], "gS": 1e-20}}), encoding="utf-8")
    result = command(path)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: no freeze-out")


def test_model_without_prediction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScalarDarkMatter, "dark_matter", StandardModel.dark_matter)
    result = command(path)
    assert result.exit_code == 2
    assert result.stderr == "this model has no relic prediction\n"
    solving = command(path, "--solve", "gS")
    assert (solving.exit_code, solving.stderr) == (2, "this model has no relic prediction\n")


def test_cross_sections_that_cannot_be_averaged(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScalarDarkMatter, "dark_matter", broken)
    with pytest.raises(InputError, match="finite and not negative"):
        bkgen.relic(card)
