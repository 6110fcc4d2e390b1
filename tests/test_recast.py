"""Limits of other channels, recast by omega."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bkgen_analysis import recast
from bkgen_analysis.cli import register
from bkgen_analysis.recast import Efficiency
from scipy.integrate import quad
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"
FALLING = Efficiency(np.linspace(0.0, 20.0, 11), np.linspace(0.1, 0.0, 10))


def card(model: dict[str, Any], channel: str = "B0 -> K*0") -> Card:
    """A card of another channel than that of the likelihood."""
    return load_card({"schema": 1, "model": model, "channel": channel})


def higgs(sin_theta: float, m_H1: float = 2.0) -> Card:
    """A narrow invisible H1."""
    block = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3.0}
    return card({"name": "dark_higgs", "m_H1": m_H1, "sin_theta": sin_theta, "Zp": block})


def test_omega_of_three_bins() -> None:
    """(0.1 + 0.1 + 0.03)/(0.3 + 0.1 + 0.01), the fractions normalised."""
    assert recast.omega([1, 2, 3], [3, 2, 1], [0.1, 0.05, 0.01]) == pytest.approx(0.5609756097560975, rel=1e-9)


def test_omega_does_not_depend_on_units_or_couplings() -> None:
    """Both spectra and the efficiency may have any normalisation; equal shapes give 1."""
    a = recast.omega([1, 2, 3], [3, 2, 1], [0.1, 0.05, 0.01])
    assert recast.omega([10, 20, 30], [3e-9, 2e-9, 1e-9], [10, 5, 1]) == pytest.approx(a, rel=1e-12)
    assert recast.omega([1, 2, 3], [4, 8, 12], [0.1, 0.05, 0.01]) == pytest.approx(1.0, rel=1e-12)
    assert recast.omega([1, 2, 3], [3, 2, 1], [0.3, 0.3, 0.3]) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("f_SM", "f_NP", "eps", "message"),
    [
        ([1, 2], [1, 2, 3], [1, 1, 1], "one length"),
        ([1, -2], [1, 2], [1, 1], ">= 0"),
        ([1, np.nan], [1, 2], [1, 1], ">= 0"),
        ([1, 2], [0, 2], [1, 0], "no selected events"),
    ],
)
def test_unusable_spectra_are_refused(f_SM: Any, f_NP: Any, eps: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recast.omega(f_SM, f_NP, eps)


def test_limits_are_the_published_ones() -> None:
    """The strongest of each channel, all of them verified, and the file as recorded."""
    strongest = {channel: recast.limits(channel)[0] for channel in ("B0 -> K*0", "B+ -> K*+", "B0 -> K0")}
    assert {c: x.value for c, x in strongest.items()} == {"B0 -> K*0": 1.8e-5, "B+ -> K*+": 4.0e-5, "B0 -> K0": 2.6e-5}
    assert strongest["B0 -> K*0"].arxiv == "1702.03224"
    assert strongest["B+ -> K*+"].arxiv == "1303.3719"
    assert 6.1e-5 in {x.value for x in recast.limits("B+ -> K*+")}
    folder = files("bkgen_analysis") / "data" / "invisible_limits"
    source = tomllib.loads((folder / "SOURCE.toml").read_text(encoding="utf-8"))
    for name, entry in source.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"]
    assert {path.name for path in folder.iterdir()} == {"SOURCE.toml", *source}


def test_standard_model_is_allowed_and_a_large_coefficient_is_not() -> None:
    """Both contain the SM; BR(B0 -> K*0) = 1.02e-5 of the SM is below 1.8e-5."""
    sm = recast.recast(card({"name": "sm"}))
    assert sm.branching == pytest.approx(1.02e-5, rel=0.02)
    assert sm.indicative
    assert sm.standard_model == 0.0
    assert not sm.excluded
    large = card({"name": "wet", "C_VL": 10.0})
    assert recast.excluded(large)
    assert recast.log_likelihood(large) < recast.log_likelihood(card({"name": "sm"})) < 0.0


def test_new_physics_beside_the_standard_model() -> None:
    """The SM takes its part of the limit; ln L is that of the sum."""
    result = recast.recast(higgs(4e-3))
    assert result.limit == 1.8e-5
    assert result.limit_beside_sm == pytest.approx(1.8e-5 - 1.02e-5, rel=0.03)
    sigma = 1.8e-5 / 1.6448536269514722
    expected = -0.5 * ((result.standard_model + result.branching) / sigma) ** 2
    assert result.log_likelihood == pytest.approx(expected, rel=1e-12)


def test_likelihood_has_the_published_limit() -> None:
    """With a flat prior in BR >= 0, 90% of it are below the limit."""
    sigma = 1.8e-5 / 1.6448536269514722
    mass = quad(lambda x: math.exp(-0.5 * x**2), 0.0, 1.8e-5 / sigma)[0] / math.sqrt(math.pi / 2.0)
    assert mass == pytest.approx(0.90, abs=1e-9)


def test_efficiency_of_the_user() -> None:
    """An efficiency that falls with q2 makes light mediators more visible than the SM, and heavy ones less."""
    light, heavy = (recast.recast(higgs(4e-3, m), FALLING) for m in (1.0, 3.5))
    assert light.omega < 1.0 < heavy.omega
    assert not light.indicative
    assert light.limit == pytest.approx(light.omega * 1.8e-5)
    assert recast.recast(higgs(1e-3, 1.0), FALLING).omega == pytest.approx(light.omega, rel=1e-9)
    assert recast.recast(card({"name": "sm"}), FALLING).omega == pytest.approx(1.0, rel=1e-12)


def test_unusable_efficiencies_are_refused_in_one_line(tmp_path: Path) -> None:
    """Tables that are none, gaps, spectra outside."""
    texts = {
        "words": "three columns|could not convert",
        "0,1": "three columns",
        "0,1,0.1\n2,3,0.1": "follow each other",
    }
    for text, message in texts.items():
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message) as caught:
            recast.read_efficiency(path)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(InputError, match=r"No such file|not found"):
        recast.read_efficiency(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no selected events"):
        recast.recast(higgs(4e-3, 4.0), Efficiency(np.array([0.0, 5.0]), np.ones(1)))
    for edges, values in (([0.0, 1.0], [1.0, 2.0]), ([1.0, 0.0], [1.0]), ([0.0, 1.0], [0.0])):
        with pytest.raises(ValueError, match=r"edges|efficiencies"):
            Efficiency(np.array(edges), np.array(values))


def test_channels_without_limits_are_refused() -> None:
    """B+ -> K+ has a likelihood, Bs -> phi nothing."""
    with pytest.raises(InputError, match="use `bkgen fit`"):
        recast.recast(card({"name": "sm"}, "B+ -> K+"))


def test_command_line(tmp_path: Path) -> None:
    """JSON with verdict and status; errors with exit code 2 in one line."""
    if "recast" not in {command.callback.__name__ for command in cli.app.registered_commands if command.callback}:
        register(cli.app)
    run = CliRunner().invoke
    done = run(cli.app, ["recast", str(CARDS / "wet.yaml"), "--channel", "B0 -> K*0", "--json"])
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    found = answer["quantities"]
    assert found["BR(B0 -> K*0 inv)"]["value"] == pytest.approx(1.18e-5, rel=0.02)
    assert found["limit"]["value"] == 1.8e-5
    assert found["excluded"]["value"] is False
    assert found["indicative"]["value"] is True
    assert "verified" in found["limit"]["source"]
    assert any("indicative" in text for text in answer["warnings"])
    table = tmp_path / "efficiency.csv"
    table.write_text("# q2_lo,q2_hi,efficiency\n0,10,0.1\n10,20,0.05\n", encoding="utf-8")
    chosen = ["--channel", "B+ -> K*+", "--efficiency", str(table), "--json"]
    found = json.loads(run(cli.app, ["recast", str(CARDS / "wet.yaml"), *chosen]).stdout)["quantities"]
    assert found["indicative"]["value"] is False
    assert found["omega"]["value"] == pytest.approx(1.0, rel=0.1)
    bad = run(cli.app, ["recast", str(CARDS / "wet.yaml")])
    assert bad.exit_code == 2
    assert len(bad.stderr.splitlines()) == 1
