"""Named quantities of a card: names, uncertainties of form factors, and the chance that X flies out of the detector."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import dblquad

import bkgen
from bkgen.card import Card, card_from_dict
from bkgen.channels import channel
from bkgen.formfactors import Inputs
from bkgen.kinematics import p_B_upsilon4S, survival_probability, two_body_momentum
from bkgen.quantities import (
    branching_fractions,
    form_factor_uncertainties,
    invisible_branching,
    mean_survival,
    rates,
    unseen_probability,
)
from bkgen.results import answer

INPUTS = Inputs.default()
C = INPUTS.constants
B_PLUS = channel("B+ -> K+")
BOOST = (0.0432, 0.0, 0.284)
SQRT_S = 10.579

SM: dict[str, Any] = {"name": "sm"}
ZP: dict[str, Any] = {
    "name": "dark_higgs",
    "m_H1": 2.0,
    "sin_theta": 4e-3,
    "Zp": {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3},
}
ALP: dict[str, Any] = {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_G_UV": 8.0, "C_chi": 5.0, "m_chi": 0.5}
STABLE: dict[str, Any] = {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_q": 0.0, "C_V_sb": 1.0}
MODELS = {
    "sm": SM,
    "sm long distance": {"name": "sm", "component": "long_distance"},
    "dark_higgs": ZP,
    "alp": ALP,
    "alp stable": STABLE,
    "continuum": {"name": "continuum", "m_line": 2.0, "line_fraction": 0.5},
}


def card_of(model: dict[str, Any], **settings: Any) -> Card:
    return card_from_dict({"schema": 1, "model": model, "channel": "B+ -> K+", **settings})


def values(card: Card) -> dict[str, float]:
    """Numbers by name."""
    return {quantity.name: quantity.value for quantity in rates(card) if isinstance(quantity.value, float)}


def uncertainties(card: Card) -> dict[str, float | None]:
    return {quantity.name: quantity.uncertainty for quantity in rates(card)}


# --- names


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (SM, ["BR(B+ -> K+ nu nubar)", "BR(B+ -> K+ inv)"]),
        (
            ZP,
            [
                "BR(B+ -> K+ H1)",
                "BR(B+ -> K+ inv)",
                "Gamma(H1 -> Zp Zp -> invisible)",
                "Gamma(H1 -> Zp Zp -> visible)",
                "Gamma(H1 -> e+ e-)",
                "Gamma(H1 -> mu+ mu-)",
                "Gamma(H1 -> g g)",
                "Gamma(H1 -> s sbar)",
                "Gamma(H1)",
                "BR(H1 -> Zp Zp -> invisible)",
                "BR(H1 -> Zp Zp -> visible)",
                "BR(H1 -> e+ e-)",
                "BR(H1 -> mu+ mu-)",
                "BR(H1 -> g g)",
                "BR(H1 -> s sbar)",
                "BR(H1 -> inv)",
                "ctau(H1)",
                "Gamma(Zp -> nu_mu nu_mu~)",
                "Gamma(Zp -> nu_tau nu_tau~)",
                "Gamma(Zp -> e+ e-)",
                "BR(Zp -> inv)",
                "ctau(Zp)",
                "eps(0)",
                "Delta a_mu",
                "v_Phi",
                "sin_theta/v_Phi",
                "lambda_H",
                "lambda_Phi",
                "lambda_PhiH",
                "Gamma(h -> H1 H1)",
                "Gamma(h -> Zp Zp)",
                "BR(h -> inv)",
            ],
        ),
        (STABLE, ["BR(B+ -> K+ a)", "BR(B+ -> K+ inv)", "Gamma(a)", "BR(a -> inv)"]),
    ],
    ids=["sm", "dark_higgs", "stable alp"],
)
def test_names(model: dict[str, Any], names: list[str]) -> None:
    assert [quantity.name for quantity in rates(card_of(model))] == names


def test_names_of_the_neutral_channel() -> None:
    names = list(values(card_of(SM, channel="B0 -> K0")))
    assert names == ["BR(B0 -> K0 nu nubar)", "BR(B0 -> K0 inv)", "BR(B0 -> K_S inv)"]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_answers_are_finite_json(model: dict[str, Any]) -> None:
    """Every result is ASCII, has a unit and survives strict JSON; lifetimes that are infinite are left out."""
    card = card_of(model)
    text = json.dumps(
        answer("rates", card.resolved(), rates(card), card.warnings, card.physics_inputs.sha256), allow_nan=False
    )
    quantities = json.loads(text)["quantities"]
    assert quantities.keys() == {quantity.name for quantity in rates(card)}
    assert all(name.isascii() and math.isfinite(entry["value"]) for name, entry in quantities.items())
    assert {entry["unit"] for entry in quantities.values()} <= {"1", "GeV", "GeV^-1", "m"}


def test_short_lived_K0_is_half_of_the_K0() -> None:
    found = values(card_of(ALP, channel="B0 -> K0", detector="ideal"))
    assert found["BR(B0 -> K_S inv)"] == pytest.approx(0.5 * found["BR(B0 -> K0 inv)"], rel=1e-15, abs=0.0)
    assert 0.0 < found["BR(B0 -> K0 inv)"] < found["BR(B0 -> K0 a)"]


# --- uncertainties of form factors


def test_standard_model_uncertainty_is_that_of_samples() -> None:
    """Linear propagation of the HPQCD covariance against 400 draws of all form-factor parameters.

    The spread of n draws is known to 1/sqrt(2 n); the published total of 0.37e-6 contains CKM factors as well.
    """
    card, n = card_of(SM, inputs={"set": "hpqcd2022"}), 400
    name = "BR(B+ -> K+ nu nubar)"
    shifts = card.physics_inputs.form_factor("K").sample(np.random.default_rng(11), n)
    sample = np.array([branching_fractions(card, card.physics_inputs.with_shift("K", s))[name] for s in shifts])
    linear = uncertainties(card)[name]
    assert linear is not None
    assert 0.2e-6 < linear < 0.37e-6
    assert sample.std(ddof=1) == pytest.approx(linear, rel=3.0 / math.sqrt(2.0 * n), abs=0.0)
    assert sample.mean() == pytest.approx(values(card)[name], rel=0.0, abs=3.0 * linear / math.sqrt(n))


@pytest.mark.parametrize("name", ["HPQCD2022", "GRvDV2023"])
def test_uncertainty_of_a_line_is_that_of_one_form_factor(name: str) -> None:
    """BR ~ f_0(m_a^2)^2: the relative uncertainty is twice that of f_0, by its gradient and covariance."""
    card = card_of(ALP, form_factors=name)
    form_factors = card.physics_inputs.form_factor("K")
    f_0 = form_factors.f_0(4.0)
    gradient = [form_factors.shifted(unit).f_0(4.0) - f_0 for unit in np.eye(len(form_factors.parameters))]
    relative = math.sqrt(gradient @ np.array(form_factors.covariance) @ gradient) / f_0
    errors, central = uncertainties(card), values(card)
    for quantity in ("BR(B+ -> K+ a)", "BR(B+ -> K+ inv)"):
        assert errors[quantity] == pytest.approx(2.0 * relative * central[quantity], rel=1e-6, abs=0.0)


def test_uncertainties_scale_with_the_rate() -> None:
    """Couplings multiply branching fraction and uncertainty alike."""
    near, far = (uncertainties(card_of({**ALP, "f_a": f_a}, detector="ideal")) for f_a in (1e8, 1e9))
    name = "BR(B+ -> K+ a)"
    assert far[name] == pytest.approx(1e-2 * float(near[name] or 0.0), rel=1e-9, abs=0.0)


def test_correlated_uncertainties_add_linearly() -> None:
    """A multiple of a value has the same multiple of its uncertainty; a constant has none."""
    card = card_of(SM)
    name = "BR(B+ -> K+ nu nubar)"

    def derived(inputs: Inputs) -> dict[str, float]:
        value = branching_fractions(card, inputs)[name]
        return {"once": value, "minus three times": -3.0 * value, "constant": 1.0}

    errors = form_factor_uncertainties(card, derived)
    assert errors["minus three times"] == pytest.approx(3.0 * errors["once"], rel=1e-12, abs=0.0)
    assert errors["constant"] == 0.0


def test_what_has_no_form_factors_has_no_uncertainty() -> None:
    """Widths of the mediator do not depend on form factors; the tau long-distance part does not either."""
    errors = uncertainties(card_of(ALP))
    assert all(errors[name] is None for name in errors if not name.startswith("BR(B+"))
    long_distance = uncertainties(card_of({"name": "sm", "component": "long_distance"}))
    assert set(long_distance.values()) == {None}
    toy = card_of({"name": "kst_toy"}, channel="Bs -> phi", beam="rest", form_factors={"phi": None})
    assert set(uncertainties(toy).values()) <= {None, 0.0}


# --- branching fractions in bins


@pytest.mark.parametrize("model", [SM, ALP, ZP, MODELS["continuum"]], ids=["sm", "alp", "dark_higgs", "continuum"])
def test_bins_add_up_to_the_invisible_branching_fraction(model: dict[str, Any]) -> None:
    card = card_of(model)
    bins = invisible_branching(card, np.linspace(0.0, 23.0, 24))
    assert bins.sum() == pytest.approx(values(card)["BR(B+ -> K+ inv)"], rel=1e-8, abs=0.0)
    assert np.all(bins >= 0.0)


def test_bins_with_other_form_factors() -> None:
    card = card_of(SM)
    shift = card.physics_inputs.form_factor("K").eigen_shifts()[0]
    shifted = card.physics_inputs.with_shift("K", shift)
    whole = invisible_branching(card, np.array([0.0, 23.0]), shifted)
    assert whole[0] == pytest.approx(branching_fractions(card, shifted)["BR(B+ -> K+ inv)"], rel=1e-8, abs=0.0)


# --- flight out of the detector


def survival(
    m_X: float, ctau: float, L_det: float = 3.5, sqrt_s: float | None = SQRT_S, boost: tuple[float, ...] = BOOST
) -> float:
    vector = (boost[0], boost[1], boost[2])
    return float(mean_survival(np.array([m_X**2]), B_PLUS, INPUTS, ctau, L_det, sqrt_s, vector)[0])


@pytest.mark.parametrize("sqrt_s", [None, SQRT_S])
@pytest.mark.parametrize("m_X", [0.01, 2.0, 4.78])
def test_survival_limits(m_X: float, sqrt_s: float | None) -> None:
    """Nothing that decays at once leaves the detector, everything that lives long does."""
    assert survival(m_X, 1e-9, sqrt_s=sqrt_s) == 0.0
    assert survival(m_X, 1e12, sqrt_s=sqrt_s) == pytest.approx(1.0, abs=1e-9)
    assert survival(m_X, math.inf, sqrt_s=sqrt_s) == pytest.approx(1.0, abs=1e-12)
    rising = [survival(m_X, ctau, sqrt_s=sqrt_s) for ctau in np.geomspace(1e-3, 1e3, 13)]
    assert np.all(np.diff(rising) >= 0.0)


@pytest.mark.parametrize("ctau", [0.3, 3.0, 100.0])
@pytest.mark.parametrize("m_X", [0.5, 2.0, 4.5])
def test_survival_of_a_B_at_rest(m_X: float, ctau: float) -> None:
    """One momentum: exp(-L m_X/(k ctau))."""
    beta_gamma = two_body_momentum(C.m_Bp, C.m_Kp, m_X) / m_X
    exact = survival_probability(3.5, beta_gamma, ctau)
    assert survival(m_X, ctau, sqrt_s=None, boost=(0.0, 0.0, 0.0)) == pytest.approx(exact, rel=1e-12, abs=0.0)


def test_survival_of_massless_particles() -> None:
    """Infinite time dilation: a massless X always leaves."""
    assert survival(0.0, 1.0) == pytest.approx(1.0, abs=1e-12)


def test_survival_depends_on_the_ratio_of_lengths() -> None:
    assert survival(2.0, 1.0, L_det=3.5) == pytest.approx(survival(2.0, 2.0, L_det=7.0), rel=1e-12)


@pytest.mark.parametrize("ctau", [0.5, 5.0])
def test_survival_in_the_upsilon_frame(ctau: float) -> None:
    """Without a boost only the angle between X and the B counts, whatever the B does."""
    m_X, m_B = 2.0, C.m_Bp
    p_B = p_B_upsilon4S(SQRT_S, m_B)
    E_B, k = SQRT_S / 2.0, two_body_momentum(m_B, C.m_Kp, m_X)
    x, w = np.polynomial.legendre.leggauss(200)
    E = (E_B * math.hypot(k, m_X) + p_B * k * x) / m_B
    exact = 0.5 * w @ np.exp(-3.5 * m_X / (np.sqrt(E**2 - m_X**2) * ctau))
    assert survival(m_X, ctau, boost=(0.0, 0.0, 0.0)) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("boost", [(0.0, 0.0, 0.284), BOOST, (0.9, 0.0, 0.1)], ids=["z", "crossing", "x"])
def test_survival_is_an_average_over_directions(boost: tuple[float, float, float]) -> None:
    """The product formula against events: B ~ sin^2(theta) about z, X isotropic in the B frame, then the boost."""
    m_X, ctau, m_B = 2.0, 1.0, C.m_Bp
    p_B, k = p_B_upsilon4S(SQRT_S, m_B), two_body_momentum(m_B, C.m_Kp, m_X)
    gamma, E_B, E_X = math.sqrt(1.0 + sum(b**2 for b in boost)), SQRT_S / 2.0, math.hypot(k, m_X)
    phi = (np.arange(64) + 0.5) * 2.0 * np.pi / 64

    def mean_over_azimuths(c_B: float, c_X: float) -> float:
        """X at polar angle c_X about a B at polar angle c_B; azimuths of both by the midpoint rule."""
        along = (E_B * k * c_X + p_B * E_X) / m_B
        E, across = (E_B * E_X + p_B * k * c_X) / m_B, k * math.sqrt(1.0 - c_X**2)
        s_B = math.sqrt(1.0 - c_B**2)
        radial, z = along * s_B - across * np.cos(phi) * c_B, along * c_B + across * np.cos(phi) * s_B
        sideways = across * np.sin(phi)
        x = radial[:, None] * np.cos(phi) - sideways[:, None] * np.sin(phi)
        y = radial[:, None] * np.sin(phi) + sideways[:, None] * np.cos(phi)
        E_lab = gamma * E + boost[0] * x + boost[1] * y + boost[2] * z[:, None]
        p_lab = np.sqrt(E_lab**2 - m_X**2)
        return float(np.mean(np.exp(-3.5 * m_X / (p_lab * ctau)))) * 0.75 * (1.0 - c_B**2) * 0.5

    exact = dblquad(mean_over_azimuths, -1.0, 1.0, -1.0, 1.0, epsabs=0.0, epsrel=1e-6)[0]
    assert survival(m_X, ctau, boost=boost) == pytest.approx(exact, rel=1e-6)


def test_unseen_probability() -> None:
    """None where X cannot be seen; else BR_inv plus the visible decays outside."""
    assert unseen_probability(card_of(SM), INPUTS) is None
    assert unseen_probability(card_of(STABLE), INPUTS) is None
    card = card_of(ALP, beam="rest")
    probability = unseen_probability(card, INPUTS)
    assert probability is not None
    widths = card.model.widths(INPUTS)
    assert widths is not None
    invisible = widths.invisible_fraction
    beta_gamma = two_body_momentum(C.m_Bp, C.m_Kp, 2.0) / 2.0
    expected = invisible + (1.0 - invisible) * math.exp(-3.5 / (beta_gamma * widths.ctau))
    assert probability(np.array([4.0]))[0] == pytest.approx(expected, rel=1e-12)


def test_a_larger_detector_sees_more() -> None:
    sizes = [values(card_of(ALP, detector={"name": "ideal", "L_det": L}))["BR(B+ -> K+ inv)"] for L in (0.1, 3.5, 1e4)]
    widths = card_of(ALP).model.widths(INPUTS)
    assert widths is not None
    whole = values(card_of(ALP))["BR(B+ -> K+ a)"]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] == pytest.approx(widths.invisible_fraction * whole, rel=1e-9, abs=0.0)


@pytest.mark.parametrize(
    "settings",
    [{}, {"beam": "belle2-crossing"}, {"beam": {"boost": [1.0, 2.0, 0.5]}}, {"channel": "B0 -> K0"}],
    ids=["default", "crossing", "fast", "B0"],
)
def test_invisible_branching_fraction_is_the_mean_over_events(settings: dict[str, Any]) -> None:
    """Displaced ALP: quadrature against the mean p_invisible and the accepted fraction of 100,000 events."""
    n = 100_000
    card = card_of(ALP, detector="ideal", generate={"events": n, "seed": 4}, **settings)
    name = card.channel
    expected = values(card)[f"BR({name} inv)"] / values(card)[f"BR({name} a)"]
    events = bkgen.generate(card, workers=1).numpy()
    p = events["p_invisible"]
    assert p.mean() == pytest.approx(expected, rel=0.0, abs=4.0 * p.std() / math.sqrt(n))
    spread = math.sqrt(expected * (1.0 - expected) / n)
    assert events["accepted"].mean() == pytest.approx(expected, rel=0.0, abs=4.0 * spread)
    N_B = 2.0 * (C.f_pm if name == "B+ -> K+" else C.f_00) * C.N_BB_per_fb * 362.0
    assert events["weight"].sum() == pytest.approx(N_B * values(card)[f"BR({name} a)"], rel=1e-10)
