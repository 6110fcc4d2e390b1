"""`Spectrum`: integrals against closed forms, the sampled table, lines, angles and refusals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta, betainc

from bkgen.models.kst_toy import angular_density
from bkgen.spectrum import MAX_CELLS, Array, Line, Spectrum, integrated, isotropic, longitudinal

LOW, HIGH = 1.0, 22.0
EDGES = np.linspace(LOW, HIGH, 41)
U = np.linspace(0.0, 1.0, 2001)
INTEGRAL = 1e-8
"""Promised relative accuracy of bin integrals."""
ROUNDING = 1e-15
"""Rounding of a sum of cells, relative to the whole rate."""
INVERSE = 2e-6
"""Promised accuracy of cdf(ppf(u)): the pdf is linear inside a cell of the sampled table."""

WIDTHS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3]


def power_law(a: float, b: float) -> Spectrum:
    """(q2 - LOW)^a (HIGH - q2)^b with unit rate."""

    def width(q2: Array) -> Array:
        x = (q2 - LOW) / (HIGH - LOW)
        return np.asarray(x**a * (1.0 - x) ** b / beta(a + 1.0, b + 1.0) / (HIGH - LOW))

    return Spectrum.from_density(lambda q2: isotropic(width(q2)), LOW, HIGH)


def breit_wigner(m: float, Gamma: float) -> Spectrum:
    """Cauchy distribution in q2 with unit integral over all q2, cut at 0 and HIGH."""

    def width(q2: Array) -> Array:
        return np.asarray(m * Gamma / math.pi / ((q2 - m**2) ** 2 + (m * Gamma) ** 2))

    return Spectrum.from_density(lambda q2: isotropic(width(q2)), 0.0, HIGH, peaks=[(m, Gamma)])


def flat(level: float = 1.0) -> Spectrum:
    """Constant density on [0, 4]."""
    return Spectrum.from_density(lambda q2: isotropic(np.full_like(q2, level)), 0.0, 4.0)


def line(mass: float, width: float) -> Spectrum:
    return Spectrum.from_line(mass, isotropic(width))


# --- integrals


@pytest.mark.parametrize("a", [0.0, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("b", [0.0, 0.5, 1.5, 3.0])
def test_beta_distribution(a: float, b: float) -> None:
    """Phase-space powers at both ends: bins and cdf are incomplete beta functions."""
    spectrum = power_law(a, b)
    exact = betainc(a + 1.0, b + 1.0, (EDGES - LOW) / (HIGH - LOW))
    assert spectrum.rate() == pytest.approx(1.0, rel=INTEGRAL)
    assert spectrum.bin_integrals(EDGES) == pytest.approx(np.diff(exact), rel=INTEGRAL, abs=ROUNDING)
    assert spectrum.cdf(EDGES) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("a", [0.0, 0.5, 1.5, 8.0])
@pytest.mark.parametrize("b", [0.0, 0.5, 1.5, 8.0])
def test_quantiles_of_a_beta_distribution(a: float, b: float) -> None:
    spectrum = power_law(a, b)
    assert spectrum.cdf(spectrum.ppf(U)) == pytest.approx(U, abs=INVERSE)
    assert np.all(np.diff(spectrum.ppf(U)) > 0.0)


def test_narrow_bins_of_a_steep_spectrum() -> None:
    """Bins with 1e-6 of the rate each, where a difference of cumulative sums would lose digits."""
    spectrum = power_law(0.5, 1.5)
    edges = np.linspace(10.0, 10.001, 101)
    exact = [quad(lambda q2: float(spectrum.pdf(q2)), *pair)[0] for pair in pairwise(edges)]
    assert spectrum.bin_integrals(edges) == pytest.approx(exact, rel=INTEGRAL)


def test_square_root_thresholds_inside_the_range() -> None:
    """A new channel opens at each threshold like a velocity sqrt(1 - t/q2), as in H1* -> pairs."""
    thresholds = (4.0, 9.0)

    def width(q2: Array) -> Array:
        opened = [np.sqrt(np.clip(1.0 - t / q2, 0.0, None)) for t in thresholds]
        return np.asarray(np.sqrt(1.0 - q2 / HIGH) * (1.0 + sum(opened)))

    spectrum = Spectrum.from_density(lambda q2: isotropic(width(q2)), LOW, HIGH, thresholds=thresholds)
    edges = np.array([LOW, 3.0, 3.99, 4.0, 4.01, 7.0, 9.0, 9.5, 21.9, HIGH])

    def exact(lower: float, upper: float) -> Any:
        """With q2 = lower + span sin^2(t/2) the end points are smooth; no bin has a threshold inside."""
        span = upper - lower

        def integrand(t: float) -> float:
            q2 = np.array(lower + span * math.sin(0.5 * t) ** 2)
            return float(width(q2)) * 0.5 * span * math.sin(t)

        return quad(integrand, 0.0, math.pi, epsabs=0.0, epsrel=1e-11)[0]

    pieces = np.array([exact(*pair) for pair in [(1.0, 3.0), (3.0, 3.99), (3.99, 4.0), (4.0, 4.01), (4.01, 7.0)]])
    assert spectrum.bin_integrals(edges)[:5] == pytest.approx(pieces, rel=INTEGRAL)
    whole = sum(exact(*pair) for pair in [(LOW, 4.0), (4.0, 9.0), (9.0, HIGH)])
    assert spectrum.rate() == pytest.approx(whole, rel=INTEGRAL)
    assert spectrum.cdf(spectrum.ppf(U)) == pytest.approx(U, abs=INVERSE)


def test_thresholds_outside_the_range_are_ignored() -> None:
    inside = Spectrum.from_density(isotropic, 1.0, 2.0)
    assert Spectrum.from_density(isotropic, 1.0, 2.0, thresholds=(0.5, 1.0, 2.0, 3.0)).rate() == inside.rate()


@pytest.mark.parametrize("ratio", WIDTHS)
@pytest.mark.parametrize("m", [1.0, 2.0, 4.5])
def test_bins_of_a_breit_wigner(m: float, ratio: float) -> None:
    """Differences of arctan, from the peak to far in the tails."""
    scale = m * ratio * m
    steps = [-300.0, -30.0, -10.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 300.0]
    edges = np.unique([0.0, HIGH, *np.linspace(0.0, HIGH, 12), *(m**2 + scale * x for x in steps)])
    edges = edges[(edges >= 0.0) & (edges <= HIGH)]
    x = (edges - m**2) / scale
    exact = np.arctan2(x[1:] - x[:-1], 1.0 + x[1:] * x[:-1]) / math.pi
    assert breit_wigner(m, ratio * m).bin_integrals(edges) == pytest.approx(exact, rel=INTEGRAL)


@pytest.mark.parametrize("ratio", WIDTHS)
@pytest.mark.parametrize("m", [1.0, 2.0, 4.5])
def test_quantiles_of_a_breit_wigner(m: float, ratio: float) -> None:
    spectrum = breit_wigner(m, ratio * m)
    assert spectrum.cdf(spectrum.ppf(U)) == pytest.approx(U, abs=INVERSE)


def test_weight_multiplies_the_density() -> None:
    """Mean over q2 of a weight: moments of the beta distribution, and of a line."""
    spectrum = power_law(0.5, 1.5)
    mean = LOW + (HIGH - LOW) * 1.5 / 4.0
    (moment,) = spectrum.bin_integrals([LOW, HIGH], weight=lambda q2: q2)
    assert moment == pytest.approx(mean, rel=INTEGRAL)
    assert line(2.0, 3.0).bin_integrals([0.0, 5.0], weight=lambda q2: q2)[0] == pytest.approx(12.0, rel=ROUNDING)


polynomials = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=7).filter(lambda c: max(c) > 1e-3)


@settings(deadline=None, derandomize=True)
@given(polynomials, st.lists(st.floats(-1.0, 12.0), min_size=2, max_size=8, unique=True))
def test_polynomial_density(coefficients: list[float], edges: list[float]) -> None:
    """Bernstein polynomials with positive coefficients: any smooth positive density, exact integrals."""
    n = len(coefficients) - 1
    terms = [
        c
        * math.comb(n, k)
        * np.polynomial.Polynomial([0.0, 0.1]) ** k
        * np.polynomial.Polynomial([1.0, -0.1]) ** (n - k)
        for k, c in enumerate(coefficients)
    ]
    polynomial = sum(terms[1:], start=terms[0])
    spectrum = Spectrum.from_density(lambda q2: isotropic(np.clip(polynomial(q2), 0.0, None)), 0.0, 10.0)
    primitive = polynomial.integ()
    total = primitive(10.0) - primitive(0.0)
    x = np.sort(edges)
    inside = primitive(np.clip(x, 0.0, 10.0)) - primitive(0.0)
    assert spectrum.rate() == pytest.approx(total, rel=INTEGRAL)
    assert spectrum.cdf(x) == pytest.approx(inside / total, abs=1e-10)
    if np.all(np.diff(x) > 0.0):
        assert spectrum.bin_integrals(x) == pytest.approx(np.diff(inside), rel=INTEGRAL, abs=1e-13 * total)
    assert spectrum.cdf(spectrum.ppf(U[::50])) == pytest.approx(U[::50], abs=INVERSE)


# --- lines


def test_line() -> None:
    spectrum = line(2.0, 3e-17)
    assert spectrum.rate() == pytest.approx(3e-17, rel=ROUNDING, abs=0.0)
    assert spectrum.q2_range == (4.0, 4.0)
    assert spectrum.cdf([3.999, 4.0, 4.001]).tolist() == [0.0, 1.0, 1.0]
    assert spectrum.ppf([0.0, 0.3, 1.0]).tolist() == [4.0, 4.0, 4.0]
    assert spectrum.pdf([4.0]).tolist() == [0.0]


@pytest.mark.parametrize(
    ("edges", "content"),
    [
        ([0.0, 4.0, 8.0], [0.0, 1.0]),  # a line on an inner edge belongs to the upper bin
        ([0.0, 2.0, 4.0], [0.0, 1.0]),  # the last bin is closed
        ([4.0, 6.0], [1.0]),
        ([5.0, 6.0], [0.0]),
        ([0.0, 3.0], [0.0]),
    ],
)
def test_bin_of_a_line(edges: list[float], content: list[float]) -> None:
    assert line(2.0, 1.0).bin_integrals(edges) == pytest.approx(content, rel=ROUNDING)


def test_lines_are_ordered() -> None:
    spectrum = line(2.0, 1.0) + line(1.0, 3.0)
    assert [item.mass for item in spectrum.lines] == [1.0, 2.0]
    assert spectrum.cdf([1.0, 4.0]) == pytest.approx([0.75, 1.0], rel=ROUNDING)
    assert spectrum.ppf([0.0, 0.74, 0.76, 1.0]).tolist() == [1.0, 1.0, 4.0, 4.0]


def test_line_on_a_continuum() -> None:
    """A line with half of the rate in the middle of a flat continuum, and one above its range."""
    spectrum = flat() + line(math.sqrt(2.0), 4.0)
    assert spectrum.rate() == pytest.approx(8.0, rel=INTEGRAL)
    q2_line = spectrum.lines[0].q2
    below = np.nextafter(q2_line, 0.0)
    assert spectrum.cdf([0.0, 1.0, below, q2_line, 3.0, 4.0]) == pytest.approx(
        [0, 0.125, 0.25, 0.75, 0.875, 1], abs=1e-10
    )
    assert spectrum.ppf([0.0, 0.125, 0.26, 0.5, 0.74, 0.875, 1.0]) == pytest.approx(
        [0.0, 1.0, q2_line, q2_line, q2_line, 3.0, 4.0], abs=1e-9
    )
    assert spectrum.bin_integrals([0.0, 1.0, 3.0, 4.0]) == pytest.approx([1.0, 6.0, 1.0], rel=INTEGRAL)
    assert spectrum.pdf([1.0, 5.0]) == pytest.approx([0.125, 0.0], rel=INTEGRAL)
    beyond = flat() + line(3.0, 4.0)
    assert beyond.q2_range == (0.0, 9.0)
    assert beyond.ppf([0.25, 0.51, 1.0]) == pytest.approx([2.0, 9.0, 9.0], abs=1e-9)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0.2, 4.0), st.floats(0.01, 1.0)), min_size=1, max_size=4),
    st.floats(0.0, 1.0),
)
def test_quantiles_with_lines(lines: Sequence[tuple[float, float]], u: float) -> None:
    """ppf is the generalised inverse of cdf: u lies between cdf just below ppf(u) and cdf at ppf(u)."""
    spectrum = sum((line(*item) for item in lines), start=power_law(0.5, 1.5))
    q2 = float(spectrum.ppf(u))
    assert float(spectrum.cdf(np.nextafter(q2, -1.0))) - INVERSE <= u <= float(spectrum.cdf(q2)) + INVERSE


def test_rate_is_the_sum_of_the_bins() -> None:
    spectrum = power_law(0.5, 1.5) + line(2.5, 0.3)
    for edges in (EDGES, [LOW, HIGH], [-5.0, 2.0, 6.25, 40.0], [-np.inf, 3.0, np.inf]):
        assert spectrum.bin_integrals(edges).sum() == pytest.approx(spectrum.rate(), rel=INTEGRAL)


def test_shapes_of_results() -> None:
    spectrum = power_law(0.5, 1.5)
    for method in (spectrum.pdf, spectrum.cdf):
        assert method(3.0).shape == ()
        assert method(np.full((2, 3), 3.0)).shape == (2, 3)
    assert spectrum.ppf(0.5).shape == ()
    assert spectrum.ppf(np.full((2, 3), 0.5)).shape == (2, 3)


# --- angles


def test_width_of_twelve_coefficients() -> None:
    """9/(32 pi) sum J_i f_i integrated numerically over all three angles, arXiv:0811.1214 eq. (3.10)."""
    J = np.random.default_rng(5).uniform(-1.0, 1.0, 12)
    x, w = np.polynomial.legendre.leggauss(20)
    phi = np.arange(16) * 2.0 * np.pi / 16
    density = angular_density(J, *np.meshgrid(x, x, phi, indexing="ij"))
    integral = np.einsum("ijk,i,j->", density, w, w) * (2.0 * np.pi / 16) * 9.0 / (32.0 * np.pi)
    assert float(integrated(J)) == pytest.approx(integral, rel=1e-12)


def test_width_of_three_coefficients() -> None:
    """G0 + G1 c + G2 c^2 over c in [-1, 1]; the odd term does not contribute."""
    G = np.array([[0.4, 0.3, -0.2], [1.0, -0.7, 0.5]])
    exact = [quad(np.polynomial.Polynomial(row), -1.0, 1.0)[0] for row in G]
    assert integrated(G) == pytest.approx(exact, rel=1e-14)


def test_standard_angles_carry_their_width() -> None:
    widths = np.array([0.3, 2.0])
    assert integrated(isotropic(widths)) == pytest.approx(widths, rel=ROUNDING)
    assert integrated(longitudinal(widths)) == pytest.approx(widths, rel=ROUNDING)
    assert isotropic(1.0).tolist() == [0.5, 0.0, 0.0]


def test_longitudinal_kstar_is_cosine_squared() -> None:
    """A scalar mediator leaves a longitudinal K*: cos^2(theta_K), flat in the other angles."""
    J = longitudinal(1.0)
    x = np.linspace(-1.0, 1.0, 7)
    for c, phi in ((0.3, 0.1), (-0.9, 2.0)):
        shape = angular_density(J, np.full(7, c), x, np.full(7, phi)) * 9.0 / (32.0 * np.pi)
        assert shape * 4.0 * np.pi == pytest.approx(1.5 * x**2, abs=1e-14)


def test_spectrum_of_a_vector_hadron() -> None:
    spectrum = Spectrum.from_density(lambda q2: longitudinal(q2), 0.0, 2.0) + Spectrum.from_line(1.0, longitudinal(3.0))
    assert spectrum.n_angular == 12
    assert spectrum.rate() == pytest.approx(5.0, rel=INTEGRAL)


# --- refusals


def test_empty_range() -> None:
    for low, high in ((1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.nan)):
        with pytest.raises(ValueError, match="empty q2 range"):
            Spectrum.from_density(isotropic, low, high)


def test_negative_density() -> None:
    with pytest.raises(ValueError, match="negative at q2 = 4"):
        Spectrum.from_density(lambda q2: isotropic(1.0 - q2), 0.0, 4.0)


@pytest.mark.parametrize(
    ("G", "allowed"),
    [
        ((1.0, 1.0, 0.0), True),
        ((1.0, -1.01, 0.0), False),
        ((0.0, 0.0, 1.0), True),
        ((0.24, 1.0, 1.0), False),
        ((0.25, 1.0, 1.0), True),
        ((1.0, 0.0, -1.01), False),
    ],
)
def test_negative_angular_density_of_a_K(G: tuple[float, float, float], allowed: bool) -> None:
    """The rate is positive in all of these: 2 G0 + (2/3) G2."""
    assert integrated(np.array(G)) > 0.0
    check_angles(np.array(G), allowed)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({0: 0.75, 2: 0.25, 7: 1.0}, True),
        ({0: 0.75, 2: 0.25, 7: 1.01}, False),
        ({0: 0.3, 2: 0.1, 7: -0.41}, False),
        ({1: 0.5, 3: -0.5, 8: 0.0}, True),
        ({1: 0.4, 3: -0.5}, False),
        ({8: 1.01}, False),
    ],
)
def test_negative_angular_density_of_a_kstar(changes: dict[int, float], allowed: bool) -> None:
    """J1s + J2s cos 2theta + J6s c for a transverse K*, J1c + J2c cos 2theta + J6c c for a longitudinal one."""
    J = np.zeros(12)
    J[[0, 1]] = 1.0
    for i, value in changes.items():
        J[i] = value
    assert integrated(J) > 0.0
    check_angles(J, allowed)


def check_angles(coefficients: Array, allowed: bool) -> None:
    """A line or a continuum with these coefficients, which the sampling could not draw from if negative."""

    def of_line() -> Spectrum:
        return Spectrum.from_line(1.0, coefficients)

    def of_continuum() -> Spectrum:
        return Spectrum.from_density(lambda q2: np.outer(1.0 + q2, coefficients), 0.0, 4.0)

    for build in (of_line, of_continuum):
        if allowed:
            assert build().rate() > 0.0
        else:
            with pytest.raises(ValueError, match="negative"):
                build()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_density_that_is_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="not finite at q2 = "):
        Spectrum.from_density(lambda q2: isotropic(np.where(q2 > 2.0, value, 1.0)), 0.0, 4.0)


def test_too_many_cells() -> None:
    peaks = [(0.5 + 0.3 * k, 1e-3) for k in range(5)]
    with pytest.raises(ValueError, match=f"at most {MAX_CELLS}"):
        Spectrum.from_density(isotropic, 0.0, 4.0, peaks=peaks)
    with pytest.raises(ValueError, match=f"at most {MAX_CELLS}"):
        Spectrum.from_density(isotropic, 0.0, 4.0, thresholds=np.linspace(0.1, 3.9, 200).tolist())


def test_mixed_angular_coefficients() -> None:
    vector = Line(1.0, longitudinal(1.0))
    with pytest.raises(ValueError, match="3 or 12 throughout"):
        Spectrum([vector, Line(2.0, isotropic(1.0))])
    with pytest.raises(ValueError, match="3 or 12 throughout"):
        flat() + Spectrum([vector])
    with pytest.raises(ValueError, match="3 or 12 throughout"):
        Spectrum.from_line(1.0, [1.0, 2.0])


@pytest.mark.parametrize("width", [-1.0, math.nan])
def test_impossible_line(width: float) -> None:
    with pytest.raises(ValueError, match="negative or undefined"):
        line(1.0, width)


def test_nothing_at_all() -> None:
    with pytest.raises(ValueError, match="needs a line or a continuum"):
        Spectrum()


def test_two_continua() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        flat() + flat()


@pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [2.0, 1.0], [0.0, math.nan], [[0.0, 1.0], [2.0, 3.0]]])
def test_bad_edges(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="edges must increase"):
        flat().bin_integrals(edges)


@pytest.mark.parametrize("u", [-0.1, 1.1])
def test_bad_probability(u: float) -> None:
    with pytest.raises(ValueError, match="probabilities in"):
        flat().ppf(u)
