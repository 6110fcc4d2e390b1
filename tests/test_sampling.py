"""Distributions of the generated events, each against its formula; and wrong samplers that the same checks catch.

Every check is a function that returns a p-value.  It is worked out from the written four-momenta of a million events
and must not fall below 1e-6; for a deliberately wrong sampler it must.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from four_vectors import (
    ACCEPT,
    INPUTS,
    MILLION,
    Array,
    Columns,
    Mask,
    azimuth,
    boosted,
    chi2_p,
    columns_of,
    cos_theta,
    cos_theta_K,
    counts_in,
    dot,
    flat_p,
    four,
    in_rest_frame,
    kolmogorov_p,
    mass_squared,
    momentum_columns,
    product_p,
    quadratic_p,
    sample_of,
    to_Y4S,
    unit,
)
from numpy.testing import assert_allclose
from scipy.special import ndtr
from scipy.stats import binomtest

from bkgen import kernels, streams
from bkgen.channels import CHANNELS, Channel
from bkgen.dark_matter import DecayMode
from bkgen.formfactors import Inputs
from bkgen.generator import Beam, Sample
from bkgen.kinematics import long_distance_q2_max, q2_rec_window, two_body_momentum
from bkgen.models.base import Model
from bkgen.models.continuum import Continuum
from bkgen.models.dark_higgs import DarkHiggs, ScalarDM, Zprime
from bkgen.models.kst_toy import KstToy
from bkgen.models.sm import StandardModel
from bkgen.spectrum import Spectrum, isotropic

Quadratic = tuple[float, float, float]

FLAT: Quadratic = (0.5, 0.0, 0.0)
SINE_SQUARED: Quadratic = (0.75, 0.0, -0.75)
COSINE_SQUARED: Quadratic = (0.0, 0.0, 1.5)
ONE_PLUS: Quadratic = (0.375, 0.75, 0.375)
ONE_MINUS: Quadratic = (0.375, -0.75, 0.375)
BEAM = Beam()

SM = StandardModel(name="sm")
LONG_DISTANCE = StandardModel(name="sm", component="long_distance")


class BreitWigner(Model):
    """A narrow resonance in q2 with flat angles, tabulated with nodes that follow its phase."""

    channels = ("B+ -> K+",)
    name: Literal["breit_wigner"] = "breit_wigner"
    m: float = 2.0
    Gamma: float = 0.002

    def phase(self, q2: Array | float) -> Array:
        """Indefinite integral of the line shape."""
        return np.asarray(np.arctan((q2 - self.m**2) / (self.m * self.Gamma)) / math.pi)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """1e-18 GeV times m Gamma/pi / ((q2 - m^2)^2 + m^2 Gamma^2)."""
        scale = self.m * self.Gamma

        def density(q2: Array) -> Array:
            return isotropic(1e-18 * scale / math.pi / ((q2 - self.m**2) ** 2 + scale**2))

        return Spectrum.from_density(density, 0.0, channel.q2_max(inputs.constants), peaks=[(self.m, self.Gamma)])

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """X is not decayed."""
        return (DecayMode("stable", 1.0, True, "none"),)


# --- q2


def q2_p(spectrum: Spectrum, q2: Array) -> float:
    """Smallest p-value of: share of the line, chi2 in 200 bins against the density, Kolmogorov of the continuum."""
    on_line = np.zeros(len(q2), dtype=bool)
    p_values = []
    for line in spectrum.lines:
        here = q2 == line.q2
        on_line |= here
        p_values.append(float(binomtest(int(here.sum()), len(q2), line.rate() / spectrum.rate()).pvalue))
    continuous = Spectrum(continuum=spectrum.continuum)
    lower, upper = continuous.q2_range
    edges = np.linspace(lower, upper, 201)
    p_values.append(chi2_p(counts_in([q2[~on_line]], [edges]), continuous.bin_integrals(edges)))
    p_values.append(kolmogorov_p(q2[~on_line], continuous.cdf, every=50))
    return min(p_values)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(SM, id="sm"),
        pytest.param(Continuum(name="continuum"), id="continuum"),
        pytest.param(Continuum(name="continuum", a=0.0, b=0.0), id="flat"),
        pytest.param(Continuum(name="continuum", a=3.0, b=0.5, m_d=1.0), id="powers-3-half"),
        pytest.param(Continuum(name="continuum", m_line=2.1, line_fraction=0.3), id="line-and-continuum"),
        pytest.param(BreitWigner(), id="breit-wigner"),
        pytest.param(BreitWigner(m=3.0, Gamma=1e-6), id="1-keV"),
    ],
)
def test_q2(model: Model) -> None:
    """q2 follows the spectrum of the model."""
    sample = sample_of(model, events=MILLION)
    p = q2_p(sample.spectrum, columns_of(sample, ["q2"])["q2"])
    assert p >= ACCEPT


@pytest.mark.parametrize("width", [0.002, 1e-6])
def test_breit_wigner_phase(width: float) -> None:
    """The phase of a narrow resonance is flat: its peak and its tails are sampled alike, at any width."""
    model = BreitWigner(Gamma=width)
    sample = sample_of(model, events=MILLION)
    lower, upper = model.phase(0.0), model.phase(sample.spectrum.q2_range[1])
    phase = model.phase(columns_of(sample, ["q2"])["q2"])
    assert flat_p(phase, float(lower), float(upper), bins=400) >= ACCEPT
    assert kolmogorov_p(phase, lambda x: (x - lower) / (upper - lower)) >= ACCEPT


def test_cells_of_the_spectrum() -> None:
    """The guide table finds the cell that holds a cumulative fraction, also at the ends."""
    for model in (SM, BreitWigner(Gamma=1e-6)):
        plan = sample_of(model).plan
        u = np.concatenate([np.random.default_rng(1).random(5_000), [0.0, 1e-300, 1.0 - 2.0**-53, 1.0]])
        cells = np.array([kernels._cell(plan.cumulative, plan.guide, float(x)) for x in u])
        inside = np.minimum(u, 1.0 - 2.0**-53)
        assert np.all(plan.cumulative[cells] <= inside)
        assert np.all(inside < plan.cumulative[cells + 1])


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.0, 1.0), (2.0, 0.0), (1.0, 3.0), (1e-30, 4e-30)])
def test_linear_density_inside_a_cell(a: float, b: float) -> None:
    """x in [0, 1] with a density that rises or falls linearly from a to b."""
    rng = state()
    x = np.array([kernels._linear(rng, a, b) for _ in range(DRAWS)])
    assert kolmogorov_p(x, lambda y: y * (2.0 * a + y * (b - a)) / (a + b)) >= ACCEPT


# --- angle of the pair


@pytest.mark.parametrize(
    ("h1", "h2"),
    [
        pytest.param(0.0, 0.0, id="flat"),
        pytest.param(0.0, -1.0, id="sin2"),
        pytest.param(0.0, 1e12, id="cos2"),
        pytest.param(2.0, 1.0, id="(1+c)2"),
        pytest.param(-2.0, 1.0, id="(1-c)2"),
        pytest.param(0.7, -0.3, id="odd-falling"),
        pytest.param(-0.9, 0.0, id="linear"),
        pytest.param(-1.5, 4.0, id="odd-rising"),
    ],
)
def test_cos_theta(h1: float, h2: float) -> None:
    """Angle of d1 in the pair frame, for every shape of the quadratic."""
    sample = sample_of(Continuum(name="continuum", h1=h1, h2=h2, m_d=0.2), events=MILLION)
    columns = columns_of(sample, ["q2", "cos_theta", *momentum_columns("X", "K", "d1")])
    measured = cos_theta(columns, "K")
    assert_allclose(measured, columns["cos_theta"], rtol=0.0, atol=1e-9)
    assert quadratic_p(measured, (1.0, h1, h2)) >= ACCEPT


def q2_and_angle_p(spectrum: Spectrum, q2: Array, cosines: Array) -> float:
    """chi2 in q2 and cos(theta) of a product of the spectrum with sin^2(theta)."""
    q2_edges, edges = np.linspace(*spectrum.q2_range, 31), np.linspace(-1.0, 1.0, 21)
    angle = np.diff(edges - edges**3 / 3.0)
    return product_p(q2, cosines, q2_edges, edges, spectrum.bin_integrals(q2_edges), angle)


def test_q2_and_angle_are_independent() -> None:
    """In the Standard Model the neutrino angle is sin^2(theta) at every q2."""
    sample = sample_of(SM, events=MILLION)
    columns = columns_of(sample, ["q2", "cos_theta"])
    assert q2_and_angle_p(sample.spectrum, columns["q2"], columns["cos_theta"]) >= ACCEPT


# --- angles of a spin-1 K*

C_EDGES = np.linspace(-1.0, 1.0, 11)
PHI_EDGES = np.linspace(-math.pi, math.pi, 13)
Angles = tuple[Array, Array, Array]

_ONE: Callable[[Array], Array] = np.ones_like


def _sine(c: Array) -> Array:
    return np.asarray(np.sqrt(1.0 - c**2))


# The 12 angular functions of arXiv:0811.1214 eq. (3.10) as products of functions of cos(theta), cos(theta_K) and phi.
TERMS: tuple[tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Array], Array]], ...] = (
    (_ONE, lambda k: 1.0 - k**2, _ONE),
    (_ONE, lambda k: k**2, _ONE),
    (lambda c: 2.0 * c**2 - 1.0, lambda k: 1.0 - k**2, _ONE),
    (lambda c: 2.0 * c**2 - 1.0, lambda k: k**2, _ONE),
    (lambda c: 1.0 - c**2, lambda k: 1.0 - k**2, lambda phi: np.cos(2.0 * phi)),
    (lambda c: 2.0 * c * _sine(c), lambda k: 2.0 * k * _sine(k), np.cos),
    (_sine, lambda k: 2.0 * k * _sine(k), np.cos),
    (lambda c: c, lambda k: 1.0 - k**2, _ONE),
    (lambda c: c, lambda k: k**2, _ONE),
    (_sine, lambda k: 2.0 * k * _sine(k), np.sin),
    (lambda c: 2.0 * c * _sine(c), lambda k: 2.0 * k * _sine(k), np.sin),
    (lambda c: 1.0 - c**2, lambda k: 1.0 - k**2, lambda phi: np.sin(2.0 * phi)),
)
_X, _W = np.polynomial.legendre.leggauss(40)


def _integrals(f: Callable[[Array], Array], edges: Array, angle: bool) -> Array:
    """Integral of f over each bin; with angle, over a cosine through its angle, where sqrt(1 - c^2) is smooth."""
    a = np.arccos(edges) if angle else edges
    half = 0.5 * np.diff(a)
    x = (0.5 * (a[1:] + a[:-1]))[:, None] + half[:, None] * _X
    values = f(np.cos(x)) * -np.sin(x) if angle else f(x)
    return np.asarray((values @ _W) * half)


@cache
def term_integrals() -> Array:
    """(12, 10, 10, 12) integrals of the angular functions over bins of cos(theta), cos(theta_K), phi."""
    parts = [
        (_integrals(f, C_EDGES, True), _integrals(g, C_EDGES, True), _integrals(h, PHI_EDGES, False))
        for f, g, h in TERMS
    ]
    return np.array([np.einsum("i,j,k->ijk", *part) for part in parts])


def angular_p(J: Array, angles: Angles) -> float:
    """chi2 in 1200 bins of (cos theta, cos theta_K, phi) against the exact integrals of the density."""
    c, c_K, phi = angles
    counts = counts_in([c, c_K, phi], [C_EDGES, C_EDGES, PHI_EDGES])
    return chi2_p(counts, np.einsum("t,tijk->ijk", J, term_integrals()))


def angular_moments(angles: Angles) -> tuple[Array, Array]:
    """Means of the 12 angular functions over the events, and their standard errors."""
    values = np.array([f(angles[0]) * g(angles[1]) * h(angles[2]) for f, g, h in TERMS])
    return values.mean(axis=1), values.std(axis=1) / math.sqrt(values.shape[1])


def exact_moments(J: Array) -> Array:
    """Means of the 12 angular functions over the density of those coefficients."""
    phi = np.linspace(-math.pi, math.pi, 16, endpoint=False)
    grid = [np.array([f(_X)[:, None] * g(_X)]) for f, g, _ in TERMS]
    values = np.array([(part[0][:, :, None] * h(phi)).ravel() for part, (_, _, h) in zip(grid, TERMS, strict=True)])
    weight = np.broadcast_to((_W[:, None] * _W)[:, :, None], (40, 40, 16)).ravel()
    density = weight * (J @ values)
    return np.asarray(values @ density / density.sum())


def kst_angles(model: KstToy, channel: str = "B0 -> K*0", seed: int = 1) -> Angles:
    """Angles of a million events, from their four-momenta."""
    decay = CHANNELS[channel]
    beam, luminosity = (Beam(at_rest=True), None) if decay.production is None else (BEAM, 362.0)
    sample = sample_of(model, channel, MILLION, seed=seed, beam=beam, luminosity=luminosity)
    first, second = (daughter.prefix for daughter in decay.daughters)
    names = momentum_columns("B", decay.prefix, first, second, "X", "d1", "d2")
    columns = columns_of(sample, ["q2", "cos_theta", "cos_theta_K", "azimuth", *names])
    c = cos_theta(columns, decay.prefix)
    c_K = cos_theta_K(columns, decay.prefix, first, sample.plan.m_H)
    phi = azimuth(columns, decay.prefix, (first, second), sample.plan.m_B)
    assert_allclose(c, columns["cos_theta"], rtol=0.0, atol=1e-8)
    assert_allclose(c_K, columns["cos_theta_K"], rtol=0.0, atol=1e-8)
    c, c_K = np.clip(c, -1.0, 1.0), np.clip(c_K, -1.0, 1.0)
    s = np.sqrt((1.0 - c**2) * (1.0 - c_K**2))
    assert np.all(s * np.abs(np.exp(1j * phi) - np.exp(1j * columns["azimuth"])) < 1e-7)
    return c, c_K, phi


TOY = KstToy(name="kst_toy", m_d=0.1)
TRANSVERSE = KstToy(name="kst_toy", m_d=0.1, J1c=0.0, J2c=0.0, J4=0.0, J5=0.0, J6c=0.0, J7=0.0, J8=0.0)
LONGITUDINAL = KstToy(
    name="kst_toy", J1s=0.0, J2s=0.0, J3=0.0, J4=0.0, J5=0.0, J6s=0.0, J6c=0.3, J7=0.0, J8=0.0, J9=0.0
)


@cache
def toy_angles() -> Angles:
    """Angles of the toy with all 12 coefficients."""
    return kst_angles(TOY)


def test_twelve_angular_coefficients() -> None:
    """Joint distribution of the three angles with all 12 coefficients different from zero."""
    assert np.all(TOY.J != 0.0)
    assert angular_p(TOY.J, toy_angles()) >= ACCEPT


def test_twelve_moments() -> None:
    """Each of the 12 angular functions has the mean that its coefficient asks for, within 4 standard errors."""
    mean, error = angular_moments(toy_angles())
    assert np.all(np.abs(mean - exact_moments(TOY.J)) < 4.0 * error)


@pytest.mark.parametrize(
    ("model", "channel"),
    [
        pytest.param(TRANSVERSE, "B0 -> K*0", id="transverse"),
        pytest.param(LONGITUDINAL, "B+ -> K*+", id="longitudinal"),
        pytest.param(TOY, "Bs -> phi", id="phi-at-rest"),
    ],
)
def test_polarised_kst(model: KstToy, channel: str) -> None:
    """Purely transverse and purely longitudinal K*, massive and massless pairs, another hadron."""
    assert angular_p(model.J, kst_angles(model, channel)) >= ACCEPT


def test_kst_without_a_pair() -> None:
    """X without daughters: cos(theta_K) keeps the transverse and longitudinal shares, its azimuth is flat."""
    sample = sample_of(KstToy(name="kst_toy", topology="none"), "B0 -> K*0", events=MILLION)
    columns = columns_of(sample, ["q2", *momentum_columns("B", "Kst", "Kst_K")])
    J = TOY.J
    transverse, along = 2.0 * J[0] - (2.0 / 3.0) * J[2], J[1] - J[3] / 3.0
    h = (0.5 * transverse, 0.0, along - 0.5 * transverse)
    assert quadratic_p(cos_theta_K(columns, "Kst", "Kst_K", sample.plan.m_H), h) >= ACCEPT
    B = four(columns, "B")
    Kst, K = (in_rest_frame(four(columns, name), B, sample.plan.m_B) for name in ("Kst", "Kst_K"))
    normal = unit(np.cross(Kst[:, :3], [0.0, 0.0, 1.0]))
    phi = np.arctan2(dot(K[:, :3], normal), dot(K[:, :3], np.cross(unit(Kst), normal)))
    assert flat_p(phi, -math.pi, math.pi) >= ACCEPT


# --- production


def production_p(direction: Array) -> float:
    """chi2 of directions against sin^2(theta) about z, flat in azimuth."""
    edges, phi_edges = np.linspace(-1.0, 1.0, 41), np.linspace(-math.pi, math.pi, 17)
    phi = np.arctan2(direction[:, 1], direction[:, 0])
    polar = np.diff(edges - edges**3 / 3.0)
    return product_p(direction[:, 2], phi, edges, phi_edges, polar, np.diff(phi_edges))


def isotropy_p(direction: Array, B: Array) -> float:
    """chi2 of directions against isotropy: in fixed axes, and of the angle to the B jointly with the angle of the B."""
    edges, phi_edges = np.linspace(-1.0, 1.0, 33), np.linspace(-math.pi, math.pi, 33)
    phi = np.arctan2(direction[:, 1], direction[:, 0])
    flat, polar = np.diff(edges), np.diff(edges - edges**3 / 3.0)
    fixed = product_p(direction[:, 2], phi, edges, phi_edges, flat, np.diff(phi_edges))
    return min(fixed, product_p(dot(direction, B), B[:, 2], edges, edges, flat, polar))


@cache
def production() -> tuple[Columns, Array, Array]:
    """Standard Model events with their B and kaon in the Y(4S) frame."""
    sample = sample_of(SM, events=MILLION)
    columns = columns_of(sample, ["q2", "q2_rec", *momentum_columns("B", "K")])
    return columns, to_Y4S(four(columns, "B"), BEAM.boost), to_Y4S(four(columns, "K"), BEAM.boost)


def test_direction_of_the_B() -> None:
    """The B flies like sin^2(theta) about the beam axis in the Y(4S) frame, with the momentum of the beam energy."""
    columns, B, _ = production()
    constants = INPUTS.constants
    assert production_p(unit(B)) >= ACCEPT
    p = two_body_momentum(BEAM.sqrt_s, constants.m_Bp, constants.m_Bp)
    assert_allclose(np.linalg.norm(B[:, :3], axis=1), p, rtol=1e-10)
    assert len(columns["q2"]) == MILLION


def test_hadron_is_isotropic_in_the_B_frame() -> None:
    """A spinless B has no direction: the hadron is isotropic in its frame, whatever the B does."""
    _, B, K = production()
    assert isotropy_p(unit(in_rest_frame(K, B, INPUTS.constants.m_Bp)), unit(B)) >= ACCEPT


def window_p(q2: Array, q2_rec: Array, centre: float = 1.0) -> float:
    """p-value of q2_rec - q2 flat in its window; `centre` scales the centre of the window."""
    constants = INPUTS.constants
    middle, half = q2_rec_window(BEAM.sqrt_s, constants.m_Bp, constants.m_Kp, q2)
    x = (q2_rec - q2 - centre * middle) / half
    return min(flat_p(np.clip(x, -1.0, 1.0), -1.0, 1.0), kolmogorov_p(x, lambda y: 0.5 * (1.0 + y)))


def test_q2_rec_window() -> None:
    """q2_rec - q2 of a perfect detector is flat in the window that the motion of the B opens."""
    columns, _, _ = production()
    constants = INPUTS.constants
    middle, half = q2_rec_window(BEAM.sqrt_s, constants.m_Bp, constants.m_Kp, columns["q2"])
    assert np.all(np.abs(columns["q2_rec"] - columns["q2"] - middle) < half + 1e-9)
    assert window_p(columns["q2"], columns["q2_rec"]) >= ACCEPT


# --- cascades

CASCADES = DarkHiggs(
    name="dark_higgs",
    m_H1=2.0,
    sin_theta=4e-3,
    X=ScalarDM(m_X=0.2, lambda_PhiX=1e-4, Q_X=2.0),
    Zp=Zprime(m_Zp=0.8, g_X=1e-2, Q_Phi=1.0),
)
# Decays of a Z' of that helicity: a left-handed neutrino flies against a positive one, scalars have no helicity.
POLAR: Mapping[tuple[str, int], Quadratic] = {
    ("LL", 14): SINE_SQUARED,
    ("T++", 14): ONE_MINUS,
    ("T--", 14): ONE_PLUS,
    ("LL", 51): COSINE_SQUARED,
    ("T++", 51): SINE_SQUARED,
    ("T--", 51): SINE_SQUARED,
}


def polar_angle(columns: Columns, rows: Mask, parent: str, first: str, mass: float) -> Array:
    """Cosine of the first daughter against the flight direction of its parent in the X frame."""
    p = four(columns, parent)[rows]
    daughter, X = (in_rest_frame(four(columns, name)[rows], p, mass) for name in (first, "X"))
    return -dot(unit(daughter), unit(X))


def plane_angle(columns: Columns, rows: Mask) -> Array:
    """Angle between the decay planes of d1 and d2 in the X frame."""
    X, m_X = four(columns, "X")[rows], np.sqrt(columns["q2"][rows])
    d1, d11, d21 = (in_rest_frame(four(columns, name)[rows], X, m_X)[:, :3] for name in ("d1", "d11", "d21"))
    n1, n2 = np.cross(d1, d11), np.cross(d1, d21)
    return np.arctan2(dot(np.cross(n1, n2), unit(d1)), dot(n1, n2))


@cache
def cascades() -> tuple[Sample, Columns]:
    """Dark Higgs events with longitudinal and transverse Z' pairs."""
    sample = sample_of(CASCADES, events=MILLION)
    names = momentum_columns("X", "K", "d1", "d2", "d11", "d21")
    return sample, columns_of(sample, ["q2", "mode", "cos_theta", *names])


@pytest.mark.parametrize(("helicity", "code"), list(POLAR))
def test_cascade_polar_angles(helicity: str, code: int) -> None:
    """Polar angle of the first daughter of either Z', by helicity and by species."""
    sample, columns = cascades()
    species = {14: (14, 16), 51: (51,)}[code]
    for parent, first, position in (("d1", "d11", 2), ("d2", "d21", 4)):
        modes = [i for i, m in enumerate(sample.modes) if f"({helicity})" in m.name and m.pdg[position] in species]
        rows = np.isin(columns["mode"], modes)
        assert rows.sum() > 10_000
        assert quadratic_p(polar_angle(columns, rows, parent, first, 0.8), POLAR[helicity, code]) >= ACCEPT


def test_cascade_planes_and_pair() -> None:
    """The decay planes of the two Z' are at random to each other; a scalar decays isotropically in either mode."""
    sample, columns = cascades()
    topology = np.array([mode.topology for mode in sample.modes])[columns["mode"]]
    assert flat_p(plane_angle(columns, topology == "cascade"), -math.pi, math.pi) >= ACCEPT
    for kind in ("cascade", "pair"):
        chosen = {name: values[topology == kind] for name, values in columns.items()}
        assert len(chosen["q2"]) > 100_000
        assert quadratic_p(cos_theta(chosen, "K"), FLAT) >= ACCEPT


def test_modes_follow_their_branching_fractions() -> None:
    """Counts of the decay modes."""
    sample, columns = cascades()
    counts = np.bincount(columns["mode"], minlength=len(sample.modes))
    assert chi2_p(counts, np.array([mode.branching_fraction for mode in sample.modes])) >= ACCEPT


def test_cascade_beside_a_kst() -> None:
    """The second step does not depend on the hadron: sin^2 polar angles and free planes with a K*."""
    sample = sample_of(KstToy(name="kst_toy", m_d=0.6, topology="cascade"), "B0 -> K*0", events=MILLION)
    names = momentum_columns("X", "Kst", "d1", "d2", "d11", "d21")
    columns = columns_of(sample, ["q2", *names])
    rows = np.ones(MILLION, dtype=bool)
    for parent, first in (("d1", "d11"), ("d2", "d21")):
        assert quadratic_p(polar_angle(columns, rows, parent, first, 0.6), SINE_SQUARED) >= ACCEPT
    assert flat_p(plane_angle(columns, rows), -math.pi, math.pi) >= ACCEPT


# --- pole


def test_tau_pole() -> None:
    """Tau long distance: (p_K + p_nubar)^2 = m_tau^2 in every event, and q2 falls linearly to its end point."""
    sample = sample_of(LONG_DISTANCE, events=MILLION)
    columns = columns_of(sample, ["q2", "cos_theta", *momentum_columns("X", "K", "d1", "d2")])
    c = INPUTS.constants
    tau = four(columns, "K") + four(columns, "d2")
    assert_allclose(mass_squared(tau), c.m_tau**2, rtol=1e-9)
    Q = long_distance_q2_max(c.m_Bp, c.m_Kp, c.m_tau)
    assert kolmogorov_p(columns["q2"], lambda x: x / Q * (2.0 - x / Q)) >= ACCEPT
    assert q2_p(sample.spectrum, columns["q2"]) >= ACCEPT
    heavy = columns["q2"] > 1e-3
    chosen = {name: values[heavy] for name, values in columns.items()}
    assert_allclose(cos_theta(chosen, "K"), chosen["cos_theta"], rtol=0.0, atol=1e-8)


# --- wrong samplers


def flat_azimuth() -> float:
    """A sampler that leaves out every term of the azimuth."""
    flat = KstToy(name="kst_toy", m_d=0.1, J3=0.0, J4=0.0, J5=0.0, J7=0.0, J8=0.0, J9=0.0)
    return angular_p(TOY.J, kst_angles(flat))


def independent_angles() -> float:
    """Three angles with the right distribution each, but without their correlation."""
    rng = np.random.default_rng(5)
    c, c_K, phi = toy_angles()
    return angular_p(TOY.J, (c, rng.permutation(c_K), rng.permutation(phi)))


def mirrored_azimuth() -> float:
    """The opposite sign convention of the azimuth."""
    c, c_K, phi = toy_angles()
    return angular_p(TOY.J, (c, c_K, -phi))


def shifted_q2() -> float:
    """q2 too large by 0.02 GeV^2 (and the end point respected)."""
    sample = sample_of(SM, events=MILLION)
    q2 = columns_of(sample, ["q2"])["q2"] + 0.02
    return q2_p(sample.spectrum, np.minimum(q2, sample.spectrum.q2_range[1]))


def shifted_resonance() -> float:
    """A resonance of mass 2 GeV that is 0.02 GeV^2 too high."""
    sample = sample_of(BreitWigner(Gamma=0.1), events=MILLION)
    q2 = columns_of(sample, ["q2"])["q2"] + 0.02
    return q2_p(sample.spectrum, np.minimum(q2, sample.spectrum.q2_range[1]))


def angle_that_depends_on_q2() -> float:
    """A neutrino angle that is flat in the last tenth of the q2 range."""
    sample = sample_of(SM, events=MILLION)
    columns = columns_of(sample, ["q2", "cos_theta"])
    high = columns["q2"] > 0.9 * sample.spectrum.q2_range[1]
    flat = np.random.default_rng(5).uniform(-1.0, 1.0, MILLION)
    return q2_and_angle_p(sample.spectrum, columns["q2"], np.where(high, flat, columns["cos_theta"]))


def isotropic_B() -> float:
    """A B without the sin^2(theta) of e+e- -> B Bbar."""
    return production_p(unit(np.random.default_rng(5).normal(size=(MILLION, 3))))


def isotropic_in_the_Y4S_frame() -> float:
    """A hadron whose direction is taken in the wrong frame."""
    _, B, K = production()
    return isotropy_p(unit(K), unit(B))


def window_without_its_centre() -> float:
    """q2_rec with the term p_B^2 left out."""
    columns, _, _ = production()
    return window_p(columns["q2"], columns["q2_rec"], centre=0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        flat_azimuth,
        independent_angles,
        mirrored_azimuth,
        shifted_q2,
        shifted_resonance,
        angle_that_depends_on_q2,
        isotropic_B,
        isotropic_in_the_Y4S_frame,
        window_without_its_centre,
    ],
)
def test_wrong_samplers_are_caught(wrong: Callable[[], float]) -> None:
    """The checks above have the power to see a wrong sampler."""
    assert wrong() < ACCEPT


# --- leaf samplers

DRAWS = 60_000


def state(k: int = 0) -> streams.State:
    """A stream of its own for each leaf."""
    return streams.stream(3, k, streams.Purpose.EVENTS)


@pytest.mark.parametrize("purpose", list(streams.Purpose))
def test_uniform_continues_numpys_stream(purpose: streams.Purpose) -> None:
    """`uniform` is Generator(SFC64(SeedSequence(seed, spawn_key))).random(), bit for bit."""
    seeds = np.random.SeedSequence(7, spawn_key=(3, int(purpose)))
    expected = np.random.Generator(np.random.SFC64(seeds)).random(DRAWS)
    rng = streams.stream(7, 3, purpose)
    assert np.array_equal([streams.uniform(rng) for _ in range(DRAWS)], expected)


def test_normal() -> None:
    """Standard normal numbers, the two of a pair independent."""
    rng = state()
    pairs = np.array([streams.normal_pair(rng) for _ in range(DRAWS)])
    for x in (pairs[:, 0], pairs[:, 1], pairs.sum(axis=1) / math.sqrt(2.0)):
        assert kolmogorov_p(x, ndtr) >= ACCEPT
    assert abs(float(np.mean(pairs[:, 0] * pairs[:, 1]))) < 5.0 / math.sqrt(DRAWS)


@pytest.mark.parametrize(
    "h",
    [
        FLAT,
        SINE_SQUARED,
        COSINE_SQUARED,
        ONE_PLUS,
        ONE_MINUS,
        (1.0, 1.0, 0.0),
        (1.0, -0.4, -0.5),
        (0.1, 0.0, 3.0),
        (0.5, -0.9, 1.7),
        (2.0, 0.3, 2.0),
        (1e-20, 0.0, -1e-20),
        (0.0, 0.0, 1e-30),
    ],
)
def test_quadratic(h: Quadratic) -> None:
    """c with density h0 + h1 c + h2 c^2, whatever its sign and its normalisation."""
    rng = state()
    c = np.array([kernels._quadratic(rng, *h) for _ in range(DRAWS)])
    assert quadratic_p(c, h) >= ACCEPT
    assert kolmogorov_p(c, lambda x: _quadratic_cdf(x, h)) >= ACCEPT


def _quadratic_cdf(c: Array, h: Quadratic) -> Array:
    indefinite = c * (h[0] + c * (h[1] / 2.0 + c * h[2] / 3.0)) + h[0] - h[1] / 2.0 + h[2] / 3.0
    return np.asarray(indefinite / (2.0 * h[0] + 2.0 * h[2] / 3.0))


def test_fixed_shapes() -> None:
    """sin^2, cos^2, isotropic directions and the uniform azimuth."""
    rng = state()
    sine, cosine = (np.array([f(rng) for _ in range(DRAWS)]) for f in (kernels._sine_squared, kernels._cosine_squared))
    assert quadratic_p(sine, SINE_SQUARED) >= ACCEPT
    assert quadratic_p(cosine, COSINE_SQUARED) >= ACCEPT
    azimuths = np.array([kernels._azimuth(rng) for _ in range(DRAWS)])
    assert_allclose((azimuths**2).sum(axis=1), 1.0, rtol=1e-14)
    assert flat_p(np.arctan2(azimuths[:, 1], azimuths[:, 0]), -math.pi, math.pi) >= ACCEPT
    n = np.array([kernels._direction(rng) for _ in range(DRAWS)])
    assert_allclose((n**2).sum(axis=1), 1.0, rtol=1e-14)
    edges, phi_edges = np.linspace(-1.0, 1.0, 11), np.linspace(-math.pi, math.pi, 11)
    phi = np.arctan2(n[:, 1], n[:, 0])
    assert product_p(n[:, 2], phi, edges, phi_edges, np.diff(edges), np.diff(phi_edges)) >= ACCEPT


def test_basis_is_right_handed() -> None:
    """e1, e2, n are orthonormal with e1 x e2 = n for every n, the poles included."""
    directions = [tuple(v) for v in unit(np.random.default_rng(1).normal(size=(500, 3)))]
    poles = [(0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (1.0, 0.0, -0.0), (0.6, -0.8, 1e-300)]
    near = [(1e-9, -1e-9, 1.0), (1e-9, 1e-9, -1.0)]
    for n in (*directions, *poles, *near):
        basis = np.array(kernels._basis(n))
        assert_allclose(basis @ basis.T, np.eye(3), rtol=0.0, atol=1e-14)
        assert_allclose(np.cross(basis[0], basis[1]), n, rtol=0.0, atol=1e-14)


def test_momentum_and_boost() -> None:
    """Two-body momentum as in `bkgen.kinematics`; a boost and its inverse cancel."""
    for M, m1, m2 in ((5.28, 0.49, 2.0), (1.0, 0.5, 0.5), (1.0, 0.5, 0.5 - 1e-13), (2.0, 0.0, 0.0), (2.0, 1.9, 0.2)):
        expected = two_body_momentum(M, m1, m2) if m1 + m2 <= M else 0.0
        assert_allclose(kernels._momentum(M, 1.0 / M, m1, m2), expected, rtol=1e-12)
    p = (0.3, -1.2, 0.7, 2.5)
    frame = np.array([0.8, 2.2, -4.0, math.sqrt(4.0 + 0.8**2 + 2.2**2 + 4.0**2)])
    there = kernels._boost(p, kernels._four_velocity(tuple(frame), 0.5))
    assert_allclose(boosted(np.array([p]), 0.5 * frame[:3])[0], there, rtol=1e-13)
    frame[:3] *= -1.0
    assert_allclose(kernels._boost(there, kernels._four_velocity(tuple(frame), 0.5)), p, rtol=1e-13)


def test_select() -> None:
    """The entry of a cumulative table that holds u; the last one takes the rounding."""
    table = np.array([0.2, 0.2, 0.9, 1.0 - 1e-16])
    picked = [kernels._select(table, u) for u in (0.0, 0.1999, 0.2, 0.89, 0.9, 1.0)]
    assert picked == [0, 0, 2, 2, 3, 3]
    assert all(a <= b for a, b in pairwise(picked))
