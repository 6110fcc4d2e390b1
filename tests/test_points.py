"""Model points in the Belle II likelihood: from a card to a fit, in Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bkgen_analysis import points
from bkgen_analysis.cli import register
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"


def card(model: dict[str, Any], **settings: Any) -> Card:
    """A B+ -> K+ card."""
    return load_card({"schema": 1, "model": model, "channel": "B+ -> K+", **settings})


def dark_higgs(m_H1: float, **settings: Any) -> Card:
    """A narrow invisible H1."""
    block = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3.0}
    return card({"name": "dark_higgs", "m_H1": m_H1, "sin_theta": 4e-3, "Zp": block}, **settings)


def test_standard_model_strength() -> None:
    """mu = 4.60 +- 1.3 of arXiv:2507.12393, from the card of the SM."""
    result, here = points.fit_card(load_card(CARDS / "sm.yaml"))
    assert result.poi == "sm"
    assert result.mu == pytest.approx(4.60, abs=0.01)
    assert result.twice_nll == pytest.approx(-23.3343, abs=1e-4)
    assert here.branching == pytest.approx(4.967e-6, rel=1e-3)


def test_effective_theory_replaces_the_standard_model() -> None:
    """A vector coefficient only rescales the SM: the fitted branching fraction is that of the SM fit."""
    standard, here = points.fit_card(load_card(CARDS / "sm.yaml"))
    total, there = points.fit_card(card({"name": "wet", "C_VL": 11.3}), "official")
    assert total.poi == "wet"
    assert total.mu * there.branching == pytest.approx(standard.mu * here.branching, rel=1e-3)
    assert total.twice_nll == pytest.approx(standard.twice_nll, abs=0.01)


def test_narrow_line_at_its_best_mass() -> None:
    """BR(B+ -> K+ X) = 8.5e-6 at 2.1 GeV, 13.2 below the SM in -2 ln L."""
    result, here = points.fit_card(dark_higgs(2.1))
    assert result.converged
    assert result.mu * here.branching == pytest.approx(8.5e-6, rel=0.02)
    assert result.twice_nll_sm - result.twice_nll == pytest.approx(13.2, rel=0.02)


def test_fitted_branching_fraction_does_not_depend_on_the_coupling_or_luminosity() -> None:
    """mu x BR(card) is what the data determine; the data set is 362 fb^-1 whatever the card says."""
    first, here = points.fit_card(dark_higgs(2.1))
    weaker = card({**dark_higgs(2.1).resolved()["model"], "sin_theta": 1e-3}, luminosity=5000.0)
    second, there = points.fit_card(weaker)
    assert second.mu * there.branching == pytest.approx(first.mu * here.branching, rel=1e-4)


def test_displaced_decays_reduce_the_template() -> None:
    """Visible decays inside the detector do not count as signal."""
    displaced = load_card(CARDS / "alp.yaml")
    stable = card({"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_chi": 1e3, "m_chi": 0.5}, form_factors="HPQCD2022")
    assert points.point(displaced).template.max() < 0.6 * points.point(stable).template.max()


def test_branching_fraction_beyond_the_published_efficiency_is_reported() -> None:
    """The spectrum above q2 = 22.885 GeV^2 counts zero and is named."""
    narrow = card({"name": "continuum", "a": 8.0, "b": 0.0})
    result, here = points.fit_card(narrow)
    assert here.fraction_outside == pytest.approx(
        1.0 - (22.885 / narrow.decay.q2_max(narrow.physics_inputs.constants)) ** 9
    )
    assert any("without a published efficiency" in text for text in points.warnings(result, here))


def test_refusals() -> None:
    """Other channels and the tau long-distance part have no fit."""
    with pytest.raises(InputError, match=r"B\+ -> K\+ only"):
        points.fit_card(load_card({"schema": 1, "model": {"name": "sm"}, "channel": "B0 -> K0"}))
    with pytest.raises(InputError, match="in its background"):
        points.fit_card(card({"name": "sm", "component": "long_distance"}))


def test_command_line_json() -> None:
    """All quantities of a fit, finite, in one JSON document."""
    if "fit" not in {command.callback.__name__ for command in cli.app.registered_commands if command.callback}:
        register(cli.app)
    done = CliRunner().invoke(cli.app, ["fit", str(CARDS / "dark_higgs.yaml"), "--json"])
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["command"] == "fit"
    significances = {"twice_nll", "twice_nll_background", "twice_nll_sm", "z_background", "z_sm"}
    goodness = {"twice_nll_saturated", "p_value", "z_discovery"}
    wanted = {"mu", "BR(fit)", "interval_68", "interval_95", "converged", "edm"} | significances | goodness
    assert wanted <= set(answer["quantities"])
    assert answer["quantities"]["converged"]["value"] is True
    low, high = answer["quantities"]["interval_68"]["value"]
    assert low < answer["quantities"]["mu"]["value"] < high
