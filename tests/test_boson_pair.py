"""Angular coefficients of pairs of scalars and massive vectors against explicit amplitudes and closed forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import explicit_amplitudes as explicit
import explicit_bosons as bosons
import numpy as np
import pytest
from boson_rates import FORMS_P, FORMS_V, rate_to_P, rate_to_V, squared_to_P, squared_to_V
from transitions import (
    FF_P,
    FF_V,
    Array,
    flux,
    grid,
    kallen,
    m_B,
    m_b,
    m_K,
    m_P,
    m_pi,
    m_s,
    m_V,
    of_P,
    of_V,
    random_form_factors,
    standard,
)

from bkgen.boson_pair import ScalarCouplings, VectorCouplings, scalar_pair, vector_pair
from bkgen.spectrum import angular_functions, integrated

UNIT = 1e-8
MASSES = [0.3, 0.9, 1.9]
NAMES = {"scalar": bosons.SCALAR_NAMES, "vector": bosons.VECTOR_NAMES}
REAL = {"scalar": ("gS", "gP"), "vector": ("S", "P", "V2", "A2", "V3", "A3")}
OPERATORS = [(kind, name) for kind, names in NAMES.items() for name in (*names, "all")]
OF_REAL_FIELDS = [(kind, name) for kind, names in REAL.items() for name in (*names, "all")]
TOLERANCE = 1e-10
SEEDS = range(4)


def kind_of(name: str) -> str:
    return "scalar" if name in bosons.SCALAR_NAMES else "vector"


def coefficients(
    to_V: bool, q2: Array, f: Mapping[str, float], m: float, kind: str, couplings: Mapping[str, complex], real: bool
) -> Array:
    """Angular coefficients of bkgen."""
    hadron = of_V(q2, f) if to_V else of_P(q2, f)
    if kind == "scalar":
        return scalar_pair(hadron, m, ScalarCouplings(**couplings), real)
    return vector_pair(hadron, m, VectorCouplings(**couplings), real)


@dataclass(frozen=True)
class Place:
    """A random decay to P or to V with random form factors, and the differential width there, both ways."""

    decay: explicit.Decay
    form_factors: dict[str, float]
    m: float
    kind: str
    real: bool = False

    @classmethod
    def at(cls, seed: int, to_V: bool, m: float, kind: str, real: bool = False) -> Place:
        rng = np.random.default_rng(seed)
        decay = explicit.random_decay(rng, m_B, m_V if to_V else m_P, m, m, (m_K, m_pi) if to_V else None)
        return cls(decay, random_form_factors(rng, FF_V if to_V else FF_P), m, kind, real)

    @property
    def to_V(self) -> bool:
        return self.decay.K is not None

    @property
    def q2(self) -> float:
        return explicit.dot(self.decay.q, self.decay.q).real

    def explicit(self, couplings: Mapping[str, complex]) -> float:
        f = standard(self.form_factors, self.q2) if self.to_V else self.form_factors
        squared = bosons.squared_amplitude(self.decay, self.m, f, m_b, m_s, couplings, self.kind, self.real)
        squared *= 0.5 * float(flux(self.q2, m_V if self.to_V else m_P, self.m, self.m)) * (0.5 if self.real else 1.0)
        if not self.to_V:
            return squared
        # eps.(p_K - p_pi) = -2 eps.k, and (3/(4 pi)) sum_lambda integrates to the undecayed K*.
        return 3.0 / (4.0 * math.pi) * squared * m_V**2 / float(kallen(m_K, m_pi, m_V**2))

    def of_bkgen(self, couplings: Mapping[str, complex]) -> float:
        arguments = np.array([self.q2]), self.form_factors, self.m, self.kind, couplings, self.real
        c, c_K, phi = (np.array(a) for a in explicit.angles(self.decay))
        if not self.to_V:
            return float(angular_functions(c) @ coefficients(False, *arguments)[0])
        return 9.0 / (32.0 * math.pi) * float(angular_functions(c, c_K, phi) @ coefficients(True, *arguments)[0])

    def mixture(self, seed: int, names: tuple[str, ...]) -> dict[str, complex]:
        """Complex couplings with which the operators contribute about as much each."""
        rng = np.random.default_rng(1000 + seed)
        sizes = {name: self.explicit({name: UNIT}) for name in names}
        largest = max(sizes.values())
        return {
            name: UNIT * complex(*rng.normal(size=2)) * (math.sqrt(largest / size) if size > 1e-6 * largest else 1.0)
            for name, size in sizes.items()
        }

    def scale(self, couplings: Mapping[str, complex]) -> float:
        """Sum of the widths of the single operators."""
        return sum(self.explicit({name: value}) for name, value in couplings.items())

    def difference(self, couplings: Mapping[str, complex], others: Mapping[str, complex] | None = None) -> float:
        """bkgen with these couplings less the explicit amplitude, with other ones if given, relative to the scale."""
        found, expected = self.of_bkgen(couplings), self.explicit(couplings if others is None else others)
        scale = self.scale(couplings)
        return abs(found - expected) / scale if scale > 0.0 else abs(found)


# --- Explicit amplitudes --------------------------------------------------------------------------


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize(("kind", "operator"), OPERATORS)
def test_explicit_amplitude(kind: str, operator: str, to_V: bool, m: float) -> None:
    for seed in SEEDS:
        place = Place.at(seed, to_V, m, kind)
        couplings = place.mixture(seed, NAMES[kind] if operator == "all" else (operator,))
        assert place.difference(couplings) <= TOLERANCE


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize(("kind", "operator"), OF_REAL_FIELDS)
def test_explicit_amplitude_of_real_fields(kind: str, operator: str, to_V: bool, m: float) -> None:
    """Symmetrised amplitudes, a factor 1/2 in the Lagrangian and another one of identical particles in the width."""
    for seed in SEEDS:
        place = Place.at(seed, to_V, m, kind, real=True)
        couplings = place.mixture(seed, REAL[kind] if operator == "all" else (operator,))
        assert place.difference(couplings) <= TOLERANCE


@pytest.mark.parametrize("to_V", [False, True])
def test_every_pair_of_operators(to_V: bool) -> None:
    """Two operators at a time: a wrong interference of two small ones cannot hide in a mixture of all."""
    for kind, names in NAMES.items():
        for i, a in enumerate(names):
            for b in names[:i]:
                place = Place.at(10 + i, to_V, 0.9, kind)
                assert place.difference(place.mixture(i, (a, b))) <= TOLERANCE, (a, b)


INTERFERING = {
    False: [
        ("gS", "gV"),
        ("S", "V2"),
        ("S", "V4"),
        ("V2", "V5"),
        ("V3", "V6"),
        ("V4", "V5"),
        ("V4", "T1"),
        ("V5", "T1"),
        ("V6", "T2"),
    ],
    True: [
        ("gP", "gA"),
        ("gV", "gA"),
        ("P", "A2"),
        ("A4", "P"),
        ("A2", "A5"),
        ("V2", "A2"),
        ("V3", "A3"),
        ("A3", "A6"),
        ("V4", "A4"),
        ("A4", "A5"),
        ("V5", "T1"),
        ("V6", "T2"),
        ("A5", "T2"),
        ("A6", "T1"),
        ("T1", "T2"),
    ],
}


@pytest.mark.parametrize(("to_V", "first", "second"), [(to_V, *pair) for to_V, p in INTERFERING.items() for pair in p])
def test_a_wrong_sign_of_an_interference_is_noticed(to_V: bool, first: str, second: str) -> None:
    for seed in SEEDS:
        place = Place.at(seed, to_V, 0.6, kind_of(first))
        couplings = place.mixture(seed, (first, second))
        assert place.difference(couplings) <= TOLERANCE
        assert place.difference(couplings, {**couplings, second: -couplings[second]}) > 1e4 * TOLERANCE


@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_other_wrong_amplitudes_are_noticed(kind: str, to_V: bool) -> None:
    """Complex conjugate couplings, two operators exchanged, and one sign in the mixture of all operators.

    Two scalars beside a P have no phase to see: gS and gV interfere in the real part of gS gV*.
    """
    names = NAMES[kind]
    swapped = {"scalar": ("gV", "gA"), "vector": ("T1", "T2")}[kind]
    for seed in SEEDS:
        place = Place.at(seed, to_V, 0.6, kind)
        g = place.mixture(seed, names)
        conjugate = {name: value.conjugate() for name, value in g.items()}
        assert (place.difference(g, conjugate) > 1e4 * TOLERANCE) == (kind == "vector" or to_V)
        exchanged = {**g, swapped[0]: g[swapped[1]], swapped[1]: g[swapped[0]]}
        assert place.difference(g, exchanged) > 1e4 * TOLERANCE
        for name in names:
            if place.explicit({name: g[name]}) > 0.0:
                assert place.difference(g, {**g, name: -g[name]}) > 1e4 * TOLERANCE, name


# --- Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("name", FORMS_P)
def test_closed_forms_to_P(name: str, m: float) -> None:
    f, q2, kind = random_form_factors(np.random.default_rng(1), FF_P), grid(m_P, m, m), kind_of(name)
    G = coefficients(False, q2, f, m, kind, {name: UNIT}, real=False)
    for c in (-0.9, -0.2, 0.0, 0.5, 1.0):
        expected = 0.5 * UNIT**2 * flux(q2, m_P, m, m) * squared_to_P(name, q2, m, f, c)
        np.testing.assert_allclose(G @ [1.0, c, c**2], expected, rtol=1e-12, atol=1e-14 * np.abs(G).max())


@pytest.mark.parametrize("m", MASSES)
@pytest.mark.parametrize("name", FORMS_V)
def test_closed_forms_to_V(name: str, m: float) -> None:
    f, q2 = random_form_factors(np.random.default_rng(2), FF_V), grid(m_V, m, m)
    found = integrated(coefficients(True, q2, f, m, kind_of(name), {name: UNIT}, real=False))
    expected = UNIT**2 * flux(q2, m_V, m, m) * squared_to_V(name, q2, m, f)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("m", MASSES)
def test_rates_of_mixtures(m: float) -> None:
    rng = np.random.default_rng(3)
    g = {name: UNIT * complex(*rng.normal(size=2)) for name in bosons.VECTOR_NAMES}
    f, q2 = random_form_factors(rng, FF_P), grid(m_P, m, m)
    found = integrated(coefficients(False, q2, f, m, "vector", g, real=False))
    np.testing.assert_allclose(found, flux(q2, m_P, m, m) * rate_to_P(g, q2, m, f), rtol=1e-11)
    f, q2 = random_form_factors(rng, FF_V), grid(m_V, m, m)
    found = integrated(coefficients(True, q2, f, m, "vector", g, real=False))
    np.testing.assert_allclose(found, flux(q2, m_V, m, m) * rate_to_V(g, q2, m, f), rtol=1e-11)


@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_real_fields(kind: str, to_V: bool) -> None:
    """Half of the complex rate, and nothing odd under exchange: theta -> pi - theta with phi -> phi + pi."""
    rng, m = np.random.default_rng(4), 0.6
    f, q2 = random_form_factors(rng, FF_V if to_V else FF_P), grid(m_V if to_V else m_P, m, m)
    couplings = {name: UNIT * complex(*rng.normal(size=2)) for name in REAL[kind]}
    found = coefficients(to_V, q2, f, m, kind, couplings, real=True)
    whole = coefficients(to_V, q2, f, m, kind, couplings, real=False)
    np.testing.assert_allclose(found, 0.5 * whole, rtol=1e-12, atol=1e-14 * np.abs(whole).max())
    odd = [6, 7, 8, 9] if to_V else [1]
    assert np.abs(found[:, odd]).max() <= 1e-14 * np.abs(found).max()


# --- Interface ------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_couplings_may_depend_on_q2(kind: str, to_V: bool) -> None:
    rng, m, n = np.random.default_rng(5), 0.6, 5000
    f, q2 = random_form_factors(rng, FF_V if to_V else FF_P), grid(m_V if to_V else m_P, m, m, n=n)
    values = {name: UNIT * complex(*rng.normal(size=2)) for name in NAMES[kind]}
    propagator = 1.0 / (1.0 - q2 / 30.0 + 0.1j)
    together = {name: value * propagator for name, value in values.items()}
    hadron = of_V(q2, f) if to_V else of_P(q2, f)
    if kind == "scalar":
        found = scalar_pair(hadron, m, ScalarCouplings(**together))
    else:
        found = vector_pair(hadron, m, VectorCouplings(**together))
    assert found.shape == (n, 12 if to_V else 3)
    for i in (0, 1234, 4095, 4096, n - 1):
        alone = {name: value * complex(propagator[i]) for name, value in values.items()}
        expected = coefficients(to_V, q2[i : i + 1], f, m, kind, alone, real=False)[0]
        np.testing.assert_allclose(found[i], expected, rtol=1e-11, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_nothing_outside_phase_space(kind: str, to_V: bool) -> None:
    rng, m = np.random.default_rng(6), 0.6
    f = random_form_factors(rng, FF_V if to_V else FF_P)
    end = (m_B - (m_V if to_V else m_P)) ** 2
    q2 = np.array([0.5 * 4.0 * m**2, 4.0 * m**2 * (1.0 - 1e-9), end * (1.0 + 1e-9), 1.1 * end])
    couplings = {name: UNIT * complex(*rng.normal(size=2)) for name in NAMES[kind]}
    assert np.all(coefficients(to_V, q2, f, m, kind, couplings, real=False) == 0.0)


@pytest.mark.parametrize("to_V", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_no_couplings(kind: str, to_V: bool) -> None:
    rng, m = np.random.default_rng(7), 0.6
    f, q2 = random_form_factors(rng, FF_V if to_V else FF_P), grid(m_V if to_V else m_P, m, m)
    found = coefficients(to_V, q2, f, m, kind, {}, real=False)
    assert found.shape == (len(q2), 12 if to_V else 3)
    assert np.all(found == 0.0)
