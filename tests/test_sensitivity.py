"""Projections to other luminosities, and the commands limit, scan, sensitivity and spectrum --toys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bkgen_analysis import limits, points, sensitivity
from bkgen_analysis.cli import register
from bkgen_analysis.likelihood import official
from bkgen_analysis.sensitivity import LUMINOSITY, ScaledLikelihood, Sensitivity, Systematics
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"
CARD = CARDS / "dark_higgs.yaml"


@pytest.fixture(scope="module")
def template() -> Any:
    return points.point(load_card(CARD)).template


def study(template: Any, systematics: Systematics) -> Sensitivity:
    return Sensitivity(template, systematics=systematics)


@pytest.mark.parametrize("systematics", ["constant", "sqrtL"])
def test_published_luminosity_gives_the_expected_limit(template: Any, systematics: Systematics) -> None:
    found = study(template, systematics).project(LUMINOSITY, 0.9)
    assert found.exp == pytest.approx(limits.limit(template, cl=0.9).exp, rel=1e-4)


@pytest.mark.parametrize("systematics", ["sqrtL", "none"])
def test_statistical_scaling(template: Any, systematics: Systematics) -> None:
    """Significances grow with sqrt(L) where all that is uncertain shrinks; so do limits, for a parabolic -2 ln L."""
    scaled = study(template, systematics)
    first, second = scaled.project(1.0), scaled.project(100.0)
    assert second.exp == pytest.approx([0.1 * value for value in first.exp], rel=0.02)
    assert second.z == pytest.approx(10.0 * first.z, rel=1e-3)


def test_order_of_the_assumptions(template: Any) -> None:
    """No systematics is better than shrinking ones, which are better than constant ones, above the luminosity now."""
    constant, shrinking, none = (study(template, name).project(10.0) for name in ("constant", "sqrtL", "none"))
    assert constant.z < shrinking.z < none.z
    assert constant.exp[2] > shrinking.exp[2] > none.exp[2]
    assert constant.z < study(template, "constant").project(50.0).z


def test_luminosity_for_a_significance(template: Any) -> None:
    scaled = study(template, "sqrtL")
    luminosity = scaled.luminosity_for(5.0)
    assert luminosity is not None
    assert scaled.significance(luminosity) == pytest.approx(5.0, rel=1e-3)
    assert study(template, "constant").luminosity_for(50.0) is None


@pytest.mark.parametrize("systematics", ["constant", "sqrtL"])
def test_derivatives_of_the_scaled_likelihood(template: Any, systematics: Systematics) -> None:
    published = official()
    a = limits.Asymptotics.of(template)
    scaled = ScaledLikelihood(published, 20.0, systematics, a.null)
    rng = np.random.default_rng(4)
    hessian = np.diag(scaled.gauss_newton(a.null, a.signal))
    point = a.null + rng.uniform(-0.5, 0.5, a.null.size) / np.sqrt(hessian)
    direction = rng.normal(size=point.size) / np.sqrt(hessian)
    step = 1e-4
    above = scaled.evaluate(point + step * direction, a.signal).twice_nll
    below = scaled.evaluate(point - step * direction, a.signal).twice_nll
    slope = float(scaled.evaluate(point, a.signal).gradient @ direction)
    assert (above - below) / (2.0 * step) == pytest.approx(slope, rel=1e-4)
    assert published.evaluate(point, a.signal).twice_nll == official().evaluate(point, a.signal).twice_nll


def test_differences_of_the_scaled_likelihood(template: Any) -> None:
    """-2 ln L between two points, written out from the scaled yields and the Gaussian constraints."""
    published, a = official(), limits.Asymptotics.of(template)
    scaled = ScaledLikelihood(published, 7.0, "constant", a.null)
    other = a.null.copy()
    other[published.poi] = 0.8
    other[3] += 0.4

    def by_hand(parameters: Any) -> float:
        yields, _ = published.jacobian(parameters, a.signal)
        n, x = 7.0 * published.observed.main, 7.0 * yields
        pulls = (published.asimov(parameters, a.signal).auxiliary - published.observed.auxiliary) / (
            published.auxiliary_widths
        )
        return float(-2.0 * np.sum(n * np.log(x) - x) + np.sum(pulls**2))

    difference = scaled.evaluate(other, a.signal).twice_nll - scaled.evaluate(a.null, a.signal).twice_nll
    assert difference == pytest.approx(by_hand(other) - by_hand(a.null), rel=1e-8)


def test_input() -> None:
    assert sensitivity.read_luminosities("1, 5,10") == (1.0, 5.0, 10.0)
    for text in ("", "a", "1,,2"):
        with pytest.raises(InputError, match="must be numbers"):
            sensitivity.read_luminosities(text)
    with pytest.raises(InputError, match=r"between 0.001 and 1000"):
        sensitivity.sensitivity_card(load_card(CARD), (0.0,))
    with pytest.raises(InputError, match="must be one of"):
        sensitivity.read_systematics("sqrt")


# --- commands ---


def command(*words: object) -> Any:
    names = {each.callback.__name__ for each in cli.app.registered_commands if each.callback}
    if "limit" not in names:
        register(cli.app)
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def answered(*words: object) -> dict[str, Any]:
    done = command(*words, "--json")
    assert done.exit_code == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["command"] == words[0]
    return answer


def test_limit_command() -> None:
    found = answered("limit", CARD, "--cl", 0.95)["quantities"]
    assert {"obs", "exp", "cl", "BR(obs)", "BR(exp)", "p_discovery"} <= set(found)
    assert len(found["exp"]["value"]) == 5
    assert found["cl"]["value"] == 0.95
    assert "obs" in command("limit", CARD).stdout


def test_limit_command_with_toys() -> None:
    answer = answered("limit", CARD, "--toys", 20, "--seed", 3)
    assert answer["quantities"]["obs"]["uncertainty"] > 0.0
    assert any("fewer than" in text for text in answer["warnings"])


def test_scan_command(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    words = ["scan", CARD, "--axis", "m_H1=1.2,2.1,3", "--global", "--toys", 5, "-o", path]
    answer = answered(*words)
    assert answer == json.loads(path.read_text())
    assert answer["axes"] == {"m_H1": [1.2, 2.1, 3.0]}
    assert len(answer["arrays"]["mu"]) == 3
    assert {"z_local", "z_global", "trials", "best(m_H1)"} <= set(answer["quantities"])
    again = command(*words)
    assert again.exit_code == 2
    assert len(again.stderr.splitlines()) == 1
    assert command(*words, "--force").exit_code == 0


def test_scan_command_shows_few_warnings(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    done = command("scan", CARDS / "alp.yaml", "--axis", "m_a=5:6:30", "--what", "rates", "-o", path)
    assert done.exit_code == 0
    assert len(done.stderr.splitlines()) < 15
    assert len(json.loads(path.read_text())["warnings"]) >= 30


def test_sensitivity_command() -> None:
    answer = answered("sensitivity", CARD, "--luminosity", "1,10", "--systematics", "sqrtL")
    assert {"exp(1 ab^-1)", "BR(exp)(10 ab^-1)", "z(1 ab^-1)", "luminosity(5 sigma)"} <= set(answer["quantities"])
    weak = answered("sensitivity", CARDS / "sm.yaml", "--luminosity", "1")
    assert any("no luminosity" in text for text in weak["warnings"])
    assert "luminosity(5 sigma)" not in weak["quantities"]


def test_spectrum_command_with_toys(tmp_path: Path) -> None:
    words = ["spectrum", CARD, "-o", tmp_path / "h1", "--toys", 10]
    assert command(*words).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h1.pdf", "h1.png", "h1_toys.json", "h1_toys.root"]
    assert command(*words).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("limit", CARD, "--cl", 2),
        ("limit", CARD, "--toys", 1),
        ("scan", CARD),
        ("scan", CARD, "--axis", "m_H1"),
        ("scan", CARD, "--axis", "m_H1=1,2", "--what", "all"),
        ("scan", CARD, "--axis", "m_H1=1,2", "--what", "limit", "--global"),
        ("sensitivity", CARD, "--luminosity", "x"),
        ("sensitivity", CARD, "--systematics", "x"),
    ],
)
def test_bad_input_is_one_line(words: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(*words)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["limit", "scan", "sensitivity", "spectrum"])
def test_help_has_an_example(name: str) -> None:
    assert f"bkgen {name} cards/" in " ".join(command(name, "--help").stdout.split())
