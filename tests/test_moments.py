"""Angular moments and rates of generated events with neutrinos and sterile neutrinos, from explicit amplitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from four_vectors import INPUTS
from moments import RATE, SIGMAS, TO_K, TO_KST, C, Point, agree, expected, fermions, generated, worst_pull

from bkgen.channels import CHANNELS
from bkgen.currents import weak_coupling
from bkgen.models.sm import StandardModel
from bkgen.models.sterile_neutrino import SterileNeutrino

# Operators of the card written with the bilinears of the explicit amplitude; P is i gamma5 there.
OPERATORS: dict[str, dict[str, complex]] = {
    "gV": {"hVV": 1.0},
    "gA": {"hVA": 1.0},
    "gS": {"hSS": 1.0},
    "gP": {"hSP": 1.0},
    "gT": {"hT": 1.0},
    "gT5": {"hT5": 1.0},
    "VLL": {"hVV": 0.25, "hVA": -0.25, "hAV": -0.25, "hAA": 0.25},
    "VLR": {"hVV": 0.25, "hVA": 0.25, "hAV": -0.25, "hAA": -0.25},
    "VRL": {"hVV": 0.25, "hVA": -0.25, "hAV": 0.25, "hAA": -0.25},
    "SLL": {"hSS": 0.25, "hSP": 0.25j, "hPS": -0.25, "hPP": -0.25j},
    "SRR": {"hSS": 0.25, "hSP": -0.25j, "hPS": 0.25, "hPP": -0.25j},
    "TLL": {"hT": 0.5, "hT5": -0.5},
    "TRR": {"hT": 0.5, "hT5": 0.5},
}


def written_out(values: Mapping[str, complex]) -> dict[str, complex]:
    """Couplings of the card in the bilinears of the explicit amplitude."""
    total: dict[str, complex] = {}
    for operator, value in values.items():
        for name, factor in OPERATORS[operator].items():
            total[name] = total.get(name, 0.0) + factor * value
    return total


def sterile(final: str, couplings: Mapping[str, complex], m_N2: float | None = None, majorana: bool = False) -> Point:
    """N of mass 0.6 with couplings in units of 1e-8 GeV^-2."""
    values = {name: 1e-8 * complex(value) for name, value in couplings.items()}
    card: dict[str, Any] = {name: (value.real, value.imag) for name, value in values.items()}
    model = SterileNeutrino(
        **{"name": "sterile_neutrino", "m_N": 0.6, "final": final, "m_N2": m_N2, "majorana": majorana, **card}
    )
    scalar_only = set(couplings) <= {"gS", "gP"}
    masses = (0.6, {"N N": 0.6, "N nu": 0.0, "N N2": m_N2 or 0.0}[final])
    return Point(
        model,
        fermions(written_out(values), masses, majorana),
        masses=masses,
        identical=majorana,
        channels=(TO_K,) if scalar_only else (TO_K, TO_KST),
    )


MIXED: dict[str, complex] = {"gV": 1.0, "gT": 0.6 - 0.3j, "VRL": 0.8j, "SLL": 0.5, "TRR": -0.4j, "gA": -0.7}
SM_COUPLINGS = written_out({"VLL": weak_coupling(C) * C.C_SM_nu})
POINTS: dict[str, Point] = {
    "SM": Point(
        StandardModel(name="sm"),
        fermions(SM_COUPLINGS),
        copies=3.0,
    ),
    **{f"N N, {name}": sterile("N N", {name: 1.0}) for name in ("gV", "gA", "gS", "gP", "gT", "gT5", "VLL", "SLL")},
    "N N, TLL": sterile("N N", {"TLL": 1.0}),
    "N N, gV and gT": sterile("N N", {"gV": 1.0, "gT": 0.8}),
    "N N, mixed": sterile("N N", MIXED),
    "N N, Majorana": sterile("N N", {"VLR": 1.0, "gP": 0.5 + 0.4j, "SRR": 0.7j}, majorana=True),
    **{f"N nu, {name}": sterile("N nu", {name: 1.0}) for name in ("VLL", "SLL", "TLL")},
    "N nu, VLL and TLL": sterile("N nu", {"VLL": 1.0, "TLL": 0.5j, "SLL": 0.3}),
    "N N2, mixed": sterile("N N2", MIXED, m_N2=1.0),
}
CASES = [pytest.param(name, channel, id=f"{name}, {channel}") for name, p in POINTS.items() for channel in p.channels]


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_rate_and_moments(name: str, channel: str) -> None:
    agree(POINTS[name], channel)


@pytest.mark.parametrize("channel", [TO_K, TO_KST])
def test_a_missing_interference_is_noticed(channel: str) -> None:
    """V and T of massive fermions squared apart: another rate and other angles."""
    point = POINTS["N N, gV and gT"]
    apart = fermions({"hVV": 1e-8}, point.masses, dropped=({"hT": 0.8e-8},))
    width, means = expected(Point(point.model, apart, point.masses), channel)
    assert abs(width / generated(point, channel)[0] - 1.0) > 0.01
    assert worst_pull(point, channel, means) > 2.0 * SIGMAS


def test_a_wrong_chirality_is_noticed() -> None:
    """A right-handed quark current turns the sign of the asymmetries of a K*, and nothing else."""
    point = POINTS["SM"]
    turned = {k: -v if k in ("hAV", "hAA") else v for k, v in SM_COUPLINGS.items()}
    width, means = expected(Point(point.model, fermions(turned), copies=point.copies), TO_KST)
    assert generated(point, TO_KST)[0] == pytest.approx(width, rel=RATE, abs=0.0)
    assert worst_pull(point, TO_KST, means) > 10.0 * SIGMAS


@pytest.mark.parametrize("name", ["gS", "gP"])
def test_a_scalar_quark_current_makes_no_kstar(name: str) -> None:
    """Parity: <K*|sbar b|B> = 0."""
    (problem,) = sterile("N N", {name: 1.0}).model.check(CHANNELS[TO_KST], INPUTS)
    assert "these couplings give no rate in B0 -> K*0" in problem.message
