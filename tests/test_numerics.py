"""Numbers at the edge of what is physical: finite, of the right sign, normalised, and without jumps at thresholds.

The cases are always the same; warnings of NumPy are errors, so an overflow or 0/0 on the way fails as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bkgen import bs_to_invisible, dark_qed, formfactors, kinematics, limits, loops, models, n_eff, trident, widths
from bkgen import higgs_sector as higgs
from bkgen import self_energies as se
from bkgen import self_interaction as si
from bkgen.annihilation import alp
from bkgen.card import Card, card_from_dict, load_card
from bkgen.constants import Constants
from bkgen.dark_matter import FreezeIn
from bkgen.detector import Detector, efficiency_at, response
from bkgen.errors import InputError
from bkgen.quantities import rates
from bkgen.spectrum import Array, Spectrum, angular_functions, integrated

C = Constants.named()
CARDS = {path.stem: path for path in sorted((Path(__file__).parent.parent / "cards").glob("*.yaml"))}
CLOSE = 1e-9
"""Relative distance of two points on both sides of a threshold."""


def fixed(examples: int) -> settings:
    """The same cases in every run."""
    return settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def in_one_line(*refusals: object) -> None:
    assert all(len(str(text).splitlines()) == 1 for text in refusals)


def powers(low: float, high: float) -> st.SearchStrategy[float]:
    """Positive numbers, flat in the logarithm, between two powers of 10."""
    return st.floats(low, high).map(lambda x: 10.0**x)


masses = powers(-12.0, 1.0)  # GeV
couplings = powers(-15.0, 1.0)
scales = powers(0.0, 19.0)  # GeV
sines = powers(-12.0, -0.001)
shares = st.floats(1e-12, 1.0 - 1e-12)
form_factors = st.floats(-2.0, 2.0)
shapes = (form_factors, form_factors, form_factors)
constants = st.just(C)


def kaon(function: Callable[..., float]) -> Callable[..., float]:
    """The width of B+ -> K+ + a particle as a function of its mass and the further arguments."""
    return lambda *arguments: function(C.m_Bp, C.m_Kp, *arguments)


def B_to_V_X(m_X: float, g_bs: float, A_1: float, A_12: float, V: float) -> float:
    helicities = widths.B_to_V_X_helicities(C.m_Bp, C.m_Kstp, m_X, A_1, A_12, V)
    return widths.B_to_V_X(C.m_Bp, C.m_Kstp, m_X, g_bs, helicities)


# Functions that are not negative for any arguments of these kinds, except where they refuse them with a ValueError.
NOT_NEGATIVE: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "beta": (widths.beta, (masses, masses)),
    "two_body_momentum": (kaon(kinematics.two_body_momentum), (masses,)),
    "survival_probability": (kinematics.survival_probability, (powers(-3.0, 3.0), masses, powers(-30.0, 30.0))),
    "B_to_K_H1": (
        kaon(lambda M, m, m_H1, *rest: widths.B_to_K_H1(M, m, m_H1, *rest, C.m_b, C.m_s)),
        (masses, couplings, sines, form_factors),
    ),
    "B_to_V_H1": (
        kaon(lambda M, m, m_H1, *rest: widths.B_to_V_H1(M, m, m_H1, *rest, C.m_b, C.m_s)),
        (masses, couplings, sines, form_factors),
    ),
    "B_to_K_alp": (kaon(widths.B_to_K_alp), (masses, couplings, scales, form_factors)),
    "B_to_V_alp": (kaon(widths.B_to_V_alp), (masses, couplings, scales, form_factors)),
    "B_to_V_gamma_D": (kaon(widths.B_to_V_gamma_D), (scales, form_factors)),
    "B_to_K_X": (kaon(widths.B_to_K_X), (masses, couplings, form_factors)),
    "B_to_V_X": (B_to_V_X, (masses, couplings, *shapes)),
    "H1_to_XX": (widths.H1_to_XX, (masses, masses, couplings, scales, sines)),
    "H1_to_SS": (widths.H1_to_SS, (masses, masses, masses, sines)),
    "H1_to_chichi": (widths.H1_to_chichi, (masses, masses, couplings, sines)),
    "H1_to_NN": (widths.H1_to_NN, (masses, masses, couplings, sines)),
    "H1_to_ff": (widths.H1_to_ff, (masses, masses, sines, scales)),
    "H1_to_gg": (widths.H1_to_gg, (masses, sines, constants)),
    "H1_to_bb": (widths.H1_to_bb, (masses, sines, constants)),
    "H1_to_ZpZp": (widths.H1_to_ZpZp, (masses, masses, scales, sines)),
    "ZpZp_transverse_fraction": (widths.ZpZp_transverse_fraction, (masses, masses)),
    "dark_higgs_visible_width": (widths.dark_higgs_visible_width, (masses,)),
    "a_to_ff": (widths.a_to_ff, (masses, masses, couplings, scales)),
    "a_to_chichi": (widths.a_to_chichi, (masses, masses, couplings, scales, st.booleans())),
    "a_to_gg": (widths.a_to_gg, (masses, couplings, scales, shares)),
    "a_to_gammagamma": (widths.a_to_gammagamma, (masses, couplings, scales, shares)),
    "Zp_to_nunu": (widths.Zp_to_nunu, (masses, couplings)),
    "Zp_to_ll": (widths.Zp_to_ll, (masses, masses, couplings)),
    "Zp_to_XX": (widths.Zp_to_XX, (masses, masses, couplings, couplings)),
    "X_to_ff": (widths.X_to_ff, (masses, masses, couplings, couplings)),
    "X_to_psipsi": (widths.X_to_psipsi, (masses, masses, couplings)),
    "|B|": (lambda x: abs(loops.B(x)), (powers(-30.0, 30.0),)),
    "|A|": (lambda x: abs(loops.A(x)), (powers(-30.0, 30.0),)),
    "|C_G_eff|": (lambda *arguments: abs(loops.C_G_eff(*arguments)), (masses, couplings, constants)),
    "|C_gamma_eff|": (
        lambda *arguments: abs(loops.C_gamma_eff(*arguments)),
        (masses, couplings, couplings, constants),
    ),
    "X_0": (loops.X_0, (powers(-6.0, 6.0),)),
    "|kinetic_mixing|": (lambda *arguments: abs(loops.kinetic_mixing(*arguments)), (masses, couplings, constants)),
    "delta_a_mu": (loops.delta_a_mu, (masses, couplings, constants)),
    "delta_N_eff_instantaneous": (n_eff.delta_N_eff_instantaneous, (masses,)),
    "contact_ratio": (trident.contact_ratio, (masses, couplings, constants)),
    "ratio": (trident.ratio, (masses, couplings)),
    "by_dark_photon": (si.by_dark_photon, (couplings, masses, masses)),
    "by_dark_higgs": (si.by_dark_higgs, (couplings, masses, masses, masses, shares)),
    "Bs to scalars": (bs_to_invisible.to_scalars, (masses, couplings, st.booleans(), constants)),
    "Bs to fermions": (
        bs_to_invisible.to_fermions,
        (masses, couplings, couplings, couplings, st.booleans(), constants),
    ),
    "beta_times_sommerfeld": (dark_qed.beta_times_sommerfeld, (masses, masses, shares)),
    "sommerfeld_factor": (dark_qed.sommerfeld_factor, (sines, couplings)),
    "H2_to_H1H1": (higgs.H2_to_H1H1, (masses, sines, scales, constants)),
    "b_to_s_a": (alp.b_to_s_a, (st.just(C.m_b), masses, couplings, couplings, scales)),
    "bb_to_ag": (
        lambda s, m_a: alp.bb_to_ag(s, m_a, C.m_b, 1.0, 1e8, 0.2),
        (st.one_of(powers(-9.0, 5.0), powers(-15.0, 0.0)).map(lambda x: (2.0 * C.m_b * (1.0 + x)) ** 2), masses),
    ),
    "bg_to_ba": (
        lambda x, m_a: alp.bg_to_ba(((C.m_b + m_a) * (1.0 + x)) ** 2, m_a, C.m_b, 1.0, 1e8, 0.2),
        (powers(-15.0, 5.0), masses),
    ),
}


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_numbers_are_finite_and_not_negative(name: str) -> None:
    """Or refused in one line."""
    function, arguments = NOT_NEGATIVE[name]
    answered = 0

    @fixed(15)
    @given(st.tuples(*arguments))
    def check(values: tuple[Any, ...]) -> None:
        nonlocal answered
        try:
            result = np.asarray(function(*values))
        except ValueError as error:
            in_one_line(error)
            return
        assert np.all(np.isfinite(result) & (result >= 0.0)), (values, result)
        answered += 1

    check()
    assert answered > 0


# --- thresholds


def jump(function: Callable[[float], Any], threshold: float, distance: float = CLOSE) -> float:
    """Change across a threshold, relative to the value at one tenth above it."""
    below, above, scale = (complex(function(threshold * factor)) for factor in (1.0 - distance, 1.0 + distance, 1.1))
    assert np.isfinite([below, above]).all()
    return abs(above - below) / abs(scale)


THRESHOLDS: dict[str, tuple[Callable[[float], Any], float]] = {
    "H1_to_XX": (lambda m: widths.H1_to_XX(m, 0.7, 0.1, 50.0, 1.0), 1.4),
    "H1_to_chichi": (lambda m: widths.H1_to_chichi(m, 0.7, 0.1, 1.0), 1.4),
    "H1_to_ZpZp": (lambda m: widths.H1_to_ZpZp(m, 0.7, 50.0, 1.0), 1.4),
    "H1_to_bb": (lambda m: widths.H1_to_bb(m, 1.0, C), 2.0 * C.m_Bp),
    "dark_higgs_visible_width": (widths.dark_higgs_visible_width, 2.0 * C.m_mu),
    "X_to_ff, axial": (lambda m: widths.X_to_ff(m, 0.7, 0.0, 1.0), 1.4),
    "B(1)": (loops.B, 1.0),
    "B(100)": (loops.B, 100.0),
    "A(1)": (loops.A, 1.0),
    "A(100)": (loops.A, 100.0),
    "C_gamma_eff": (lambda m: loops.C_gamma_eff(m, 1.0, 1.0, C), 2.0 * C.m_mu),
    **{
        f"kinetic_mixing({x} m_{lepton}^2)": (lambda q2: loops.kinetic_mixing(q2, 1.0, C), x * m**2)
        for lepton, m in (("mu", C.m_mu), ("tau", C.m_tau))
        for x in (0.5, 4.0)
    },
    **{
        f"Pi of {pair.name}": (lambda q2, pair=pair: pair.Pi(q2, 2.0), pair.threshold)
        for pair in (se.XX(0.7, 0.1, 50.0), se.SS(0.7, 0.1), se.chichi(0.7, 0.1), se.NN(0.7, 0.1), se.ZpZp(0.7, 50.0))
    },
    "derivative of B0": (lambda q2: se.chichi(1.0, 0.1).Pi(1.0, math.sqrt(q2)), se._EXPAND_BELOW),
    "beta_times_sommerfeld": (lambda x: dark_qed.beta_times_sommerfeld(4.0 * x, 1.0, 0.1), 1.0 + 2.0 * CLOSE),
    "annihilation to charm": (
        lambda s: float(alp.bg_to_ba(s, 1.0, C.m_b, 1.0, 1e8, 0.2)),
        (C.m_b + 1.0) ** 2,
    ),
}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_no_jump_at_thresholds(name: str) -> None:
    """At 1e-9 to both sides a velocity is 4e-5; nothing changes faster than that."""
    function, threshold = THRESHOLDS[name]
    assert jump(function, threshold) < 3e-4


@fixed(40)
@given(st.sampled_from(["XX", "SS", "chichi", "NN", "ZpZp"]), masses, masses, couplings, st.floats(-1.0, 1.0))
def test_self_energies(kind: str, m: float, m_1: float, coupling: float, where: float) -> None:
    """Absorptive parts are not negative, and everything is finite at any q2 of either sign, also at threshold."""
    make: dict[str, Callable[[], se.Pair]] = {
        "XX": lambda: se.XX(m, coupling, 100.0),
        "SS": lambda: se.SS(m, coupling),
        "chichi": lambda: se.chichi(m, coupling),
        "NN": lambda: se.NN(m, coupling),
        "ZpZp": lambda: se.ZpZp(m, 1.0 / coupling),
    }
    pair = make[kind]()
    q2 = np.array(
        [0.0, pair.threshold, pair.threshold * (1.0 + CLOSE), m_1**2, math.copysign(10.0 ** (12 * where), where)]
    )
    W = pair.W(q2)
    assert np.all(np.isfinite(W) & (W >= 0.0))
    assert np.all(np.isfinite(pair.Pi(q2, m_1)))
    assert pair.Pi(m_1**2, m_1).real == pytest.approx(0.0, abs=1e-12 * (1.0 + abs(pair.Pi(4.0 * m_1**2, m_1).real)))


# --- form factors, detector, limits


@pytest.mark.parametrize("key", formfactors._load_sets(), ids=lambda key: " ".join(key))
def test_form_factors(key: tuple[str, str]) -> None:
    """Finite and of one sign from q2 = 0 to the end point, and as smooth as the poles beyond it allow."""
    ff = formfactors._load_sets()[key]
    for name in ff.form_factors:
        end = min(ff.t_minus, ff.q2_limit(name)) * (1.0 - CLOSE)
        values = ff.value(name, np.concatenate([[0.0, 1e-24], np.linspace(0.01, end, 200)]))
        assert np.all(np.isfinite(values))
        assert values[1] == pytest.approx(values[0], rel=1e-15)
        assert np.all(values > 0.0) or name in ("A_2", "T_3")


@pytest.mark.parametrize("name", ["belle2-ita", "belle2-hta", "ideal"])
def test_efficiencies_are_probabilities(name: str) -> None:
    r = response(Detector(name=name), load_card(CARDS["sm"]).decay, C, 10.579)
    efficiency = efficiency_at(r, np.concatenate([[-1.0, 0.0, 1e-24], np.linspace(0.0, 30.0, 500)]))
    assert np.all((efficiency >= 0.0) & (efficiency <= 1.0))
    if r.eta_cumulative.size:
        assert r.eta_cumulative[:, -1] == pytest.approx(1.0, rel=1e-14)
        assert np.all(np.diff(r.eta_cumulative, axis=1) >= 0.0)


@fixed(60)
@given(st.sampled_from(limits.all_limits()), masses, st.one_of(powers(-30.0, 30.0), st.just(math.inf)))
def test_limits_are_positive_or_none(limit: limits.Limit, mass: float, lifetime: float) -> None:
    value = limit.value if limit.curve is None else limit.curve.at(mass, lifetime)
    assert (value is None and limit.curve is not None) or 0.0 < value < math.inf


@pytest.mark.parametrize("m_Zp", [n_eff.LIGHTEST, 2.0 * C.m_e * (1.0 + CLOSE), 0.0115, n_eff.HEAVIEST])
def test_n_eff(m_Zp: float) -> None:
    """From the entropy of the Z' for neutrinos to one temperature of them and the photons; 1e-40 GeV is no width."""
    alone = n_eff.N_eff(C, m_Zp)
    assert 3.0 < alone < 6.0
    assert n_eff.N_eff(C, m_Zp, 1e-40) == pytest.approx(alone, abs=1e-6)
    if m_Zp > 2.0 * C.m_e:
        assert 1.0 < n_eff.N_eff(C, m_Zp, 1e-20) < 3.0 * (11.0 / 4.0) ** (4.0 / 3.0)


# --- models


def places(block: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of the numbers of a model."""
    found = []
    for key, value in block.items():
        if isinstance(value, dict):
            found += places(value, (*path, key))
        elif isinstance(value, float):
            found.append((*path, key))
    return found


@st.composite
def points(draw: st.DrawFn, card: str) -> dict[str, Any]:
    """A card with up to two other numbers: masses from 1e-12 GeV to just below an end point, tiny couplings."""
    data = load_card(CARDS[card]).resolved()
    model = data["model"]
    numbers = places(model)
    end = C.m_Bp - C.m_Kp
    for *path, key in draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=2, unique=True)) if numbers else []:
        block = model
        for name in path:
            block = block[name]
        if key.startswith("m_"):
            near_end = powers(-9.0, -1.0).map(lambda x: end - x)
            block[key] = draw(
                st.one_of(masses, near_end, near_end.map(lambda m: 0.5 * m), st.just(end * (1.0 - CLOSE)))
            )
        elif key in ("f_a", "Lambda", "v_Phi"):
            block[key] = draw(scales)
        else:
            block[key] = draw(couplings)
    data["channel"] = draw(st.sampled_from(models.registry()[model["name"]].channels))
    data["detector"] = {"name": "ideal"}
    data.pop("luminosity", None)
    if data["channel"].startswith("Bs"):
        data["beam"] = "rest"
    return data


def check_spectrum(spectrum: Spectrum) -> None:
    """The rate is what the density, its angles and the distribution function integrate to."""
    rate, (lower, upper) = spectrum.rate(), spectrum.q2_range
    u = spectrum.ppf(np.linspace(0.0, 1.0, 21))
    assert np.all((u >= lower) & (u <= upper) & (np.diff(u, prepend=lower) >= 0.0))
    assert spectrum.cdf([upper])[0] == pytest.approx(1.0, abs=1e-10)
    if upper > lower:
        edges = np.linspace(lower, upper, 8)
        bins = spectrum.bin_integrals(edges)
        assert np.all(bins >= 0.0)
        assert bins.sum() == pytest.approx(rate, rel=1e-8, abs=0.0)
        pdf = spectrum.pdf(edges)
        assert np.all(np.isfinite(pdf) & (pdf >= 0.0))
    if spectrum.continuum is not None:
        check_angles(spectrum.continuum.coefficients[::100])
    for line in spectrum.lines:
        check_angles(line.coefficients[None, :])


_X, _W = np.polynomial.legendre.leggauss(4)
_PHI = np.linspace(0.0, 2.0 * math.pi, 8, endpoint=False)


def check_angles(coefficients: Array) -> None:
    """Angular densities are not negative and integrate to the width, by quadrature that is exact for them."""
    if coefficients.shape[-1] == 3:
        density, total = coefficients @ angular_functions(_X).T, _W
    else:
        c, c_K, phi = (x.ravel() for x in np.meshgrid(_X, _X, _PHI, indexing="ij"))
        total = (_W[:, None, None] * _W[None, :, None] * np.full(8, 2.0 * math.pi / 8.0)).ravel()
        density = 9.0 / (32.0 * math.pi) * coefficients @ angular_functions(c, c_K, phi).T
    size = np.abs(density).max(axis=-1)
    assert np.all(density >= -1e-9 * size[:, None])
    assert density @ total == pytest.approx(integrated(coefficients), rel=1e-12, abs=1e-12 * size.max())


def check_point(card: Card) -> None:
    """Rates, spectrum, decay modes, widths and annihilation cross sections of a point."""
    for quantity in rates(card, uncertainties=False):
        assert math.isfinite(quantity.value)
        assert quantity.value >= 0.0 or not quantity.name.startswith(("BR", "Gamma", "ctau"))
    model, inputs = card.model, card.physics_inputs
    spectrum = model.spectrum(card.decay, inputs)
    if spectrum.rate() > 0.0:
        check_spectrum(spectrum)
        fractions = np.array([mode.fraction(spectrum.table_q2) for mode in model.modes(inputs)])
        assert np.all(fractions >= 0.0)
        assert fractions.sum(axis=0) == pytest.approx(1.0, rel=1e-9)
    for observable in model.observables(inputs):
        assert math.isfinite(observable.value)
    try:
        candidate = model.dark_matter(inputs)
    except InputError:
        return
    if candidate is not None:
        check_cross_sections(candidate)


def check_cross_sections(candidate: Any) -> None:
    """Not negative from 1e-12 above threshold to 1e4 times it."""
    above = 1.0 + np.concatenate([[1e-12, CLOSE], np.logspace(-6.0, 4.0, 20)])
    if isinstance(candidate, FreezeIn):
        processes = [(scattering, sum(scattering.masses) ** 2) for scattering in candidate.scatterings]
    else:
        processes = [(channel, 4.0 * candidate.mass**2) for channel in candidate.channels]
        processes += [(channel, 4.0 * candidate.mass**2) for channel in getattr(candidate, "semi_channels", ())]
    for process, threshold in processes:
        sigma = process.sigma(threshold * above)
        assert np.all(np.isfinite(sigma) & (sigma >= 0.0)), (process.name, sigma)


@pytest.mark.parametrize("name", CARDS)
def test_points_of_models(name: str) -> None:
    """Every point has numbers that fit together, or problems of one line each."""
    answered = 0

    @fixed(12)
    @given(points(name))
    def check(data: dict[str, Any]) -> None:
        nonlocal answered
        try:
            card = card_from_dict(data)
        except InputError as error:
            in_one_line(*error.problems)
            return
        check_point(card)
        answered += 1

    check()
    assert answered > 0


@pytest.mark.parametrize(
    ("name", "key", "threshold"),
    [
        ("dark_higgs", "m_H1", 2.0 * C.m_mu),
        ("dark_higgs", "m_H1", 2.0 * C.m_tau),
        ("alp", "m_a", 2.0 * C.m_mu),
        ("alp", "m_a", 2.0 * C.m_tau),
        ("dark_photon", "m_X", 2.0 * C.m_mu),
        ("dark_photon", "m_X", 2.0 * C.m_pip),
    ],
)
def test_rates_of_models_do_not_jump(name: str, key: str, threshold: float) -> None:
    """Every branching fraction of the B on both sides of the threshold of a decay of the mediator."""
    data = load_card(CARDS[name]).resolved()
    below, above = (
        rates(card_from_dict({**data, "model": data["model"] | {key: threshold * factor}}), uncertainties=False)
        for factor in (1.0 - CLOSE, 1.0 + CLOSE)
    )
    before, after = ({q.name: q.value for q in side if q.name.startswith("BR(B")} for side in (below, above))
    assert before == pytest.approx(after, rel=1e-3)
