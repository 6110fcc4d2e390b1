"""Angular moments and rates of generated events with pairs of dark matter: scalars, vectors and fermions."""

from __future__ import annotations

from collections.abc import Mapping

import explicit_bosons as bosons
import pytest
from explicit_amplitudes import Decay
from four_vectors import INPUTS
from moments import RATE, SIGMAS, TO_K, TO_KST, C, Point, Squared, agree, expected, fermions, generated, worst_pull

from bkgen.channels import CHANNELS
from bkgen.models.base import Model
from bkgen.models.fermion_dm import FermionDarkMatter
from bkgen.models.scalar_dm import ScalarDarkMatter
from bkgen.models.vector_dm import VectorDarkMatter

EVENTS = 200_000
MASS = 0.6
UNIT = 1e-8
BILINEARS = {"gV": "hVV", "gA": "hVA", "gS": "hSS", "gP": "hSP", "gT": "hT", "gT5": "hT5"}
"""Fermion couplings of the card that have another name in the explicit amplitude."""


def of_bosons(couplings: Mapping[str, complex], kind: str, real: bool) -> Squared:
    """|M|^2 of two scalars or vectors."""

    def squared(decay: Decay, form_factors: Mapping[str, float]) -> float:
        return bosons.squared_amplitude(decay, MASS, form_factors, C.m_b, C.m_s, couplings, kind, real)

    return squared


def in_card(values: Mapping[str, complex], prefix: str = "") -> dict[str, tuple[float, float]]:
    return {prefix + name: (value.real, value.imag) for name, value in values.items()}


def values_of(couplings: Mapping[str, complex]) -> dict[str, complex]:
    return {name: UNIT * complex(value) for name, value in couplings.items()}


def point(model: Model, squared: Squared, identical: bool) -> Point:
    return Point(model, squared, (MASS, MASS), identical=identical, events=EVENTS)


def scalars(couplings: Mapping[str, complex], real: bool = False) -> Point:
    """Couplings in units of 1e-8 GeV^-1 (gS, gP) or GeV^-2."""
    values = values_of(couplings)
    model = ScalarDarkMatter(**{"name": "scalar_dm", "m_phi": MASS, "real": real, **in_card(values)})
    return point(model, of_bosons(values, "scalar", real), real)


def vectors(couplings: Mapping[str, complex], real: bool = False) -> Point:
    """Couplings named without C_, in units of 1e-8 GeV^-1 (S, P, T1, T2) or GeV^-2."""
    values = values_of(couplings)
    model = VectorDarkMatter(**{"name": "vector_dm", "m_X": MASS, "real": real, **in_card(values, "C_")})
    return point(model, of_bosons(values, "vector", real), real)


def pair_of_fermions(couplings: Mapping[str, complex], majorana: bool = False) -> Point:
    """Couplings in units of 1e-8 GeV^-2."""
    values = values_of(couplings)
    model = FermionDarkMatter(**{"name": "fermion_dm", "m_chi": MASS, "majorana": majorana, **in_card(values)})
    written = {BILINEARS.get(name, name): value for name, value in values.items()}
    return point(model, fermions(written, (MASS, MASS), majorana), majorana)


SCALARS: dict[str, complex] = {"gS": 3.0, "gP": 2.0 - 2.0j, "gV": 0.8j, "gA": -0.9 + 0.3j}
VECTORS: dict[str, complex] = {
    "S": 5.0,
    "P": 6.0 - 4.0j,
    "V2": 0.7j,
    "A2": 0.4 + 0.5j,
    "V3": -1.0,
    "A3": 0.6j,
    "V4": 0.8 - 0.3j,
    "A4": -0.5,
    "V5": 0.6 + 0.4j,
    "A5": 0.3j,
    "V6": -0.9j,
    "A6": 0.7,
    "T1": -2.0 + 3.0j,
    "T2": 4.0,
}
FERMIONS: dict[str, complex] = {"gV": 1.0, "gA": 0.5j, "gS": 0.3j, "gP": 0.4, "gT": 0.4, "gT5": -0.2j}
FERMIONS |= {"hAV": -0.8j, "hAA": 0.6, "hPS": 0.7, "hPP": 0.5 - 0.5j}
SYMMETRIC = ("S", "P", "V2", "A2", "V3", "A3")

POINTS: dict[str, Point] = {
    **{f"scalars, {name}": scalars({name: 1.0}) for name in SCALARS},
    "scalars, mixed": scalars(SCALARS),
    "real scalars, gS and gP": scalars({"gS": 1.0, "gP": 0.5j}, real=True),
    **{f"vectors, {name}": vectors({name: 1.0}) for name in VECTORS},
    "vectors, V5 and T1": vectors({"V5": 0.3, "T1": -2.0}),
    "vectors, mixed": vectors(VECTORS),
    "real vectors, mixed": vectors({name: VECTORS[name] for name in SYMMETRIC}, real=True),
    **{f"fermions, {name}": pair_of_fermions({name: 1.0}) for name in FERMIONS},
    "fermions, mixed": pair_of_fermions(FERMIONS),
    "Majorana fermions": pair_of_fermions({"gA": 1.0, "hAA": 0.5j, "gP": 0.8, "hPS": 0.6, "hPP": -0.4j}, majorana=True),
}
ONLY_K = ("scalars, gS", "vectors, S", "fermions, gS", "fermions, gP")
ONLY_KST = ("scalars, gP", "scalars, gA", "vectors, P", *(f"vectors, A{i}" for i in range(2, 7)))
ONLY_KST += ("fermions, hAV", "fermions, hAA", "fermions, hPS", "fermions, hPP")
CASES = [
    pytest.param(name, channel, id=f"{name}, {channel}")
    for name in POINTS
    for channel, forbidden in ((TO_K, ONLY_KST), (TO_KST, ONLY_K))
    if name not in forbidden
]


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_rate_and_moments(name: str, channel: str) -> None:
    agree(POINTS[name], channel)


@pytest.mark.parametrize("channel", [TO_K, TO_KST])
def test_a_wrong_sign_of_an_interference_is_noticed(channel: str) -> None:
    """T1 against V5: another rate, and other angles."""
    right = POINTS["vectors, V5 and T1"]
    wrong = of_bosons(values_of({"V5": 0.3, "T1": 2.0}), "vector", real=False)
    width, means = expected(point(right.model, wrong, identical=False), channel)
    assert abs(width / generated(right, channel)[0] - 1.0) > 1e4 * RATE
    assert channel == TO_K or worst_pull(right, channel, means) > 2.0 * SIGMAS


@pytest.mark.parametrize("name", [*ONLY_K, *ONLY_KST])
def test_parity_forbids_a_channel(name: str) -> None:
    channel = TO_KST if name in ONLY_K else TO_K
    problems = list(POINTS[name].model.check(CHANNELS[channel], INPUTS))
    assert any(f"these couplings give no rate in {channel}" in problem.message for problem in problems)
